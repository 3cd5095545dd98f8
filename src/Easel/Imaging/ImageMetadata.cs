namespace Easel.Imaging;

/// <summary>The text that travels inside a picture file.</summary>
/// <param name="Parameters">The generation parameters: AUTOMATIC1111's infotext, or whatever else the program that painted the picture keeps in that place;
/// null when there are none.</param>
public sealed record ImageMetadata(string? Parameters)
{
    /// <summary>No text at all.</summary>
    public static ImageMetadata None { get; } = new((string?)null);

    /// <summary>All other text pairs, in the file's order: "workflow" and "prompt" (ComfyUI), "invokeai_metadata", "sd-metadata" and "Dream" (InvokeAI),
    /// "Description", "Comment" and "Software" (NovelAI), and so on. A PNG holds any of them. JPEG and WebP hold only those that EXIF has a place for
    /// ("ImageDescription", "Make", "Model", "Software", "Artist", "Copyright"); the others are left out when saving to these formats.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Others { get; init; } = [];

    /// <summary>The text under a key ("parameters" included), or null; keys are told apart by case.</summary>
    public string? this[string key] => key == ParametersKey ? Parameters : Others.LastOrDefault(pair => pair.Key == key).Value;

    internal const string ParametersKey = "parameters";

    /// <summary>Sorts text pairs as a file holds them; of equal keys the last one counts, as Pillow reads them.</summary>
    internal static ImageMetadata From(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var order = new List<string>();
        var texts = new Dictionary<string, string>();
        foreach (var (key, text) in pairs)
        {
            if (!texts.ContainsKey(key)) order.Add(key);
            texts[key] = text;
        }
        return new ImageMetadata(texts.GetValueOrDefault(ParametersKey))
        {
            Others = [.. order.Where(key => key != ParametersKey).Select(key => KeyValuePair.Create(key, texts[key]))],
        };
    }
}
