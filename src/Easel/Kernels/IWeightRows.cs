namespace Easel.Kernels;

/// <summary>A weight, [outputs, inputs, k, k] or [outputs, inputs], that is read output by output: what one output is made with, [k, k, inputs], is a
/// row.</summary>
internal unsafe interface IWeightRows : IDisposable
{
    long[] Shape { get; }

    /// <summary>The number format of the values read: fp32 or bf16.</summary>
    ScalarType Type { get; }

    /// <summary>Whether what is made of it is needed for a moment only.</summary>
    bool IsBrief { get; }

    /// <summary>The rows of some outputs, one behind the other. Called by several threads at once.</summary>
    /// <param name="workspace">Room for so many rows, where they do not lie in memory as they are asked for.</param>
    /// <returns>Where they are: in <paramref name="workspace"/> or elsewhere.</returns>
    byte* Read(long first, int count, byte* workspace);
}

/// <summary>Some of the outputs of a weight, as a weight of their own.</summary>
/// <param name="rows">The whole, which stays the caller's.</param>
internal sealed unsafe class PartRows(IWeightRows rows, long first, long count) : IWeightRows
{
    public long[] Shape { get; } = [count, .. rows.Shape[1..]];

    public ScalarType Type => rows.Type;

    public bool IsBrief => rows.IsBrief;

    public byte* Read(long place, int outputs, byte* workspace) => rows.Read(first + place, outputs, workspace);

    public void Dispose() { }
}
