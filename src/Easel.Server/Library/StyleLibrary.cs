using System.Text;

namespace Easel.Server.Library;

/// <summary>The styles there are: a person's own, in a file as AUTOMATIC1111 writes it (styles.csv: name, prompt, negative_prompt), and the server's. The file
/// is read again when it changes.</summary>
internal sealed class StyleLibrary(ServerOptions options)
{
    private const int MostBytes = 4 << 20;

    private readonly Lock _lock = new();
    private (DateTime Changed, IReadOnlyList<PromptStyle> Styles, string? Problem) _read = (default, [], null);

    /// <summary>A person's own; none where there is no file, or it cannot be read.</summary>
    public IReadOnlyList<PromptStyle> Own => Latest().Styles;

    /// <summary>Why there are none although there is a file; null where nothing is wrong.</summary>
    public string? Problem => Latest().Problem;

    /// <summary>All, a person's own first and before the server's of the same name.</summary>
    public IEnumerable<PromptStyle> All => Own.Concat(PromptStyles.All).DistinctBy(style => style.Name);

    /// <summary>Prompts with the words of styles, one style after the other.</summary>
    /// <returns>The prompts, and the names of which there is no style.</returns>
    public (string Prompt, string Negative, IReadOnlyList<string> Unknown) Apply(string prompt, string negative, IEnumerable<string> names)
    {
        var (styles, unknown) = (All.ToDictionary(style => style.Name), new List<string>());
        foreach (var name in names.Where(name => name is not ("" or "None")))
        {
            if (styles.TryGetValue(name, out var style))
                (prompt, negative) = (PromptStyle.Merge(style.Words, prompt), PromptStyle.Merge(style.Negative, negative));
            else unknown.Add(name);
        }
        return (prompt, negative, unknown);
    }

    private (DateTime Changed, IReadOnlyList<PromptStyle> Styles, string? Problem) Latest()
    {
        if (options.StylesFile is not { } path) return (default, [], null);
        var file = new FileInfo(path);
        lock (_lock)
        {
            if (!file.Exists) return (default, [], null);
            if (_read.Changed != file.LastWriteTimeUtc)
            {
                var (styles, problem) = file.Length > MostBytes ? ([], $"it is larger than {MostBytes >> 20} MB") : Read(path);
                _read = (file.LastWriteTimeUtc, styles, problem is null ? null : $"The styles in {path} are passed over: {problem}.");
            }
            return _read;
        }
    }

    private static (IReadOnlyList<PromptStyle> Styles, string? Problem) Read(string path)
    {
        try
        {
            var rows = Rows(File.ReadAllText(path)).ToList();
            if (rows.Count == 0) return ([], null);
            var (name, prompt, negative) = (Column(rows[0], "name"), Column(rows[0], "prompt", "text"), Column(rows[0], "negative_prompt"));
            if (name < 0) return ([], "its first line names no column \"name\", as \"name,prompt,negative_prompt\" does");
            return ([.. rows.Skip(1).Where(row => At(row, name).Length > 0)
                .Select(row => new PromptStyle(At(row, name), At(row, prompt), At(row, negative)))], null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ([], "it cannot be read");
        }

        static int Column(List<string> head, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                if (head.FindIndex(cell => cell.Trim().Equals(name, StringComparison.OrdinalIgnoreCase)) is >= 0 and var place) return place;
            return -1;
        }

        static string At(List<string> row, int column) => column >= 0 && column < row.Count ? row[column] : "";
    }

    /// <summary>Cells parted by commas; one in quotes may hold commas, line breaks and doubled quotes.</summary>
    private static IEnumerable<List<string>> Rows(string text)
    {
        var (row, cell, quoted) = (new List<string>(), new StringBuilder(), false);
        text = text.TrimStart('\uFEFF').ReplaceLineEndings("\n") + "\n";
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted && c == '"' && text[i + 1] == '"') cell.Append(text[++i]);
            else if (c == '"') quoted = !quoted;
            else if (c == ',' && !quoted) EndCell();
            else if (c == '\n' && !quoted)
            {
                EndCell();
                if (row.Count > 1 || row[0].Length > 0) yield return row;
                row = [];
            }
            else cell.Append(c);
        }

        void EndCell()
        {
            row.Add(cell.ToString());
            cell.Clear();
        }
    }
}
