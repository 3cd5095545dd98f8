namespace Easel.Weights.Names;

/// <summary>One row of a <see cref="NameTable"/>: a layer, or one tensor, by both its names. The row speaks for everything below it as well.</summary>
/// <param name="Stored">What a file calls it; empty for whatever no other row begins.</param>
/// <param name="Own">What we call it; null for what belongs to no parameter of ours.</param>
/// <param name="Part">Which part of the stored tensor ours is, where a layout keeps several in one, along the first dimension.</param>
/// <param name="IsConvolution">Whether a matrix of ours is stored as a 1x1 convolution.</param>
/// <param name="IsTransposed">Whether a matrix of ours is stored with its sides exchanged.</param>
internal readonly record struct NameRow(string Stored, string? Own, int Part = 0, int Parts = 1, bool IsConvolution = false, bool IsTransposed = false);

/// <summary>How a layout of files names the tensors of one network, and how we do, whose names are those of diffusers and transformers. The one table is read
/// in both directions. Where rows lie one below another the longest counts, and of two with one name the first; what no row knows is called the same in
/// both, unless the rows are all there is.</summary>
internal sealed class NameTable
{
    /// <summary>Of anything that files number: more of it is no network, and a table stays small whatever a file says.</summary>
    public const int Most = 256;

    private readonly List<NameRow> _rows;
    private readonly Dictionary<string, List<NameRow>> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NameRow> _own = new(StringComparer.Ordinal);

    public NameTable(params IEnumerable<NameRow> rows)
    {
        _rows = [.. rows];
        foreach (var row in _rows)
        {
            if (!_stored.TryGetValue(row.Stored, out var list)) _stored.Add(row.Stored, list = []);
            list.Add(row);
            if (row.Own is not null) _own.TryAdd(row.Own, row);
        }
    }

    /// <summary>Whether what no row knows is a stranger, and no parameter of ours.</summary>
    public bool IsWhole { get; init; }

    /// <summary>Whether a row speaks of a stored tensor, be it to say that no parameter of ours has to do with it.</summary>
    public bool Knows(string stored) => !IsWhole || Find(stored).Rows is not null;

    /// <summary>The table of a layout that has these rows too, which go before those there are.</summary>
    public NameTable With(params IEnumerable<NameRow> rows) => new([.. rows, .. _rows]) { IsWhole = IsWhole };

    /// <summary>What we call a stored tensor: one name, or one for each part of it; none where no parameter of ours has to do with it.</summary>
    public IEnumerable<(string Name, NameRow Row)> Own(string stored) => Find(stored) is ({ } rows, var end)
        ? rows.Where(row => row.Own is not null).Select(row => (Joined(row.Own!, stored, end), row))
        : IsWhole ? [] : [(stored, new NameRow(stored, stored))];

    /// <summary>What files call a parameter or a layer of ours, and whether it is a 1x1 convolution there.</summary>
    public (string Name, bool IsConvolution) Stored(string own) => Place(own) is var (name, row) ? (name, row.IsConvolution) : (own, false);

    /// <summary>The stored tensor that a parameter of ours lies in: its name, which part of it, and how. Null where no row says so.</summary>
    public (string Name, NameRow Row)? Place(string own)
    {
        for (var end = own.Length; end > 0; end = own.LastIndexOf('.', end - 1))
            if (_own.TryGetValue(own[..end], out var row)) return (Joined(row.Stored, own, end), row);
        return null;
    }

    /// <summary>How many numbers names have that go on as <paramref name="prefix"/> + number + ".", from 0 to the highest.</summary>
    public static int Count(IEnumerable<string> names, string prefix) => names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
        .Select(name => Number(name.AsSpan(prefix.Length)) is { } number ? Math.Min(number, Most - 1) + 1 : 0).DefaultIfEmpty(0).Max();

    /// <summary>The number that a text begins with and a dot ends; null where there is none.</summary>
    public static int? Number(ReadOnlySpan<char> text) =>
        int.TryParse(text[..Math.Max(0, text.IndexOf('.'))], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private (List<NameRow>? Rows, int End) Find(string stored)
    {
        for (var end = stored.Length; end >= 0; end = end == 0 ? -1 : Math.Max(0, stored.LastIndexOf('.', end - 1)))
            if (_stored.TryGetValue(stored[..end], out var rows)) return (rows, end);
        return (null, 0);
    }

    private static string Joined(string name, string rest, int from) => from == 0 ? $"{name}.{rest}" : name + rest[from..];
}
