using System.Text;
using Easel.Farm;
using Easel.Metadata;
using Easel.Server.Library;

namespace Easel.Server.Farm;

/// <summary>
/// The files of this machine by their content, so that server and workers mean the same by a model whatever it is called. Reading gigabytes takes a while: that
/// is done in the background, once for each file, and what is not known yet is not there yet.
/// </summary>
internal sealed class FileStamps(ModelLibrary library, ServerOptions options, ILogger<FileStamps> log) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _wake = new(0);
    private volatile Known _known = new([], [], [], [], [], new Dictionary<string, string>());
    private Task? _reading;

    /// <summary>Told when something new is known.</summary>
    public event Action? Changed;

    private sealed record Known(IReadOnlyList<FarmFile> Models, IReadOnlyList<FarmFile> Others, IReadOnlyList<FarmFile> Loras,
        IReadOnlyList<FarmFile> Embeddings,
        IReadOnlyList<FarmFile> Controls, IReadOnlyDictionary<string, string> ByPath);

    /// <summary>Checkpoints and upscalers.</summary>
    public IReadOnlyList<FarmFile> Models => _known.Models;

    /// <summary>All that a request can name beside its model: upscalers, refiners and face restorers are among the models.</summary>
    public IReadOnlyList<FarmFile> Others => _known.Others;

    public IReadOnlyList<FarmFile> Loras => _known.Loras;

    public IReadOnlyList<FarmFile> Embeddings => _known.Embeddings;

    public IReadOnlyList<FarmFile> Controls => _known.Controls;

    /// <summary>The stamp of a file in the library; null while it is not known.</summary>
    public string? Of(string path) => _known.ByPath.GetValueOrDefault(path);

    /// <summary>The entry of the library with a content; null where there is none.</summary>
    public ModelEntry? Find(string stamp) => library.Entries.FirstOrDefault(entry => entry.Use != ModelUse.None && Of(entry.Path) == stamp);

    /// <summary>The name that one of these files has here; null where there is none of that content.</summary>
    public static string? NameOf(IReadOnlyList<FarmFile> files, string stamp) => files.FirstOrDefault(file => file.Stamp == stamp)?.Name;

    /// <summary>Begins to read, and looks again every half minute for what is new.</summary>
    public void Start() => _reading ??= Task.Run(ReadAsync);

    /// <summary>Has the folders looked into at once.</summary>
    public void Look()
    {
        if (_wake.CurrentCount == 0) _wake.Release();
    }

    public void Dispose()
    {
        _stop.Cancel();
        try
        {
            _reading?.Wait(TimeSpan.FromSeconds(5));
        }
        catch (AggregateException)
        {
            // It was cancelled.
        }
        _stop.Dispose();
        _wake.Dispose();
    }

    private async Task ReadAsync()
    {
        for (var first = true; !_stop.IsCancellationRequested; first = false)
        {
            try
            {
                if (!first) library.Refresh();
                Read();
                await _wake.WaitAsync(Pause, _stop.Token);
            }
            catch (Exception e) when (e is EaselException or IOException or UnauthorizedAccessException)
            {
                log.LogWarning("The models could not be looked through: {Reason}", e.Message);
                await Task.Delay(Pause, _stop.Token);
            }
        }
    }

    private void Read()
    {
        var stamps = new Dictionary<string, string>(_known.ByPath);
        var entries = library.Entries.Where(entry => entry.Use != ModelUse.None).OrderBy(entry => entry.Bytes).ToList();
        var files = new List<(string Name, string Path, int Kind)>();
        foreach (var entry in entries) files.Add((entry.Name, entry.Path, entry.Use == ModelUse.Vae ? 1 : 0));
        Add(ModelFile.LorasIn(options.Load.LoraFolders), 2);
        Add(ModelFile.EmbeddingsIn(options.Load.EmbeddingFolders), 3);
        Add(ModelFile.ControlsIn(options.Load.ControlFolders), 4);
        // The smallest first: whoever has one of those can begin.
        foreach (var (_, path, _) in files.OrderBy(file => file.Kind == 0 ? 0 : 1))
        {
            _stop.Token.ThrowIfCancellationRequested();
            var known = stamps.ContainsKey(path);
            try
            {
                stamps[path] = StampOf(path); // a file that did not change is not read again
            }
            catch (CheckpointException e)
            {
                stamps.Remove(path);
                log.LogWarning("{Reason}", e.Message);
            }
            if (!known) Show();
        }
        Show();

        void Add(IReadOnlyList<KeyValuePair<string, string>> found, int kind) => files.AddRange(found.Select(file => (file.Key, file.Value, kind)));

        void Show()
        {
            List<FarmFile> Of(params int[] kinds) => [.. files.Where(file => kinds.Contains(file.Kind) && stamps.ContainsKey(file.Path))
                .Select(file => new FarmFile(file.Name, stamps[file.Path]))];

            _known = new Known(Of(0), Of(0, 1, 2, 3, 4), Of(2), Of(3), Of(4), new Dictionary<string, string>(stamps));
            Changed?.Invoke();
        }
    }

    private string StampOf(string path)
    {
        if (ModelStamp.HashOf(path, options.Load.CacheFolder, cancel: _stop.Token) is { } hash) return hash[..16];
        var text = new StringBuilder();
        foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture,
                $"{Path.GetRelativePath(path, file).Replace('\\', '/')} {ModelStamp.HashOf(file, options.Load.CacheFolder, cancel: _stop.Token)}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];
    }
}
