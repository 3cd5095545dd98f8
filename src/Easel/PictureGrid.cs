using Easel.Imaging;

namespace Easel;

/// <summary>One order that stands for many pictures: settings that change along up to three axes (an X/Y/Z plot), or parts of a prompt in all their
/// combinations (a prompt matrix). It says what is drawn at each place, and on which sheet the pictures come to lie.</summary>
public sealed class PictureGrid
{
    private const int MostParts = 8;

    private readonly Func<GridCell, int, int, int, GridCell> _cell;

    /// <summary>A grid of axes.</summary>
    /// <param name="x">What changes from column to column.</param>
    /// <param name="y">What changes from row to row; null for a single row.</param>
    /// <param name="z">What changes from sheet to sheet; null for a single one.</param>
    public PictureGrid(GridAxis x, GridAxis? y = null, GridAxis? z = null)
    {
        y ??= GridAxis.Nothing;
        z ??= GridAxis.Nothing;
        Sheet = new GridSheet { Columns = x.Labels, Rows = y.Labels, Layers = z.Labels };
        Told =
        [
            KeyValuePair.Create("Script", "X/Y/Z plot"),
            .. new[] { ("X", x), ("Y", y), ("Z", z) }.Where(axis => axis.Item2.Name != GridAxis.Nothing.Name).SelectMany(axis => new[]
            {
                KeyValuePair.Create($"{axis.Item1} Type", axis.Item2.Name),
                KeyValuePair.Create($"{axis.Item1} Values", axis.Item2.Values.Length > 0 ? axis.Item2.Values : string.Join(", ", axis.Item2.Labels)),
            }),
        ];
        _cell = (cell, column, row, layer) => z.Apply(y.Apply(x.Apply(cell, column), row), layer);
    }

    private PictureGrid(GridSheet sheet, IReadOnlyList<KeyValuePair<string, string>> told, Func<GridCell, int, int, int, GridCell> cell) =>
        (Sheet, Told, _cell) = (sheet, told, cell);

    /// <summary>The sheet on which the pictures come to lie.</summary>
    public GridSheet Sheet { get; }

    /// <summary>What the text in the sheet says beside the settings of its first picture.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Told { get; }

    /// <summary>Every combination of the parts of a prompt: <c>a house|at night|in snow</c> is drawn as a house, a house at night, in snow, and both.</summary>
    /// <param name="isNegative">Whether the parts are those of the negative prompt.</param>
    /// <param name="prompt">The prompt; what stands before the first bar is in every picture. Bars in [a|b] and {a|b} part nothing.</param>
    /// <param name="atStart">Whether the parts stand before the rest.</param>
    /// <param name="joint">What stands between two parts.</param>
    /// <param name="ownSeeds">Whether each picture has a seed of its own, one more than the last.</param>
    /// <exception cref="InvalidRequestException">There is nothing to combine, or too much.</exception>
    public static PictureGrid OfPromptMatrix(string prompt, bool isNegative = false, bool atStart = false, string joint = ", ", bool ownSeeds = false)
    {
        var parts = Parts(prompt);
        if (parts.Count < 2)
            throw GridAxis.Refused("There is nothing to combine: the prompt of a matrix has parts after bars, as \"a house | at night | in snow\".");
        if (parts.Count - 1 > MostParts) throw GridAxis.Refused($"The prompt has {parts.Count - 1} parts to combine; at most {MostParts} are possible.");
        var (first, choices) = (parts[0].Trim(), parts.Skip(1).Select(part => part.Trim().Trim(',')).ToList());
        var across = (choices.Count + 1) / 2;
        var (horizontal, vertical) = (choices.Take(across).ToList(), choices.Skip(across).ToList());
        var sheet = new GridSheet { Columns = Labels(horizontal), Rows = Labels(vertical) };
        return new PictureGrid(sheet, [KeyValuePair.Create("Script", "Prompt matrix"), KeyValuePair.Create("Prompt matrix", prompt)], (cell, column, row, _) =>
        {
            var number = column + row * sheet.Columns.Count;
            var chosen = choices.Where((_, place) => (number & 1 << place) != 0);
            var text = string.Join(joint, atStart ? chosen.Append(first) : chosen.Prepend(first));
            var request = isNegative ? cell.Request with { NegativePrompt = text } : cell.Request with { Prompt = text };
            return cell with { Request = ownSeeds ? request with { Seed = unchecked(request.Seed + number) } : request };
        });
    }

    /// <summary>What is drawn at each place, in the order of <see cref="GridSheet.Places"/>. All share a seed, unless an axis changes it.</summary>
    /// <param name="start">What would be drawn without the grid.</param>
    /// <exception cref="InvalidRequestException">There is nothing to change, as where a text that is searched for is not in the prompt.</exception>
    public IReadOnlyList<GridCell> Cells(GridCell start)
    {
        var same = start with { Request = start.Request.WithSeeds() };
        return
        [
            .. Enumerable.Range(0, Sheet.Layers.Count).SelectMany(layer => Enumerable.Range(0, Sheet.Rows.Count).SelectMany(row =>
                Enumerable.Range(0, Sheet.Columns.Count).Select(column => _cell(same, column, row, layer)))),
        ];
    }

    private static List<string> Labels(IReadOnlyList<string> parts) => [.. Enumerable.Range(0, 1 << parts.Count).Select(chosen =>
        string.Join('\n', parts.Select((part, place) => (chosen & 1 << place) != 0 ? part : $"~~{part}~~")))];

    /// <summary>The parts between bars that stand in no brackets.</summary>
    private static List<string> Parts(string prompt)
    {
        var (parts, depth, from) = (new List<string>(), 0, 0);
        for (var at = 0; at < prompt.Length; at++)
        {
            if (prompt[at] == '\\') at++;
            else if (prompt[at] is '[' or '{') depth++;
            else if (prompt[at] is ']' or '}') depth = Math.Max(0, depth - 1);
            else if (prompt[at] == '|' && depth == 0)
            {
                parts.Add(prompt[from..at]);
                from = at + 1;
            }
        }
        return [.. parts, prompt[from..]];
    }
}
