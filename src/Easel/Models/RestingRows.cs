using Easel.Kernels;

namespace Easel.Models;

/// <summary>The rows of a weight, or of some of its outputs, at rest.</summary>
/// <param name="shape">That of what is read.</param> <param name="first">The first output that is.</param>
internal sealed unsafe class RestingRows(IWeightAtRest rest, ScalarType type, long[] shape, long first) : IWeightRows
{
    public long[] Shape => shape;

    public ScalarType Type => type;

    public bool IsBrief => true;

    public byte* Read(long place, int count, byte* workspace)
    {
        rest.Read(type, first + place, count, workspace);
        return workspace;
    }

    public void Dispose() { }
}
