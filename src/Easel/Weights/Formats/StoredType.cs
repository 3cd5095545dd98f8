namespace Easel.Weights.Formats;

/// <summary>An element type as model files store it: one row per type, with the names that safetensors and PyTorch's pickles give it.</summary>
/// <param name="Name">The name in a safetensors header.</param> <param name="Size">Bytes of one element.</param>
/// <param name="Code">The number libtorch gives the type (<c>c10::ScalarType</c>).</param>
/// <param name="DType">The type a tensor has once read, or null where none can hold its values.</param>
/// <param name="TorchName">The <c>torch</c> dtype's name.</param> <param name="StorageName">The class of the storage in pickles, if it has one.</param>
internal sealed record StoredType(string Name, int Size, sbyte Code, ScalarType? DType, string TorchName, string? StorageName)
{
    /// <summary>Plain bytes; the type of storages without a type of their own.</summary>
    public static readonly StoredType Bytes = new("U8", 1, 0, ScalarType.Byte, "uint8", "ByteStorage");

    /// <summary>Every type that a file may name.</summary>
    public static readonly IReadOnlyList<StoredType> All =
    [
        new("F64", 8, 7, ScalarType.Float64, "float64", "DoubleStorage"),
        new("F32", 4, 6, ScalarType.Float32, "float32", "FloatStorage"),
        new("F16", 2, 5, ScalarType.Float16, "float16", "HalfStorage"),
        new("BF16", 2, 15, ScalarType.BFloat16, "bfloat16", "BFloat16Storage"),
        // TorchSharp has no eight-bit floats, though libtorch does: they are widened when viewed.
        new("F8_E4M3", 1, 24, ScalarType.Float32, "float8_e4m3fn", null),
        new("F8_E5M2", 1, 23, ScalarType.Float32, "float8_e5m2", null),
        new("I64", 8, 4, ScalarType.Int64, "int64", "LongStorage"),
        new("I32", 4, 3, ScalarType.Int32, "int32", "IntStorage"),
        new("I16", 2, 2, ScalarType.Int16, "int16", "ShortStorage"),
        new("I8", 1, 1, ScalarType.Int8, "int8", "CharStorage"),
        Bytes,
        new("BOOL", 1, 11, ScalarType.Bool, "bool", "BoolStorage"),
        new("U16", 2, 27, null, "uint16", null),
        new("U32", 4, 28, null, "uint32", null),
        new("U64", 8, 29, null, "uint64", null),
    ];

    public static StoredType? Named(string name) => All.FirstOrDefault(type => type.Name == name);

    /// <summary>The type that stores elements of <paramref name="dtype"/> as they are, or null.</summary>
    public static StoredType? Of(ScalarType dtype) => All.FirstOrDefault(type => type.DType == dtype && type.Code == (sbyte)dtype);
}
