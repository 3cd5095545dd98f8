using Easel.Farm;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Library;

namespace Easel.Server.Farm;

/// <summary>Draws for a farm with the models of this machine.</summary>
/// <param name="onThread">Does something on the thread that owns the model.</param>
internal sealed class FarmPainter(FileStamps stamps, LoadedModel model, JobPainter painter, ServerOptions options,
    Func<Func<IReadOnlyList<string>>, Task<IReadOnlyList<string>>> onThread) : IFarmPainter
{
    public FarmWorkerInfo Describe() => new()
    {
        Id = "",
        Name = "",
        Processor = MachineInfo.ProcessorName,
        Precision = options.Load.Precision.ToString().ToLowerInvariant(),
        Memory = Math.Min(options.Load.MemoryLimit ?? long.MaxValue, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes),
        Models = stamps.Models,
        Others = stamps.Others,
        Loaded = model.Path is { } path ? stamps.Of(path) : null,
    };

    public Task<IReadOnlyList<string>> PaintAsync(FarmTask task, IReadOnlyDictionary<string, byte[]> inputs, IFarmCanvas canvas, CancellationToken cancel)
    {
        var (job, safety) = Read(task);
        var request = InputPictures.With(job.Request, name => inputs.TryGetValue(name, out var file) ? new MemoryStream(file) : null);
        return onThread(() => painter.Paint(job, request, new Sink(canvas, task.First, cancel), safety));
    }

    /// <summary>A part of a job as it is sent.</summary>
    /// <param name="Job">What to draw.</param> <param name="Safety">What the server does with explicit pictures: the worker must do no less.</param>
    private sealed record Piece(JobRequest Job, SafetyAction Safety);

    /// <summary>A part of a job as it is sent; what comes back is a PNG, whatever is made of it here.</summary>
    public static string Write(JobRequest job, SafetyAction safety) =>
        JsonSerializer.Serialize(new Piece(job with { File = null }, safety), ServerJson.Options);

    /// <summary>A part of a job, with the names that its files have here.</summary>
    private Piece Read(FarmTask task)
    {
        var (job, safety) = JsonSerializer.Deserialize<Piece>(task.Request, ServerJson.Options)!;
        job = job with { Faces = [.. job.Faces.Select(step => step with { Restorer = Entry(Meant(step.Restorer)).Name })] };
        if (task.Needs.Model.Stamp == FarmProtocol.NoModel) return new Piece(job, safety);
        var request = job.Request;
        job = job with
        {
            Model = Entry(task.Needs.Model).Name,
            Vae = job.Vae is { } vae ? Entry(Meant(vae)).Name : null,
            Request = request with
            {
                HiresUpscaler = Other(request.HiresUpscaler) is { } upscaler ? Entry(upscaler).Name : request.HiresUpscaler,
                Refiner = request.Refiner is { } refiner ? Entry(Meant(refiner)).Name : null,
                FaceRestorer = request.FaceRestorer is { } restorer ? Entry(Meant(restorer)).Name : null,
                Controls = [.. request.Controls.Select(unit => unit with { Network = Here(stamps.Controls, Meant(unit.Network)) })],
            },
        };
        return new Piece(job, safety);

        FarmFile Meant(string name) => Other(name) ?? throw new FarmException($"The part does not say which file {name} is.") { MayPass = true };

        FarmFile? Other(string name) => task.Needs.Others.FirstOrDefault(file => file.Name == name);
    }

    private ModelEntry Entry(FarmFile file) => stamps.Find(file.Stamp) ?? throw Gone(file);

    private static string Here(IReadOnlyList<FarmFile> files, FarmFile file) => FileStamps.NameOf(files, file.Stamp) ?? throw Gone(file);

    private static FarmException Gone(FarmFile file) => new($"{file.Name} was on this machine and is not any more.") { MayPass = true };

    private sealed class Sink(IFarmCanvas canvas, int first, CancellationToken cancel) : IRunSink
    {
        public CancellationToken Token => cancel;

        public bool WantsPreview => canvas.WantsPreview;

        public void Report(JobProgress progress, byte[]? preview = null) => canvas.Report(progress.Stage.ToString(), progress.Step, progress.StepCount,
            progress.Stage is JobStage.Loading ? 0 : progress.Share, progress.SecondsLeft, preview);

        public void Picture(int index, RgbImage image, Func<ImageMetadata> text) =>
            canvas.PictureAsync(first + index, ImageFile.Encode(image, ImageFormat.Png, text())).AsTask().GetAwaiter().GetResult();
    }
}
