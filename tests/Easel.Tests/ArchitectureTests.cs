using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Easel.Tests;

/// <summary>Guards the order of the library's folders: each uses only those below it, so that no reader is led in a circle.</summary>
public sealed partial class ArchitectureTests
{
    /// <summary>From the ground up. Folders of one row know nothing of one another. The root's types, which all may use, are the vocabulary.</summary>
    private static readonly string[][] Order =
        [["Imaging", "Sampling", "Kernels", "Runtime"], ["Models"], ["Weights"], ["Text"], ["Metadata"], ["Pipeline"], ["Planning"]];

    private static string Library { get; } = Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "src", "Easel");

    private static Dictionary<string, int> Levels { get; } = Order.SelectMany((folders, level) => folders.Select(folder => (folder, level))).ToDictionary();

    [Fact]
    public void Folders_use_only_what_is_below_them()
    {
        var wrong = from file in Files()
                    where file.Folder is not null
                    from used in Used(file.Text)
                    where used != file.Folder && Levels.ContainsKey(used) && Levels[used] >= Levels[file.Folder]
                    select $"{file.Name} uses {used}";
        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void Every_folder_has_its_place() => Assert.Empty(Files().Select(file => file.Folder).OfType<string>().Distinct().Except(Levels.Keys));

    [Fact]
    public void Nothing_but_what_a_user_calls_knows_the_generator() =>
        Assert.Empty(Files().Where(file => file.Folder is not null && Generator().IsMatch(file.Text)).Select(file => file.Name));

    [Fact]
    public void Formats_know_nothing_of_what_is_read_with_them()
    {
        const string Weights = "Easel.Weights", Formats = "Easel.Weights.Formats";
        var above = Files().Where(file => file.Space.StartsWith(Weights, StringComparison.Ordinal) && file.Space != Formats);
        var types = above.SelectMany(file => Declared().Matches(file.Text).Select(match => match.Groups[1].Value)).ToHashSet();
        Assert.Empty(from file in Files()
                     where file.Space == Formats
                     from word in Words().Matches(file.Text)
                     where types.Contains(word.Value)
                     select $"{file.Name} uses {word.Value}");
    }

    /// <summary>The library's files without their comments: with the top folder, null for the root, and the namespace.</summary>
    private static IEnumerable<(string Name, string? Folder, string Space, string Text)> Files() =>
        from path in Directory.EnumerateFiles(Library, "*.cs", SearchOption.AllDirectories)
        let parts = Path.GetRelativePath(Library, path).Split(Path.DirectorySeparatorChar)
        where parts[0] is not ("bin" or "obj")
        select (string.Join('/', parts), parts.Length > 1 ? parts[0] : null, string.Join('.', parts[..^1].Prepend("Easel")),
            Comments().Replace(File.ReadAllText(path), ""));

    private static IEnumerable<string> Used(string text) => Uses().Matches(text).Select(match => match.Groups[1].Value);

    private static string Here([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"\bEasel\.(\w+)\b")]
    private static partial Regex Uses();

    [GeneratedRegex(@"\bI?ImageGenerator\b")]
    private static partial Regex Generator();

    [GeneratedRegex(@"^(?:public |internal )(?:[a-z]+ )*(?:class|record|struct|enum|interface) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declared();

    [GeneratedRegex(@"\b[A-Z]\w*\b")]
    private static partial Regex Words();

    [GeneratedRegex(@"//[^\n]*|""(?:\\.|[^""\\\n])*""")]
    private static partial Regex Comments();
}
