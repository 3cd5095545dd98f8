using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Easel.Tests;

/// <summary>Guards that the documents say of every knob what its row says, and point to nothing that is not there.</summary>
public sealed partial class DocsTests
{
    /// <summary>The repository: the nearest folder above the tests that holds the solution.</summary>
    private static string Root { get; } = Above(AppContext.BaseDirectory);

    [Fact]
    public void EveryFlagOfAKnobIsInTheCommandLinesTable() =>
        AssertHolds("docs/cli.md", from knob in Knobs.All where knob.SetBy.HasFlag(Shells.CommandLine) select FlagsOf(knob));

    [Fact]
    public void EveryNameOfAKnobIsInTheApisTable() => AssertHolds("docs/api.md", Knobs.All.Select(NamesOf));

    [Fact]
    public void DocumentsPointToWhatIsThere()
    {
        var missing = from document in Documents()
                      let folder = Path.GetDirectoryName(document)!
                      let text = File.ReadAllText(document)
                      let links = Links().Matches(text).Select(match => Path.Combine(folder, match.Groups[1].Value))
                      let paths = Paths().Matches(text).Select(match => Path.Combine(Root, match.Groups[1].Value.TrimEnd('.')))
                      from target in links.Concat(paths)
                      where !File.Exists(target) && !Directory.Exists(target)
                      select $"{Path.GetRelativePath(Root, document)} points to {Path.GetRelativePath(Root, Path.GetFullPath(target))}";
        Assert.Empty(missing.Distinct());
    }

    /// <summary>The row of a knob in docs/cli.md: flags, what it does, values, what holds where it is not given.</summary>
    private static string FlagsOf(Knob knob)
    {
        var values = knob switch
        {
            { Kind: KnobKind.Switch } => "",
            { Choices: { Count: > 0 } choices } => string.Join(", ", choices.Select(choice => choice.Word)),
            { Range: var (least, most) } => string.Create(CultureInfo.InvariantCulture, $"{least} to {most}"),
            _ => knob.ValueName,
        };
        var otherwise = knob.DefaultFrom switch
        {
            DefaultFrom.Model => "the model's",
            DefaultFrom.Sampler => "the sampler's",
            DefaultFrom.Picture => "the input picture's, else the model's",
            DefaultFrom.Chance => "random",
            _ => knob.Kind is KnobKind.Whole or KnobKind.Number or KnobKind.Choice ? knob.Format(knob.Default!) : "",
        };
        return Row(string.Join(' ', knob.Flags.Concat(knob.ScriptFlags).Select(Code)), knob.Help, values, otherwise);
    }

    /// <summary>The row of a knob in docs/api.md: its name on the page, in Easel's API, A1111's, OpenAI's, MCP's tools and a picture's text.</summary>
    private static string NamesOf(Knob knob) =>
        Row(knob.Label, Code(JsonNamingPolicy.CamelCase.ConvertName(knob.Property)), Code(knob.SdapiName), Code(knob.OpenAiName),
        Code(knob.McpName), Code(knob.InfotextKey));

    private static string Row(params string[] cells) => "|" + string.Concat(cells.Select(cell => cell.Length == 0 ? " |" : $" {cell} |"));

    private static string Code(string? name) => name is null ? "" : $"`{name}`";

    private static void AssertHolds(string document, IEnumerable<string> rows)
    {
        var lines = File.ReadAllLines(Path.Combine(Root, document));
        var missing = rows.Except(lines).ToList();
        Assert.True(missing.Count == 0, $"{document} lacks:\n{string.Join('\n', missing)}");
    }

    private static IEnumerable<string> Documents() =>
        Directory.EnumerateFiles(Root, "*.md").Concat(Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md"));

    private static string Above(string folder) => File.Exists(Path.Combine(folder, "Easel.slnx")) ? folder
        : Above(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder))
            ?? throw new DirectoryNotFoundException("The tests lie outside the repository."));

    /// <summary>A link to something of the repository: not to the network, nor within the document.</summary>
    [GeneratedRegex(@"\]\((?!https?:|#)([^)#\s]+)")]
    private static partial Regex Links();

    /// <summary>A path from the repository's root, set as code.</summary>
    [GeneratedRegex(@"`((?:src|tests|docs|benchmarks|build)/[\w./-]+)`")]
    private static partial Regex Paths();
}
