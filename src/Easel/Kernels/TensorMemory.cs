namespace Easel.Kernels;

/// <summary>Where a tensor's numbers are.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>The address of the first number, however the others lie. It holds as long as the tensor is not disposed.</summary>
    public static void* Address(Tensor tensor)
    {
        using var first = tensor.as_strided([1], [1], tensor.storage_offset()); // only what is contiguous gives its bytes
        return Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
