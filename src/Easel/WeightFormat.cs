namespace Easel;

/// <summary>In how many bits the weights of a model are kept in memory between the times that their layers run. Fewer bits take less memory; each layer then
/// widens its weight when it runs, which takes a little time.</summary>
public enum WeightFormat
{
    /// <summary>In full, and in 8 bits where only that spares a model from being read from its file at every step.</summary>
    Auto,

    /// <summary>In full: in the number format that <see cref="Precision"/> says.</summary>
    Full,

    /// <summary>In 8 bits, 34 bytes for 32 values (Q8_0 of ggml): hardly to be told from full weights.</summary>
    Q8,

    /// <summary>In 4 bits, 18 bytes for 32 values (Q4_0 of ggml): pictures differ visibly.</summary>
    Q4,
}

/// <summary>What there is to say of formats of weights.</summary>
internal static class WeightFormats
{
    private static readonly (WeightFormat Format, string Name, int Bits)[] Table = [(WeightFormat.Q8, "q8", 8), (WeightFormat.Q4, "q4", 4)];

    /// <summary>"q8" or "q4"; null for full weights.</summary>
    public static string? ShortName(this WeightFormat format) => Array.Find(Table, row => row.Format == format).Name;

    /// <summary>The format of a short name; null for any other text.</summary>
    public static WeightFormat? Named(string? name) => Array.Find(Table, row => row.Name == name) is { Bits: > 0 } row ? row.Format : null;

    /// <summary>Bits in which values are kept; null where that is the number format's to say.</summary>
    public static int? Bits(this WeightFormat format) => Array.Find(Table, row => row.Format == format) is { Bits: > 0 } row ? row.Bits : null;
}
