using Easel.Imaging;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>The pictures that jobs begin from, as files: neither the database nor the memory is filled by a long queue.</summary>
internal sealed class InputPictures(PictureFolder folder)
{
    private const string Init = "init", Mask = "mask", Depth = "depth", Control = "control";

    /// <summary>Keeps a request's pictures.</summary>
    public IReadOnlyList<string> Save(string jobId, GenerationRequest request)
    {
        var kept = new List<string>();
        if (request.InitImage is { } init) Keep(Init, path => ImageFile.Save(path, init));
        if (request.Mask is { } mask) Keep(Mask, path => ImageFile.Save(path, mask.ToRgb()));
        if (request.Depth is { } depth) Keep(Depth, path => ImageFile.SaveDepth(path, depth));
        foreach (var (unit, i) in request.Controls.Select((unit, i) => (unit, i)))
            if (unit.Picture is { } picture) Keep($"{Control}{i}", path => ImageFile.Save(path, picture));
        return kept;

        void Keep(string name, Action<string> save)
        {
            save(PathOf(jobId, name));
            kept.Add(name);
        }
    }

    /// <summary>The request without its pictures.</summary>
    public static GenerationRequest Without(GenerationRequest request) => request with
    {
        InitImage = null,
        Mask = null,
        Depth = null,
        Controls = [.. request.Controls.Select(unit => unit with { Picture = null })],
    };

    /// <summary>A job's request with its pictures.</summary>
    public GenerationRequest Load(Job job) => With(job.Request.Request, name => job.Inputs.Contains(name) ? Open(job.Id, name) : null);

    /// <summary>A request with pictures.</summary>
    /// <param name="open">Opens the file of a picture; null where there is none of that name.</param>
    public static GenerationRequest With(GenerationRequest request, Func<string, Stream?> open)
    {
        return request with
        {
            InitImage = Read(Init, ImageFile.Load),
            Mask = Read(Mask, ImageFile.LoadMask),
            Depth = Read(Depth, ImageFile.LoadGray16),
            Controls = [.. request.Controls.Select((unit, i) => Read($"{Control}{i}", ImageFile.Load) is { } picture ? unit with { Picture = picture } : unit)],
        };

        T? Read<T>(string name, Func<Stream, string, T> load) where T : class
        {
            using var file = open(name);
            return file is null ? null : load(file, name);
        }
    }

    /// <summary>Opens the file of a job's picture.</summary>
    /// <exception cref="EaselException">It cannot be read.</exception>
    public Stream Open(string jobId, string name)
    {
        try
        {
            return File.OpenRead(PathOf(jobId, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"The picture that the job begins from ({name}) cannot be read: {e.Message}", e);
        }
    }

    /// <summary>How many bytes the pictures of a job take on disk.</summary>
    public long BytesOf(Job job) => job.Inputs.Select(name => new FileInfo(PathOf(job.Id, name))).Sum(file => file.Exists ? file.Length : 0);

    public void Delete(string jobId)
    {
        var controls = Enumerable.Range(0, ControlUnit.Most).Select(i => $"{Control}{i}");
        foreach (var name in (string[])[Init, Mask, Depth, .. controls]) File.Delete(PathOf(jobId, name));
    }

    private string PathOf(string jobId, string name) => Path.Combine(folder.Inputs, $"{jobId}-{name}.png");
}
