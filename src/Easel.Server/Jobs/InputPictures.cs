using System.Runtime.InteropServices;
using Easel.Imaging;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>The pictures that jobs begin from, as files: neither the database nor the memory is filled by a long queue. A file is named by its content, so that
/// a picture that is drawn over a hundred times is kept once; it goes when no job refers to it any more.</summary>
internal sealed class InputPictures(PictureFolder folder)
{
    private const string Init = "init", Mask = "mask", Depth = "depth", Control = "control";

    private readonly Lock _lock = new();

    /// <summary>Keeps a request's pictures.</summary>
    /// <returns>The file of each, and those that were not there before, with when they were written.</returns>
    public (IReadOnlyDictionary<string, string> Files, IReadOnlyList<(string File, DateTime Written)> New) Save(GenerationRequest request)
    {
        var (files, written) = (new Dictionary<string, string>(), new List<(string, DateTime)>());
        if (request.InitImage is { } init) Keep(Init, (init.Width, init.Height), init.Pixels, path => ImageFile.Save(path, init));
        if (request.Mask is { } mask) Keep(Mask, (mask.Width, mask.Height), mask.Pixels, path => ImageFile.Save(path, mask.ToRgb()));
        if (request.Depth is { } depth)
            Keep(Depth, (depth.Width, depth.Height), MemoryMarshal.AsBytes(depth.Values.AsSpan()), path => ImageFile.SaveDepth(path, depth));
        foreach (var (unit, i) in request.Controls.Select((unit, i) => (unit, i)))
            if (unit.Picture is { } picture)
                Keep($"{Control}{i}", (picture.Width, picture.Height), picture.Pixels, path => ImageFile.Save(path, picture));
        return (files, written);

        void Keep(string name, (int Width, int Height) size, ReadOnlySpan<byte> pixels, Action<string> save)
        {
            var kind = name.StartsWith(Control, StringComparison.Ordinal) ? Init : name; // how it is written
            var file = $"{kind}-{size.Width}x{size.Height}-{Convert.ToHexStringLower(SHA256.HashData(pixels).AsSpan(0, 16))}.png";
            var path = PathOf(file);
            files[name] = file;
            lock (_lock)
            {
                if (File.Exists(path))
                {
                    File.SetLastWriteTimeUtc(path, DateTime.UtcNow); // it is in use anew
                    return;
                }
                save(path);
                written.Add((file, File.GetLastWriteTimeUtc(path)));
            }
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
    /// <exception cref="EaselException">One is no longer there.</exception>
    public GenerationRequest Load(Job job) => With(job.Request.Request, name => job.InputFiles.ContainsKey(name) ? Open(job, name) : null);

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
    public Stream Open(Job job, string name)
    {
        try
        {
            return File.OpenRead(PathOf(job.InputFiles[name]));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"The picture that the job begins from ({name}) cannot be read: {e.Message}", e);
        }
    }

    /// <summary>How many bytes the pictures of a job take on disk.</summary>
    public long BytesOf(Job job) => job.InputFiles.Values.Select(file => new FileInfo(PathOf(file))).Sum(file => file.Exists ? file.Length : 0);

    /// <summary>Takes files back that were kept for a job that came to nothing, but for those that another job has begun to use since.</summary>
    public void Delete(IReadOnlyList<(string File, DateTime Written)> files)
    {
        lock (_lock)
        {
            foreach (var (file, written) in files)
                if (PathOf(file) is var path && File.GetLastWriteTimeUtc(path) == written) File.Delete(path);
        }
    }

    /// <summary>Deletes what no job refers to, unless it was written lately: a picture is kept before its job is.</summary>
    public void Sweep(IReadOnlySet<string> referred, DateTimeOffset before)
    {
        lock (_lock)
        {
            foreach (var path in Directory.EnumerateFiles(folder.Inputs, "*.png"))
                if (!referred.Contains(Path.GetFileName(path)) && File.GetLastWriteTimeUtc(path) < before.UtcDateTime) File.Delete(path);
        }
    }

    private string PathOf(string file) => Path.Combine(folder.Inputs, Path.GetFileName(file));
}
