namespace Easel.Weights.Lora;

/// <summary>How strongly each part of a model counts, by the blocks of the original UNet ("lora block weight", "merge block weighted"): a base for what is no
/// part of the UNet, then IN00 to IN11, M00 and OUT00 to OUT11. Lists that people write are shorter: 17 values for the blocks of SD 1 and 2 that attend to the
/// prompt, 12 for those of SDXL, 20 for all of SDXL's.</summary>
internal sealed class BlockWeights : IEquatable<BlockWeights>
{
    private const int Ins = 12, Middle = 13, Outs = 14, Count = 26;

    /// <summary>The places that the values of a list of so many are for: 0 is the base.</summary>
    private static readonly Dictionary<int, int[]> Places = new()
    {
        [12] = [0, In(4), In(5), In(7), In(8), Middle, .. Enumerable.Range(0, 6).Select(Out)],
        [17] = [0, In(1), In(2), In(4), In(5), In(7), In(8), Middle, .. Enumerable.Range(3, 9).Select(Out)],
        [20] = [0, .. Enumerable.Range(0, 9).Select(In), Middle, .. Enumerable.Range(0, 9).Select(Out)],
        [26] = [.. Enumerable.Range(0, Count)],
    };

    /// <summary>The names that hako-mikan/sd-webui-lora-block-weight comes with, each a list of 17.</summary>
    private static readonly Dictionary<string, string> Presets = new(StringComparer.OrdinalIgnoreCase)
    {
        ["NONE"] = "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
        ["ALL"] = "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
        ["INS"] = "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0",
        ["IND"] = "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0",
        ["INALL"] = "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0",
        ["MIDD"] = "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0",
        ["OUTD"] = "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0",
        ["OUTS"] = "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1",
        ["OUTALL"] = "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1",
        ["ALL0.5"] = "0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5",
    };

    private readonly double[] _values; // 26

    private BlockWeights(double[] values) => _values = values;

    /// <summary>What can be written, to follow "it must be".</summary>
    public static string Allowed => $"one of {string.Join(", ", Presets.Keys)}, or {string.Join(", ", Places.Keys.SkipLast(1))} or {Count} numbers with commas";

    /// <summary>Of everything that is no part of the UNet.</summary>
    public double Base => _values[0];

    /// <summary>A preset's name or a list; null for anything else. Blocks that a short list does not name count 0, as there.</summary>
    /// <param name="onlyBlocks">The base, where a list of blocks alone, one value fewer, may be given; null where it may not.</param>
    public static BlockWeights? TryParse(string text, double? onlyBlocks = null)
    {
        var numbers = Presets.GetValueOrDefault(text.Trim(), text).Split(',')
            .Select(word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                ? number : double.NaN).ToList();
        if (onlyBlocks is { } own && !Places.ContainsKey(numbers.Count)) numbers.Insert(0, own);
        if (numbers.Exists(double.IsNaN) || !Places.TryGetValue(numbers.Count, out var places)) return null;
        var values = new double[Count];
        foreach (var (place, number) in places.Zip(numbers)) values[place] = number;
        return new BlockWeights(values);
    }

    /// <summary>The value for a layer of the UNet.</summary>
    /// <param name="original">The layer's name in the original layout ("input_blocks.4.1.proj_in").</param>
    /// <returns>Null for what lies in no block: the embedding of time, the end.</returns>
    public double? Of(string original)
    {
        var parts = original.Split('.');
        var number = parts.Length > 1 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n < Ins ? n : -1;
        return parts[0] switch
        {
            "middle_block" => _values[Middle],
            "input_blocks" when number >= 0 => _values[In(number)],
            "output_blocks" when number >= 0 => _values[Out(number)],
            _ => null,
        };
    }

    /// <summary>The value where two checkpoints are merged: what lies before the blocks goes with the first, what lies behind with the last.</summary>
    public double OfMerge(string original) => Of(original) ?? (original.StartsWith("out.", StringComparison.Ordinal) ? _values[^1] : _values[In(0)]);

    public bool Equals(BlockWeights? other) => other is not null && _values.AsSpan().SequenceEqual(other._values);

    public override bool Equals(object? obj) => Equals(obj as BlockWeights);

    public override int GetHashCode() => _values.Aggregate(0, HashCode.Combine);

    private static int In(int number) => 1 + number;

    private static int Out(int number) => Outs + number;
}
