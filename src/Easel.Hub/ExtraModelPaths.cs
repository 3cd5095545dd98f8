using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Easel.Hub;

/// <summary>A folder that such a file names.</summary>
/// <param name="Purpose">What lies in it; null where its key is none that is known.</param>
/// <param name="Path">The folder, which need not be there.</param>
public sealed record ExtraModelPath(ModelPurpose? Purpose, string Path);

/// <summary>
/// Reads ComfyUI's <c>extra_model_paths.yaml</c>: sections, each with a <c>base_path</c> that may hold ~ and variables, and for each purpose a folder, or one a
/// line. A section with <c>is_default</c> counts before the others.
/// </summary>
public static class ExtraModelPaths
{
    /// <summary>The name that ComfyUI looks for in its own folder.</summary>
    public const string FileName = "extra_model_paths.yaml";

    private const int MostBytes = 1 << 20, MostPaths = 10_000;

    /// <summary>The folders that a file names, in the order in which they count.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or is none.</exception>
    public static IReadOnlyList<ExtraModelPath> Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) throw Wrong("is no file");
            if (file.Length > MostBytes) throw Wrong($"has {file.Length} bytes, and at most {MostBytes} are read");
            using var reader = new StreamReader(path);
            var sections = Sections(new Parser(reader));
            var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
            return [.. sections.OrderBy(section => !section.IsDefault).SelectMany(section => Of(section, folder))];
        }
        catch (YamlException e)
        {
            throw Wrong($"is not understood, line {e.Start.Line}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}");
        }
        // What the parser makes of damaged escapes and numbers is not always its own exception.
        catch (Exception e) when (e is not (CheckpointException or OutOfMemoryException))
        {
            throw Wrong($"cannot be read: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}");
        }

        CheckpointException Wrong(string why) => new($"{path} {why}.");
    }

    private static IEnumerable<ExtraModelPath> Of(Section section, string folder)
    {
        var root = section.Root is { } given ? System.IO.Path.Combine(folder, Expanded(given)) : folder;
        foreach (var (key, value) in section.Paths)
            foreach (var line in value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                yield return new ExtraModelPath(PurposeNames.Of(key), System.IO.Path.GetFullPath(System.IO.Path.Combine(root, line)));
    }

    /// <summary>A path in which ~ is the person's folder and $NAME, ${NAME} and %NAME% are variables.</summary>
    private static string Expanded(string path)
    {
        path = Environment.ExpandEnvironmentVariables(path);
        for (var at = path.IndexOf('$'); at >= 0; at = path.IndexOf('$', at + 1))
        {
            var rest = path[(at + 1)..];
            var braced = rest.StartsWith('{') && rest.Contains('}');
            var name = braced ? rest[1..rest.IndexOf('}')] : new string([.. rest.TakeWhile(c => char.IsAsciiLetterOrDigit(c) || c == '_')]);
            if (name.Length == 0 || Environment.GetEnvironmentVariable(name) is not { } value) continue;
            path = path[..at] + value + rest[(name.Length + (braced ? 2 : 0))..];
            at += value.Length - 1;
        }
        return path is ['~'] or ['~', '/' or '\\', ..]
            ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..] : path;
    }

    private static List<Section> Sections(Parser parser)
    {
        var sections = new List<Section>();
        parser.Consume<StreamStart>();
        if (!parser.TryConsume<DocumentStart>(out _)) return sections;
        if (parser.TryConsume<Scalar>(out var nothing)) return nothing.Value.Length == 0 ? sections : throw Misplaced(nothing, "sections are wanted");
        Begin<MappingStart>(parser, "sections are wanted");
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var name = Begin<Scalar>(parser, "the name of a section is wanted").Value;
            if (parser.TryConsume<Scalar>(out var value))
            {
                if (value.Value is not ("" or "~" or "null")) throw Misplaced(value, $"{name} holds a text in the place of keys");
                continue;
            }
            Begin<MappingStart>(parser, $"{name} must hold keys and folders");
            sections.Add(SectionOf(parser));
            if (sections.Sum(section => section.Paths.Count) > MostPaths) throw Misplaced(parser.Current!, $"there are more than {MostPaths} folders");
        }
        return sections;
    }

    private static Section SectionOf(Parser parser)
    {
        var section = new Section();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = Begin<Scalar>(parser, "a key is wanted").Value;
            var values = new List<string>();
            if (parser.TryConsume<SequenceStart>(out _))
                while (!parser.TryConsume<SequenceEnd>(out _)) values.Add(Begin<Scalar>(parser, $"{key} must hold folders").Value);
            else values.Add(Begin<Scalar>(parser, $"{key} must be a folder, or one a line").Value);
            if (key == "base_path") section.Root = values.FirstOrDefault();
            else if (key == "is_default") section.IsDefault = values.FirstOrDefault()?.ToLowerInvariant() is "true" or "yes" or "on" or "1";
            else section.Paths.AddRange(values.Select(value => (key, value)));
        }
        return section;
    }

    private static T Begin<T>(Parser parser, string otherwise) where T : ParsingEvent =>
        parser.TryConsume<T>(out var found) ? found : throw Misplaced(parser.Current, otherwise);

    private static YamlException Misplaced(ParsingEvent? at, string why) => new(at?.Start ?? Mark.Empty, at?.End ?? Mark.Empty, why);

    private sealed class Section
    {
        public string? Root { get; set; }

        public bool IsDefault { get; set; }

        public List<(string Key, string Value)> Paths { get; } = [];
    }
}
