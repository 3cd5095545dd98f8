using System.Collections.Concurrent;
using Easel.Farm;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Storage;

namespace Easel.Server.Farm;

/// <summary>
/// Takes jobs out of the queue as the model thread does on one machine, and has the farm draw them. The jobs and their pictures are this server's; where this
/// machine draws too, it does so as a worker like the others.
/// </summary>
internal sealed class FarmDrawing : IHostedService, IFarmOwner, IAsyncDisposable
{
    private const int MostKnown = 20_000;

    private readonly JobQueue _queue;
    private readonly InputPictures _inputs;
    private readonly PictureWriter _writer;
    private readonly JobNeeds _needs;
    private readonly FileStamps _stamps;
    private readonly FarmDispatcher _dispatcher;
    private readonly ServerOptions _options;
    private readonly ILogger _log;
    private readonly FarmWorker? _own;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, JobRun> _runs = [];
    private readonly ConcurrentDictionary<string, Known> _known = []; // of jobs that wait
    private readonly Dictionary<string, bool> _room = []; // what the farm answered, by key, while its version is the same
    private int _roomVersion;
    private Thread? _taking;
    private Task _drawing = Task.CompletedTask;
    private volatile bool _stopping;

    public FarmDrawing(JobQueue queue, InputPictures inputs, PictureWriter writer, PictureFolder folder, JobNeeds needs, FileStamps stamps, LoadedModel model,
        JobPainter painter, ModelThread thread, ServerOptions options, ILogger<FarmDrawing> log)
    {
        (_queue, _inputs, _writer, _needs, _stamps, _options, _log) = (queue, inputs, writer, needs, stamps, options, log);
        _dispatcher = new FarmDispatcher(options.Farm!, ServerIdIn(folder), this, log);
        if (options.Draws)
            _own = new FarmWorker(options.Farm!, Environment.MachineName, new FarmPainter(stamps, model, painter, options, thread.Do), log);
        stamps.Changed += RoomChanged;
    }

    /// <summary>What a job takes, and what is the same for all that take the same.</summary>
    private sealed record Known(FarmNeeds Needs, string SizeKey, string Key);

    /// <summary>The farm as it stands.</summary>
    public FarmState State() => _dispatcher.State();

