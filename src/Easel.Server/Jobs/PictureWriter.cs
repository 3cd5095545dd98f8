using System.Collections.Concurrent;
using Easel.Imaging;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>
/// Writes pictures and ends jobs on a thread of its own and in order, so that the next job is drawn meanwhile. A job is done when its pictures are on disk and
/// in the database; whatever ends the process before leaves the job open, and what is on disk then is found again (<see cref="Recover"/>).
/// </summary>
internal sealed class PictureWriter : IDisposable
{
    /// <summary>Pictures that may wait to be written; the drawing waits beyond that, for they are held in memory.</summary>
    private const int Most = 8;

    private const string LostWatermark =
        "The invisible watermark is not in the pictures: their format lost it; PNG keeps it, and JPEG from quality 90 on.";

    private readonly BlockingCollection<Action> _work = new(Most);
    private readonly JobQueue _queue;
    private readonly Gallery _gallery;
    private readonly PictureFolder _folder;
    private readonly ServerMetrics _metrics;
    private readonly ILogger _log;
    private readonly Thread _thread;

    public PictureWriter(JobQueue queue, Gallery gallery, PictureFolder folder, ServerMetrics metrics, ILogger<PictureWriter> log)
    {
        (_queue, _gallery, _folder, _metrics, _log) = (queue, gallery, folder, metrics, log);
        _thread = new Thread(Run) { Name = "picture writer", IsBackground = true };
        _thread.Start();
    }

    public void Add(JobRun run, int index, RgbImage image, Func<ImageMetadata> text) => _work.Add(() =>
    {
        if (run.SaveError is null) Guarded(run, () => Save(run, index, image, text));
    });

    /// <summary>Ends a job that an exception stopped: as cancelled, or as failed with what a person is told of it.</summary>
    /// <param name="log">Gets what was not foreseen.</param>
    /// <returns>Whether it was foreseen.</returns>
    public bool End(JobRun run, Exception reason, ILogger log)
    {
        if (reason is OperationCanceledException)
        {
            End(run, JobState.Cancelled);
            return true;
        }
        if (reason is EaselException)
        {
            End(run, JobState.Failed, reason.Message);
            return true;
        }
        log.LogError(reason, "The job {Job} failed.", run.Job.Id);
        End(run, JobState.Failed, NotEnoughMemoryException.Of(reason)?.Message ?? Errors.Problem.Unforeseen);
        return false;
    }

    /// <summary>Ends a job once its pictures are written.</summary>
    public void End(JobRun run, JobState state, string? error = null, IReadOnlyList<string>? remarks = null) => _work.Add(() =>
    {
        if (run.SaveError is { } failure) (state, error) = (JobState.Failed, failure.Message);
        if (run.HasLostWatermark) remarks = [.. remarks ?? [], LostWatermark];
        _queue.Finish(run, state, error, remarks ?? []);
        _metrics.JobEnded(run.Job.Request.Task, state);
        Tell(run.Job, state, error);
    });

    /// <summary>One line for each job. What was asked for stays out of it: a log is read by others than those who drew.</summary>
    private void Tell(Job job, JobState state, string? error)
    {
        if (!_log.IsEnabled(LogLevel.Information)) return;
        var seconds = job.Started is { } started ? (TimeProvider.System.GetUtcNow() - started).TotalSeconds : 0;
        _log.LogInformation("job {Job}: {State}, {Task}, model {Model}, pictures {Pictures}, client {Client}, {Seconds:0.0} s{Reason}", job.Id, state,
            job.Request.Task, job.Request.Model ?? "by default", job.PictureCount, job.Client, seconds, error is null ? "" : ": " + error);
    }

    /// <summary>Takes in the pictures that an earlier process finished; one that cannot be read is thrown away, to be drawn again.</summary>
    /// <returns>The places of those that are there; where that is all of them, nothing is left to draw.</returns>
    public IReadOnlySet<int> Recover(JobRun run)
    {
        var (found, places) = (new List<Picture>(), new HashSet<int>());
        for (var index = 0; index < run.Job.PictureCount; index++)
        {
            var id = PictureFolder.PictureId(run.Job.Id, index);
            var file = FileOf(run.Job, id);
            if (!File.Exists(_folder.PathOf(file))) continue;
            try
            {
                found.Add(Picture.Read(_folder, file, id, run.Job.Id));
                places.Add(index);
            }
            catch (EaselException e)
            {
                _log.LogWarning("A picture of the job {Job} is drawn again: {Reason}", run.Job.Id, e.Message);
                File.Delete(_folder.PathOf(file));
            }
        }
        if (found.Count > 0)
        {
            _work.Add(() => Guarded(run, () =>
            {
                foreach (var picture in found)
                    if (!run.Job.Pictures.Contains(picture.Id)) Add(run, picture); // with a farm one may have come meanwhile
            }));
        }
        return places;
    }

