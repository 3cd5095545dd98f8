using Easel.Imaging;
using Easel.Server.Library;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>A small picture for each style of a small model, drawn by the model itself while nothing else is to be drawn, and kept on disk. Larger models would
/// take minutes for each, and get none.</summary>
internal sealed class StylePictures(PictureFolder folder, JobQueue queue)
{
    /// <summary>A picture that is to be drawn.</summary>
    public sealed record Wanted(ModelEntry Model, string Prompt, string Key);

    private const string Thing = "a house"; // looks different in every style
    private const int Side = 112;

    private readonly Lock _lock = new();
    private readonly Queue<Wanted> _wanted = [];
    private readonly HashSet<string> _asked = [];

    /// <summary>Told when there is one more.</summary>
    public event Action? Changed;

    /// <summary>Where the page finds the picture of a style; null while there is none, and then it is drawn as soon as there is time.</summary>
    public string? AddressOf(ModelEntry? model, PromptStyle style)
    {
        if (model?.Model is not { IsSmall: true }) return null;
        var prompt = PromptStyle.Merge(style.Words, Thing);
        var text = string.Create(CultureInfo.InvariantCulture, $"{model.Path}\n{model.Bytes}\n{prompt}\n{Side}");
        var key = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)).AsSpan(0, 12));
        if (File.Exists(PathOf(key))) return $"page/styles/{key}";
        lock (_lock)
        {
            if (!_asked.Add(key)) return null;
            _wanted.Enqueue(new Wanted(model, prompt, key));
        }
        queue.Wake();
        return null;
    }

    /// <summary>The file of a key; null where there is none.</summary>
    public string? Find(string key) => key.Length == 24 && key.All(char.IsAsciiHexDigitLower) && File.Exists(PathOf(key)) ? PathOf(key) : null;

    /// <summary>What is to be drawn next, for the model that is loaded or where none is; null for nothing. It stays wanted.</summary>
    public Wanted? Next(string? loaded)
    {
        lock (_lock) return _wanted.TryPeek(out var next) && (loaded is null || loaded == next.Model.Name) ? next : null;
    }

    /// <summary>Keeps a picture, or gives it up where it could not be drawn.</summary>
    public void Done(RgbImage? image)
    {
        Wanted done;
        lock (_lock) done = _wanted.Dequeue();
        if (image is null) return;
        ImageFile.PrepareFolder(Path.GetDirectoryName(PathOf(done.Key))!);
        ImageFile.Save(PathOf(done.Key), Resampling.Resize(image, Side, Side), quality: 85);
        Changed?.Invoke();
    }

    private string PathOf(string key) => Path.Combine(folder.Hidden, "styles", key + ".webp");
}
