namespace Easel.Kernels;

/// <summary>oneDNN's convolutions and linear layers on weights that were laid out for the processor beforehand, with what follows (bias, GELU, a residual) done
/// in the same pass. libtorch registers these operators; <see cref="ScriptOperators"/> calls them.</summary>
/// <remarks>Pictures [n, c, h, w] must lie channels-last; inference only: no gradient is recorded.</remarks>
internal static class OneDnn
{
    private const string Code = """
        class Operators(Module):
          __parameters__ = []
          __buffers__ = []
          def pack_convolution(self: __torch__.Operators, w: Tensor, padding: int, stride: int, n: int, c: int, h: int, width: int) -> Tensor:
            return ops.mkldnn._reorder_convolution_weight(w, [padding, padding], [stride, stride], [1, 1], 1, [n, c, h, width])
          def description(self: __torch__.Operators, w: Tensor) -> Tensor:
            return ops.mkldnn._get_mkldnn_serialized_md(w)
          def address(self: __torch__.Operators, w: Tensor) -> int:
            return ops.mkldnn.data_ptr(w)
          def bytes(self: __torch__.Operators, w: Tensor) -> int:
            return ops.mkldnn._nbytes(w)
          def convolution(self: __torch__.Operators, x: Tensor, w: Tensor, b: Optional[Tensor], padding: int, stride: int) -> Tensor:
            scalars = annotate(List[Optional[number]], [])
            return ops.mkldnn._convolution_pointwise(x, w, b, [padding, padding], [stride, stride], [1, 1], 1, "none", scalars, "")
          def add_convolution(self: __torch__.Operators, sum: Tensor, x: Tensor, w: Tensor, b: Optional[Tensor], padding: int, stride: int) -> Tensor:
            scalars = annotate(List[Optional[number]], [])
            return ops.mkldnn._convolution_pointwise_(sum, x, w, b, [padding, padding], [stride, stride], [1, 1], 1, "add", 1.0, None, scalars, None)
          def pack_linear(self: __torch__.Operators, w: Tensor) -> Tensor:
            return ops.mkldnn._reorder_linear_weight(w, None)
          def linear(self: __torch__.Operators, x: Tensor, w: Tensor, b: Optional[Tensor]) -> Tensor:
            scalars = annotate(List[Optional[number]], [])
            return ops.mkldnn._linear_pointwise(x, w, b, "none", scalars, "")
          def linear_gelu(self: __torch__.Operators, x: Tensor, w: Tensor, b: Optional[Tensor]) -> Tensor:
            scalars = annotate(List[Optional[number]], [])
            return ops.mkldnn._linear_pointwise(x, w, b, "gelu", scalars, "none")
          def linear_add(self: __torch__.Operators, x: Tensor, other: Tensor, w: Tensor, b: Optional[Tensor]) -> Tensor:
            return ops.mkldnn._linear_pointwise(x, other, w, b, "add")
          def linear_multiply(self: __torch__.Operators, x: Tensor, other: Tensor, w: Tensor, b: Optional[Tensor]) -> Tensor:
            return ops.mkldnn._linear_pointwise(x, other, w, b, "mul")

        """;

    private static readonly Lazy<(jit.ScriptModule? Module, string? Lacking, bool IsFault)> Operators = new(Load);

    /// <summary>Whether this build of libtorch has the operators (x64 builds do).</summary>
    public static bool IsAvailable => Operators.Value.Module is not null;

    /// <summary>Whether weights of this type can be laid out on this processor: oneDNN computes in bf16 only where there are AVX-512's instructions for
    /// it.</summary>
    public static bool Packs(ScalarType type) => IsAvailable
        && (type != ScalarType.BFloat16 || Avx512BW.IsSupported && Avx512BW.VL.IsSupported && Avx512DQ.IsSupported);

    /// <summary>Why the operators are not at hand, as a part of a sentence; null where they are.</summary>
    public static string? Lacking => Operators.Value.Lacking;

    /// <summary>Whether they are there and could only not be reached: what is computed without them is not what this machine computes at other times.</summary>
    public static bool IsFault => Operators.Value.IsFault;

    /// <summary>Lays out a convolution's weight [outputs, inputs, k, k] for the processor. Only the operators here understand the result.</summary>
    /// <param name="seen">The shape [n, inputs, h, w] of the pictures that will come.</param>
    public static Tensor PackConvolution(Tensor weight, long padding, long stride, ReadOnlySpan<long> seen) =>
        Call("pack_convolution", weight, (int)padding, (int)stride, (int)seen[0], (int)seen[1], (int)seen[2], (int)seen[3]);

    /// <summary>How a weight is laid out, as oneDNN writes it down itself: equal for equal layouts, on one machine.</summary>
    public static byte[] Description(Tensor packed)
    {
        using var written = Call("description", packed);
        return written.bytes.ToArray();
    }

    /// <summary>Where the numbers of a weight are that was laid out.</summary>
    public static nint Address(Tensor packed) => (nint)Number("address", packed);

    /// <summary>Bytes of a weight that was laid out, with what it was filled up with.</summary>
    public static long Bytes(Tensor packed) => Number("bytes", packed);

    /// <summary>x [n, inputs, h, w] convolved, plus the bias.</summary>
    public static Tensor Convolution(Tensor x, Tensor packed, Tensor? bias, long padding, long stride) =>
        Call("convolution", x, packed, bias, (int)padding, (int)stride);

    /// <summary>Adds the convolution of <paramref name="x"/> and the bias to <paramref name="sum"/>, in place; returns it.</summary>
    public static Tensor AddConvolution(Tensor sum, Tensor x, Tensor packed, Tensor? bias, long padding, long stride) =>
        Call("add_convolution", sum, x, packed, bias, (int)padding, (int)stride);

    /// <summary>Lays out a linear layer's weight [outputs, inputs] for the processor. Only the operators here understand the result.</summary>
    public static Tensor PackLinear(Tensor weight) => Call("pack_linear", weight);

    /// <summary>x Wᵀ + b.</summary>
    public static Tensor Linear(Tensor x, Tensor packed, Tensor? bias) => Call("linear", x, packed, bias);

    /// <summary>GELU(x Wᵀ + b), the exact GELU.</summary>
    public static Tensor LinearGelu(Tensor x, Tensor packed, Tensor? bias) => Call("linear_gelu", x, packed, bias);

    /// <summary>other + x Wᵀ + b.</summary>
    public static Tensor LinearAdd(Tensor x, Tensor other, Tensor packed, Tensor? bias) => Call("linear_add", x, other, packed, bias);

    /// <summary>other · (x Wᵀ + b), element by element.</summary>
    public static Tensor LinearMultiply(Tensor x, Tensor other, Tensor packed, Tensor? bias) => Call("linear_multiply", x, other, packed, bias);

    private static Tensor Call(string method, params object?[] arguments) => (Tensor)Operators.Value.Module!.invoke(method, arguments);

    private static long Number(string method, Tensor packed)
    {
        using var number = (Scalar)Operators.Value.Module!.invoke(method, packed);
        return number.ToInt64();
    }

    private static (jit.ScriptModule? Module, string? Lacking, bool IsFault) Load()
    {
        try
        {
            return (ScriptOperators.Load(Code), null, false);
        }
        catch (ExternalException)
        {
            return (null, "this build of libtorch is without oneDNN", false); // it does not know the names
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, $"there is no folder for a temporary file ({e.Message.TrimEnd('.')})", true);
        }
    }
}