    public IReadOnlyDictionary<string, int> Waiting() => _queue.Snapshot().Where(job => job.State == JobState.Queued)
        .Select(job => _known.GetValueOrDefault(job.Id)?.Key).OfType<string>().CountBy(key => key).ToDictionary();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _stamps.Start();
        await _dispatcher.StartAsync(cancellationToken);
        _taking = new Thread(Work) { Name = "farm", IsBackground = true };
        _taking.Start();
        if (_own is not null) _drawing = Task.Run(DrawAsync, CancellationToken.None);
    }

    /// <summary>Leaves at once: the workers go on, and what they draw waits at the broker for the next start.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        _queue.Wake();
        await _stop.CancelAsync();
        _taking?.Join();
        await _drawing;
        await _dispatcher.DisposeAsync();
        foreach (var run in _runs.Values.ToList()) run.PutBack();
    }

    public async ValueTask DisposeAsync()
    {
        _stamps.Changed -= RoomChanged;
        await _dispatcher.DisposeAsync();
        _stop.Dispose();
    }

    public void Progress(string job, FarmJobProgress progress, byte[]? preview)
    {
        if (!_runs.TryGetValue(job, out var run)) return;
        var stage = Enum.TryParse<JobStage>(progress.Stage, ignoreCase: true, out var known) ? known : JobStage.Sampling;
        _queue.Report(run, new JobProgress(stage, progress.Part, progress.Parts, progress.Step, progress.StepCount, progress.Share, progress.SecondsLeft),
            preview);
    }

    public bool WantsPreview(string job) => _runs.TryGetValue(job, out var run) && _queue.WantsPreview(run);

    public bool IsOpen(string job) => _queue.Find(job) is { IsOver: false };

    public Task KeepAsync(string job, int index, byte[] file)
    {
        if (_runs.TryGetValue(job, out var run)) return _writer.AddFile(run, index, file);
        try
        {
            _writer.Put(job, index, file);
        }
        catch (EaselException e)
        {
            _log.LogWarning("A picture of the job {Job} is drawn again: {Reason}", job, e.Message);
        }
        // It may have begun while the file was written, and have looked for its pictures before.
        return _runs.TryGetValue(job, out run) ? _writer.AddFile(run, index, file) : Task.CompletedTask;
    }

    public void Finish(string job, string? problem, IReadOnlyList<string> remarks)
    {
        if (_runs.TryRemove(job, out var run)) _writer.End(run, problem is null ? JobState.Done : JobState.Failed, problem, remarks);
    }

    public void RoomChanged() => _queue.Wake();

    /// <summary>Who this server is to the farm, kept with its folder: the same after every start.</summary>
    private static string ServerIdIn(PictureFolder folder)
    {
        var file = Path.Combine(folder.Hidden, "farm-server");
        if (File.Exists(file) && File.ReadAllText(file).Trim() is { Length: 32 } known) return known;
        var id = Guid.NewGuid().ToString("N");
        File.WriteAllText(file, id);
        return id;
    }

    private void Work()
    {
        while (!_stopping)
        {
            if (_queue.Take(Timeout.InfiniteTimeSpan, () => _stopping, MayBegin) is not { } run) continue;
            _known.TryRemove(run.Job.Id, out _);
            try
            {
                Begin(run);
            }
            catch (Exception e)
            {
                _runs.TryRemove(run.Job.Id, out _);
                if (e is not EaselException) _log.LogError(e, "The job {Job} could not be handed out.", run.Job.Id);
                _writer.End(run, JobState.Failed, e is EaselException ? e.Message : Problem.Unforeseen);
            }
        }
    }

    /// <summary>Whether there is a worker for a job, with room. Asked of each that waits, within the queue's lock.</summary>
    private bool MayBegin(Job job)
    {
        if (!_known.TryGetValue(job.Id, out var known))
        {
            FarmNeeds? needs;
            try
            {
                needs = _needs.Of(job);
            }
            catch (EaselException)
            {
                return true; // what is amiss is told when it is begun
            }
            if (needs is null) return false; // its files are still being read
            var size = JobNeeds.SizeKeyOf(job);
            if (_known.Count > MostKnown) _known.Clear(); // of those that were cancelled too
            _known[job.Id] = known = new Known(needs, size, $"{needs.ClassId} {size}");
        }
        if (_dispatcher.Version is var version && version != _roomVersion)
        {
            _room.Clear();
            _roomVersion = version;
        }
        if (_room.TryGetValue(known.Key, out var room) && !room) return false;
        return _room[known.Key] = _dispatcher.HasRoom(known.Key, known.Needs, known.SizeKey);
    }

    private void Begin(JobRun run)
    {
        var job = run.Job;
        var needs = _needs.Of(job) ?? throw new EaselException("A file that the job needs is there no more.");
        _runs[job.Id] = run; // before it is looked what is there: what comes from now on is the run's
        var there = _writer.Recover(run);
        if (there.Count == job.PictureCount)
        {
            _runs.TryRemove(job.Id, out _);
            _writer.End(run, JobState.Done);
            return;
        }
        var parts = job.Request.Task == JobTask.Enlarge ? [(First: 0, Run: job.Request.Request)] : job.Request.Request.Apart();
        var left = new List<FarmPart>();
        foreach (var (place, (first, part)) in parts.Index())
        {
            var count = (place + 1 < parts.Count ? parts[place + 1].First : job.PictureCount) - first;
            if (Enumerable.Range(first, count).Any(index => !there.Contains(index)))
                left.Add(new FarmPart(first, count, FarmPainter.Write(job.Request with { Request = part }, _options.Load.Safety)));
        }
        // The queue cancels within its lock, where nothing may be done that waits for it.
        run.Token.UnsafeRegister(_ => Task.Run(() => Ended(run)), null);
        var inputs = job.Inputs.Select(name => (name, (Func<Stream>)(() => _inputs.Open(job, name)))).ToList();
        _queue.Report(run, new JobProgress(JobStage.Waiting, BatchCount: parts.Count, Share: (double)there.Count / job.PictureCount));
        _dispatcher.Begin(new FarmOrder(job.Id, needs, JobNeeds.SizeKeyOf(job), left, inputs));
    }

    /// <summary>A job that was cancelled, whose pictures cannot be kept, or that waits for the next start.</summary>
    private void Ended(JobRun run)
    {
        if (!_runs.TryRemove(run.Job.Id, out _)) return;
        if (run.IsPutBack)
        {
            _queue.PutBack(run);
            return;
        }
        _writer.End(run, JobState.Cancelled);
        _dispatcher.Cancel(run.Job.Id);
    }

    private async Task DrawAsync()
    {
        try
        {
            await _own!.RunAsync(said =>
            {
                if (_log.IsEnabled(LogLevel.Information)) _log.LogInformation("This machine's worker: {Sentence}", said);
            }, _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The server stops.
        }
        catch (EaselException e)
        {
            _log.LogError("This machine does not draw: {Sentence}", e.Message);
        }
    }
}
