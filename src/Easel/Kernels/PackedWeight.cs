namespace Easel.Kernels;

/// <summary>A weight as oneDNN's operators take it.</summary>
/// <param name="memory">What it lies in, where that is ours; null where the tensor has its own.</param>
/// <param name="isRented">Whether that is <see cref="KeptMemory"/>.</param>
internal sealed class PackedWeight(Tensor values, Tensor? memory = null, bool isRented = false) : IDisposable
{
    private bool _isDisposed;

    public Tensor Values => values;

    public void Dispose()
    {
        if (_isDisposed) return; // memory that is given back twice would be given out twice
        _isDisposed = true;
        values.Dispose();
        if (isRented) KeptMemory.Return(memory!);
        else memory?.Dispose();
    }
}
