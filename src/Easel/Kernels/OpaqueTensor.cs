namespace Easel.Kernels;

/// <summary>Tensors whose numbers lie as oneDNN laid them out: the memory of one, and one over memory. libtorch has the second only for compiled models, as a
/// function of the C interface that these are linked against.</summary>
internal static unsafe partial class OpaqueTensor
{
    private const int Mkldnn = 3, Cpu = 0; // c10::Layout, c10::DeviceType

    private static readonly Lazy<bool> Works = new(Try);

    /// <summary>Whether this build of libtorch has the function.</summary>
    public static bool IsAvailable => Works.Value;

    /// <summary>The numbers as they lie. They are there as long as the tensor.</summary>
    public static ReadOnlySpan<byte> Memory(Tensor packed) => new((void*)OneDnn.Address(packed), checked((int)Bytes(packed)));

    public static long Bytes(Tensor packed) => OneDnn.Bytes(packed);

    /// <summary>How the numbers lie, as oneDNN writes it down itself.</summary>
    public static byte[] Description(Tensor packed) => OneDnn.Description(packed);

    /// <summary>A tensor over memory, which must outlive it.</summary>
    public static Tensor Over(Tensor memory, ReadOnlySpan<long> shape, ScalarType type, ReadOnlySpan<byte> description)
    {
        Span<long> strides = stackalloc long[shape.Length]; // nobody looks at them
        strides.Clear();
        fixed (long* sizes = shape, steps = strides)
        fixed (byte* told = description)
        {
            if (New(TensorMemory.Address(memory), shape.Length, sizes, steps, 0, (int)type, Cpu, 0, out var handle, Mkldnn, told, description.Length) != 0)
                throw new InvalidOperationException("libtorch does not take a weight as oneDNN laid it out.");
            return Tensor.UnsafeCreateTensor(handle);
        }
    }

    private static bool Try()
    {
        if (!OneDnn.IsAvailable) return false;
        try
        {
            using var scope = NewDisposeScope();
            using var inference = inference_mode();
            var packed = OneDnn.PackLinear(arange(64 * 64, ScalarType.Float32).view(64, 64));
            var memory = empty(Bytes(packed), ScalarType.Byte);
            Memory(packed).CopyTo(new Span<byte>(TensorMemory.Address(memory), (int)memory.numel()));
            var over = Over(memory, packed.shape, ScalarType.Float32, Description(packed));
            return over.to_dense().bytes.SequenceEqual(packed.to_dense().bytes);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or ExternalException or InvalidOperationException)
        {
            return false;
        }
    }

    [LibraryImport("torch_cpu", EntryPoint = "aoti_torch_create_tensor_from_blob_v2")]
    private static partial int New(void* data, long dimensions, long* sizes, long* strides, long offset, int type, int deviceType, int deviceIndex,
        out nint tensor, int layout, byte* description, long descriptionLength);
}
