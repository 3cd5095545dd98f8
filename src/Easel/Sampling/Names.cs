namespace Easel.Sampling;

/// <summary>The one rule by which names of samplers and schedules are compared.</summary>
internal static class Names
{
    /// <summary>Lower case without separators, "++" read as "pp": "DPM++ 2M", "dpmpp_2m" and "dpmpp-2m" have the same key.</summary>
    public static string Key(string name) => string.Concat(name.Replace("++", "pp").ToLowerInvariant().Where(char.IsLetterOrDigit));

    /// <summary>A table's rows by the keys of all their names.</summary>
    public static Dictionary<string, T> Index<T>(IEnumerable<T> rows, Func<T, IEnumerable<string>> names) =>
        rows.SelectMany(row => names(row).Select(Key).Distinct().Select(key => (key, row))).ToDictionary(pair => pair.key, pair => pair.row);
}
