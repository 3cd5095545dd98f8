namespace Easel;

/// <summary>The number format in which a model runs.</summary>
public enum Precision
{
    /// <summary>bf16 where the processor multiplies it natively, fp16 on CUDA, otherwise fp32.</summary>
    Auto,

    /// <summary>fp32: exact, twice the memory.</summary>
    Full,

    /// <summary>bf16; on a processor without bf16 arithmetic the weights alone, at half the memory, and fp32 for the rest.</summary>
    BFloat16,

    /// <summary>fp16 on CUDA; on a CPU the weights alone, at half the memory, and fp32 for the rest: exact for a file that stores fp16.</summary>
    Float16,
}

/// <summary>The names of precisions, and what libtorch calls them.</summary>
public static class Precisions
{
    private static readonly (Precision Precision, string Name, ScalarType Type)[] Table =
    [
        (Precision.Full, "fp32", ScalarType.Float32), (Precision.BFloat16, "bf16", ScalarType.BFloat16), (Precision.Float16, "fp16", ScalarType.Float16),
    ];

    /// <summary>"fp32", "bf16" or "fp16"; "auto" where it is left open.</summary>
    public static string ShortName(this Precision precision) => Array.Find(Table, row => row.Precision == precision).Name ?? "auto";

    /// <summary>The precision of a short name; null for any other text.</summary>
    public static Precision? Named(string? name) => Array.FindIndex(Table, row => row.Name == name) is >= 0 and var i ? Table[i].Precision : null;

    /// <summary>The precision of weights kept in a format of libtorch.</summary>
    internal static Precision Of(ScalarType kept) => Array.Find(Table, row => row.Type == kept).Precision;
}
