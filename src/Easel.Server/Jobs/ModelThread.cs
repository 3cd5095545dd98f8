using System.Collections.Concurrent;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Server.Library;

namespace Easel.Server.Jobs;

/// <summary>The one long-lived thread that owns the model and draws, job after job.</summary>
internal sealed class ModelThread(JobQueue queue, ModelLibrary library, InputPictures inputs, PictureWriter writer, LoadedModel model, ServerOptions options,
    ServerMetrics metrics, ILogger<ModelThread> log) : IHostedService
{
    /// <summary>Prompts nest, and what reads them calls itself.</summary>
    private const int StackBytes = 16 << 20;

    private readonly ConcurrentQueue<Task> _errands = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;
    private volatile JobRun? _run;

    /// <summary>The name of the model in memory; null while there is none.</summary>
    public string? LoadedModel => model.Name;

    /// <summary>Whether the thread does its work.</summary>
    public bool IsAlive => !_ended.Task.IsCompleted && !_stopping;

    /// <summary>Loads a model before a job asks for it; waits for the job that is drawn.</summary>
    public Task LoadAsync(string? name)
    {
        var entry = library.Checkpoint(name);
        return Errand(() => model.Generator(entry, null, _ => { }));
    }

    /// <summary>Lets the model go; waits for the job that is drawn.</summary>
    public Task UnloadAsync() => Errand(model.Unload);

    Task IHostedService.StartAsync(CancellationToken cancellationToken)
    {
        metrics.Observe(queue, () => LoadedModel is not null);
        Task.Run(() => library.Entries, CancellationToken.None); // so that the first who asks finds the folders read
        new Thread(Work, StackBytes) { Name = "model", IsBackground = true }.Start();
        return Task.CompletedTask;
    }

    /// <summary>Waits a while for the job that is drawn, then puts it back into the queue; either way nothing is lost.</summary>
    async Task IHostedService.StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        queue.Wake();
        try
        {
            await _ended.Task.WaitAsync(options.StopPatience, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            _run?.PutBack();
            await _ended.Task;
        }
        writer.Complete();
    }

    private Task Errand(Action work)
    {
        var errand = new Task(work, TaskCreationOptions.RunContinuationsAsynchronously);
        _errands.Enqueue(errand);
        queue.Wake();
        return errand;
    }

    private void Work()
    {
        try
        {
            while (!_stopping)
            {
                var idle = model.Name is not null && options.UnloadAfter is { } after ? after : Timeout.InfiniteTimeSpan;
                _run = queue.Take(idle, () => _stopping || !_errands.IsEmpty);
                if (_run is { } run) Do(run);
                else if (_errands.TryDequeue(out var errand)) errand.RunSynchronously();
                else if (!_stopping) model.Unload();
                _run = null;
            }
            model.Dispose();
        }
        finally
        {
            _ended.SetResult();
        }
    }

    /// <summary>One job, whatever becomes of it: the thread outlives it.</summary>
    private void Do(JobRun run)
    {
        try
        {
            if (writer.Recover(run))
            {
                writer.End(run, JobState.Done);
                return;
            }
            var remarks = run.Job.Request.Task == JobTask.Enlarge ? Enlarge(run) : Draw(run);
            writer.End(run, JobState.Done, remarks: remarks);
        }
        catch (OperationCanceledException) when (run.IsPutBack)
        {
            queue.PutBack(run);
        }
        catch (OperationCanceledException)
        {
            writer.End(run, JobState.Cancelled);
        }
        catch (EaselException e)
        {
            writer.End(run, JobState.Failed, e.Message);
        }
        catch (Exception e)
        {
            log.LogError(e, "The job {Job} failed.", run.Job.Id);
            writer.End(run, JobState.Failed, NotEnoughMemoryException.Of(e)?.Message ?? Errors.Problem.Unforeseen);
            model.Unload(); // in what state it is nobody knows
        }
    }

    private IReadOnlyList<string> Draw(JobRun run)
    {
        var job = run.Job.Request;
        var request = inputs.Load(run.Job);
        var generator = model.Generator(library.Checkpoint(job.Model), job.Vae is { } vae ? library.Vae(vae) : null, share => Loading(run, share));
        run.Token.ThrowIfCancellationRequested();
        var stamp = model.Stamp!;
        var view = new RunView(queue, run, metrics);
        var result = generator.Generate(request, view.Show, run.Token, image => writer.Add(run, image.Index, image.Image, () => stamp.MetadataOf(image)));
        return result.Remarks;
    }

    private IReadOnlyList<string> Enlarge(JobRun run)
    {
        var job = run.Job.Request;
        var picture = inputs.Load(run.Job).InitImage!;
        var (name, scale) = (job.Model!, job.Scale ?? PlainEnlargement.DefaultScale);
        if (PlainEnlargement.IsOne(name))
        {
            var plain = Resized(picture, Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale),
                PlainEnlargement.FilterOf(name));
            Keep(plain, scale);
            return [];
        }
        var upscaler = model.Upscaler(library.Upscaler(name));
        scale = job.Scale ?? upscaler.Scale;
        var (width, height) = (Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale));
        var enlarged = upscaler.UpscaleTo(picture, width, height, cancel: run.Token,
            onTile: (done, all) => queue.Report(run, new JobProgress(JobStage.Enlarging, Step: done, StepCount: all, Share: (double)done / all)));
        Keep(enlarged, scale);
        return [];

        void Keep(RgbImage image, double by) => writer.Add(run, 0, image, () => new ImageMetadata(EnlargedText(job.Parameters, name, by)));

        static int Side(int? asked, double scaled) => Math.Max(1, asked ?? (int)Math.Round(scaled));

        static RgbImage Resized(RgbImage image, int width, int height, ResampleFilter filter) =>
            (image.Width, image.Height) == (width, height) ? image : Resampling.Resize(image, width, height, filter);
    }

    /// <summary>The text of an enlarged picture, under the names that AUTOMATIC1111 has for it.</summary>
    private static string EnlargedText(string? parameters, string upscaler, double scale)
    {
        var text = Infotext.Parse(parameters ?? "");
        return (text with
        {
            Settings =
            [
                .. text.Settings,
                KeyValuePair.Create("Postprocess upscale by", scale.ToString(CultureInfo.InvariantCulture)),
                KeyValuePair.Create("Postprocess upscaler", upscaler),
            ],
        }).ToString();
    }

    private void Loading(JobRun run, double share)
    {
        run.Token.ThrowIfCancellationRequested();
        if (share - (run.Job.Progress?.Share ?? 0) >= 0.02) queue.Report(run, new JobProgress(JobStage.Loading, Share: share));
    }
}
