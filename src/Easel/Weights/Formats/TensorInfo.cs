namespace Easel.Weights.Formats;

/// <summary>What a model file says of one tensor, before any of it is read.</summary>
/// <param name="DType">The type of the tensor that <see cref="TensorFile.View(string)"/> gives.</param>
/// <param name="Shape">Its dimensions; none for a single number.</param>
/// <param name="Stored">The type's name in the file, as safetensors spells it ("F16", "F8_E4M3", "U64").</param>
internal sealed record TensorInfo(ScalarType DType, long[] Shape, string Stored)
{
    public long ElementCount => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>A tensor that is stored as it is.</summary>
    public static TensorInfo Of(ScalarType dtype, long[] shape) =>
        new(dtype, shape, StoredType.Of(dtype)?.Name ?? throw new EaselException($"A tensor of type {dtype} cannot be stored in a safetensors file."));
}
