namespace Easel.Weights.Formats;

/// <summary>Tensors over memory that somebody else owns: <c>torch::from_blob</c>, which TorchSharp uses but does not offer.</summary>
internal static unsafe partial class TensorOver
{
    /// <summary>A CPU tensor, contiguous, over <paramref name="data"/>: no copy unless <paramref name="dtype"/> differs from the stored type. The memory must
    /// outlive the tensor.</summary>
    public static Tensor Memory(byte* data, ReadOnlySpan<long> shape, sbyte storedCode, ScalarType dtype)
    {
        // TorchSharp knows where its native library lies; it must have loaded it before the name below is looked up.
        InitializeDeviceType(DeviceType.CPU);
        fixed (long* sizes = shape)
        {
            var handle = New(data, &Keep, sizes, shape.Length, storedCode, (sbyte)dtype, (int)DeviceType.CPU, -1, false);
            if (handle == 0) CheckForErrors();
            return Tensor.UnsafeCreateTensor(handle);
        }
    }

    // libtorch calls this when the last tensor over the memory goes; the memory is not ours to free. A function pointer, unlike a delegate, is not collected.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Keep(void* data) { }

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_new")]
    private static partial nint New(void* data, delegate* unmanaged[Cdecl]<void*, void> deleter, long* sizes, int dimensions, sbyte storedCode, sbyte dtype,
        int deviceType, int deviceIndex, [MarshalAs(UnmanagedType.U1)] bool requiresGrad);
}