    /// <summary>Keeps a picture that comes as a file. One that is there already, however it came, is kept once.</summary>
    /// <returns>Done when it is on disk and told of, or cannot be.</returns>
    public Task AddFile(JobRun run, int index, byte[] file)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            if (run.SaveError is null) Guarded(run, () => SaveFile(run, index, file));
            done.SetResult();
        });
        return done.Task;
    }

    /// <summary>Puts the file of a job's picture where it belongs, for a job that waits: it is found when the job begins.</summary>
    /// <exception cref="EaselException">It cannot be written, or is no picture.</exception>
    public void Put(string jobId, int index, byte[] file)
    {
        if (_queue.Find(jobId) is { } job) Put(job, PictureFolder.PictureId(jobId, index), file);
    }

    /// <summary>Writes a picture that came as a PNG, in the form that its job asks for.</summary>
    private void Put(Job job, string id, byte[] png)
    {
        var path = _folder.PathOf(FileOf(job, id));
        ImageFile.PrepareFolder(Path.GetDirectoryName(path)!);
        ImageFile.SaveFile(path, job.Request.Kept().Make(png));
    }

    /// <summary>Writes what is left and ends the thread.</summary>
    public void Complete()
    {
        _work.CompleteAdding();
        _thread.Join();
    }

    public void Dispose()
    {
        Complete();
        _work.Dispose();
    }

    private void Run()
    {
        foreach (var work in _work.GetConsumingEnumerable())
        {
            try
            {
                work();
            }
            catch (Exception e)
            {
                _log.LogError(e, "Unforeseen while writing.");
            }
        }
    }

    private static string FileOf(Job job, string id) => PictureFolder.FileOf(id, job.Request.Kept().Ending);

    private void Save(JobRun run, int index, RgbImage image, Func<ImageMetadata> text)
    {
        var id = PictureFolder.PictureId(run.Job.Id, index);
        var (file, form) = (FileOf(run.Job, id), run.Job.Request.Kept());
        var path = _folder.PathOf(file);
        if (File.Exists(path)) return; // recovered, and told of already
        ImageFile.PrepareFolder(Path.GetDirectoryName(path)!);
        var metadata = text();
        ImageFile.Save(path, image, form.HasText ? metadata : null, form.Quality);
        Look(run, form, image);
        Add(run, Picture.Of(id, run.Job.Id, file, DateTimeOffset.UtcNow, image.Width, image.Height, metadata.Parameters));
        _metrics.PictureSaved();
    }

    private void SaveFile(JobRun run, int index, byte[] png)
    {
        var id = PictureFolder.PictureId(run.Job.Id, index);
        if (run.Job.Pictures.Contains(id)) return; // it came twice
        var file = FileOf(run.Job, id);
        var isNew = !File.Exists(_folder.PathOf(file));
        if (isNew) Put(run.Job, id, png);
        var picture = Picture.Read(_folder, file, id, run.Job.Id);
        var form = run.Job.Request.Kept();
        if (isNew && form.LosesWatermark) Look(run, form, ImageFile.Load(new MemoryStream(png, writable: false), file));
        if (!form.HasText)
        {
            // The gallery knows what the file does not tell.
            var parameters = ImageFile.ReadMetadata(new MemoryStream(png, writable: false), file).Parameters;
            picture = Picture.Of(id, run.Job.Id, file, picture.Created, picture.Width, picture.Height, parameters);
        }
        Add(run, picture);
        if (isNew) _metrics.PictureSaved();
    }

    /// <summary>Takes note where the form of its file has spoilt the watermark of a picture.</summary>
    private static void Look(JobRun run, PictureForm form, RgbImage image)
    {
        if (form.LosesWatermark && !run.HasLostWatermark) run.HasLostWatermark = Watermark.Detect(image) is not null;
    }

    /// <summary>Does a part of saving; where that fails, the job does.</summary>
    private void Guarded(JobRun run, Action part)
    {
        try
        {
            part();
        }
        catch (EaselException e)
        {
            run.FailSaving(e);
        }
        catch (Exception e)
        {
            _log.LogError(e, "A picture of the job {Job} could not be saved.", run.Job.Id);
            run.FailSaving(new EaselException("A picture could not be saved for a reason that was not foreseen; the server's log has it.", e));
        }
    }

    private void Add(JobRun run, Picture picture)
    {
        _gallery.Add(picture);
        _queue.Saved(run, picture.Id);
    }
}
