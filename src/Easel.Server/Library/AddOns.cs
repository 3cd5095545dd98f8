using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Easel.Server.Library;

/// <summary>The LoRAs and embeddings of the folders, read when they are first asked for and again when they change.</summary>
internal sealed partial class AddOns(ServerOptions options)
{
    /// <summary>Folders are not read again for one part of the page after another.</summary>
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(3);

    private const int MostWords = 12, MostText = 1 << 20;

    private readonly ConcurrentDictionary<(string Path, DateTime Changed), AddOn> _known = new();
    private readonly ConcurrentDictionary<string, string?> _aliases = new();
    private readonly Lock _turn = new();
    private (IReadOnlyList<AddOn> Loras, IReadOnlyList<AddOn> Embeddings)? _read;
    private long _readAt;

    public IReadOnlyList<AddOn> Loras => Read().Loras;

    public IReadOnlyList<AddOn> Embeddings => Read().Embeddings;

    /// <summary>The picture beside an add-on; null where there is none.</summary>
    public string? PictureOf(string name) => Loras.Concat(Embeddings).FirstOrDefault(one => one.Name == name)?.Picture;

    /// <summary>What is wrong with the LoRAs that a prompt calls, a sentence for each; before anything is drawn.</summary>
    public IEnumerable<string> Wrong(string prompt, ModelEntry? model)
    {
        if (!prompt.Contains('<', StringComparison.Ordinal)) yield break;
        var loras = Loras;
        foreach (var name in Tag().Matches(prompt).Select(match => match.Groups[2].Value).Distinct())
        {
            // A tag may also name a folder with the file, or what the file was trained as.
            var found = loras.FirstOrDefault(one => Same(one.Name, name) || Same(System.IO.Path.GetFileNameWithoutExtension(one.Path), name)
                || name.EndsWith("/" + one.Name, StringComparison.OrdinalIgnoreCase) || Same(TrainedAs(one), name));
            if (found is null) yield return loras.Count == 0 ? $"There is no LoRA \"{name}\", and no other either."
                : $"There is no LoRA \"{name}\"; there are {string.Join(", ", loras.Take(8).Select(one => one.Name))}{(loras.Count > 8 ? ", ..." : "")}.";
            else if (found.Problem is { } problem) yield return $"The LoRA {found.Name} cannot be used: {problem}";
            else if (!found.Fits(model)) yield return $"The LoRA {found.Name} is for {found.For}, and {model!.Name} is {model.Family}.";
        }
    }

    /// <summary>The tags of LoRAs in a prompt, with their first weight.</summary>
    public static IEnumerable<(string Name, double Weight)> In(string prompt) => Tag().Matches(prompt).Select(match => (match.Groups[2].Value,
        double.TryParse(match.Groups[4].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) ? weight : 1));

    /// <summary>A prompt in which a LoRA has a weight: its tag is changed, added or, with null, taken out.</summary>
    public static string With(string prompt, string name, double? weight)
    {
        var text = weight is { } number ? string.Create(CultureInfo.InvariantCulture, $"{number:0.##}") : null;
        var done = false;
        var changed = Tag().Replace(prompt, match =>
        {
            if (match.Groups[2].Value != name) return match.Value;
            done = true;
            return text is null ? "" : $"<{match.Groups[1].Value}:{name}:{text}{match.Groups[5].Value}>";
        });
        if (!done && text is not null) changed = $"{changed.TrimEnd()} <lora:{name}:{text}>".TrimStart();
        return text is null ? changed.Replace("  ", " ", StringComparison.Ordinal).Trim() : changed;
    }

    private (IReadOnlyList<AddOn> Loras, IReadOnlyList<AddOn> Embeddings) Read()
    {
        lock (_turn)
        {
            if (_read is { } read && Stopwatch.GetElapsedTime(_readAt) < AtOnce) return read;
            var found = (
                Loras: (IReadOnlyList<AddOn>)[.. ModelFile.LorasIn(options.Load.LoraFolders).Select(file => Of(file.Key, file.Value, isLora: true))],
                Embeddings: (IReadOnlyList<AddOn>)
                    [.. ModelFile.EmbeddingsIn(options.Load.EmbeddingFolders).Select(file => Of(file.Key, file.Value, isLora: false))]);
            (_read, _readAt) = (found, Stopwatch.GetTimestamp());
            return found;
        }
    }

    private string? TrainedAs(AddOn one) => _aliases.GetValueOrDefault(one.Path);

    private static bool Same(string? a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private AddOn Of(string name, string path, bool isLora) => _known.GetOrAdd((path, File.GetLastWriteTimeUtc(path)), _ => Read(name, path, isLora));

    private AddOn Read(string name, string path, bool isLora)
    {
        var one = new AddOn(name, path, isLora) { Picture = PictureBeside.Of(path) };
        try
        {
            var file = ModelFile.Read(path);
            var texts = file.Texts;
            _aliases[path] = texts.GetValueOrDefault("ss_output_name");
            one = one with
            {
                For = file.For,
                Words = WordsOf(texts),
                Notes = texts.GetValueOrDefault("modelspec.description") is { Length: > 0 } said ? said : null,
                Problem = file.Kind is ModelKind.Lora or ModelKind.Embedding ? null : file.Problem,
            };
        }
        catch (EaselException e)
        {
            one = one with { Problem = e.Message };
        }
        return WithOwners(one);
    }

    /// <summary>What AUTOMATIC1111 keeps beside a file: what its owner noted.</summary>
    private static AddOn WithOwners(AddOn one)
    {
        var beside = new FileInfo(System.IO.Path.ChangeExtension(one.Path, ".json"));
        if (!beside.Exists || beside.Length > MostText) return one;
        try
        {
            if (JsonNode.Parse(File.ReadAllText(beside.FullName)) is not JsonObject told) return one;
            var words = told["activation text"]?.ToString() ?? "";
            return one with
            {
                Words = words.Length > 0 ? [words] : one.Words,
                Notes = told["notes"]?.ToString() is { Length: > 0 } notes ? notes : told["description"]?.ToString() is { Length: > 0 } said ? said : one.Notes,
                Weight = double.TryParse(told["preferred weight"]?.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) && weight != 0
                    ? weight : null,
            };
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            return one;
        }
    }

    /// <summary>The words that a trainer wrote into the file: the phrase to call it by, else the commonest tags of its pictures.</summary>
    private static IReadOnlyList<string> WordsOf(IReadOnlyDictionary<string, string> texts)
    {
        if (texts.GetValueOrDefault("modelspec.trigger_phrase") is { Length: > 0 } phrase) return [phrase];
        if (texts.GetValueOrDefault("ss_tag_frequency") is not { Length: > 2 and < MostText } tags) return [];
        try
        {
            return [.. (JsonNode.Parse(tags) as JsonObject ?? []).Select(set => set.Value).OfType<JsonObject>().SelectMany(set => set)
                .Select(tag => (Word: tag.Key.Trim(), Count: tag.Value is JsonValue value && value.TryGetValue<long>(out var count) ? count : 0))
                .Where(tag => tag.Word.Length is > 0 and < 80).GroupBy(tag => tag.Word).OrderByDescending(tag => tag.Sum(one => one.Count))
                .Take(MostWords).Select(tag => tag.Key)];
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return [];
        }
    }

    [GeneratedRegex(@"<(lora|lyco):([^:<>]+)(:(-?\d*\.?\d+))?([^<>]*)>", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking)]
    private static partial Regex Tag();
}
