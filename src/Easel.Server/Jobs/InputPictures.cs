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
    public GenerationRequest Load(Job job) => job.Request.Request with
    {
        InitImage = job.Inputs.Contains(Init) ? ImageFile.Load(PathOf(job.Id, Init)) : null,
        Mask = job.Inputs.Contains(Mask) ? ImageFile.LoadMask(PathOf(job.Id, Mask)) : null,
        Depth = job.Inputs.Contains(Depth) ? ImageFile.LoadGray16(PathOf(job.Id, Depth)) : null,
        Controls = [.. job.Request.Request.Controls.Select((unit, i) => job.Inputs.Contains($"{Control}{i}")
            ? unit with { Picture = ImageFile.Load(PathOf(job.Id, $"{Control}{i}")) } : unit)],
    };

    /// <summary>How many bytes the pictures of a job take on disk.</summary>
    public long BytesOf(Job job) => job.Inputs.Select(name => new FileInfo(PathOf(job.Id, name))).Sum(file => file.Exists ? file.Length : 0);

    public void Delete(string jobId)
    {
        var controls = Enumerable.Range(0, ControlUnit.Most).Select(i => $"{Control}{i}");
        foreach (var name in (string[])[Init, Mask, Depth, .. controls]) File.Delete(PathOf(jobId, name));
    }

    private string PathOf(string jobId, string name) => Path.Combine(folder.Inputs, $"{jobId}-{name}.png");
}
