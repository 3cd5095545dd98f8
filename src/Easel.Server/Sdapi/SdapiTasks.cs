using Easel.Server.Errors;
using Easel.Server.Jobs;

namespace Easel.Server.Sdapi;

/// <summary>
/// The requests that wait for their pictures. Each is a job for every batch, so that a batch can be skipped and the rest be drawn; who asks for progress,
/// interrupts or skips means their own request that is being drawn, for this API names none.
/// </summary>
internal sealed class SdapiTasks(JobIntake intake, JobQueue queue)
{
    private readonly Lock _lock = new();
    private readonly List<SdapiTask> _tasks = [];

    /// <summary>Begins a request; it is over when the task is disposed of.</summary>
    /// <param name="alone">Whether its jobs go on where the client goes away.</param>
    public SdapiTask Begin(string name, string client, bool alone)
    {
        var task = new SdapiTask(intake, queue, name, client, alone, End);
        lock (_lock) _tasks.Add(task);
        return task;
    }

    /// <summary>Ends a client's request; what is finished of it is sent.</summary>
    public void Interrupt(string client)
    {
        if (Current(client, own: true) is not { } task) return;
        task.Interrupt();
    }

    /// <summary>Ends the batch of a client's request that is being drawn.</summary>
    public void Skip(string client)
    {
        if (Current(client, own: true) is not { } task || task.Jobs.Select(queue.Find).FirstOrDefault(job => job?.IsOver == false) is not { } job) return;
        task.Skipped = true;
        queue.Cancel(job.Id);
    }

    /// <summary>How far a client's request has come; somebody else's where the client has none.</summary>
    public object Progress(string client, bool withPicture)
    {
        var task = Current(client, own: false) ?? Foreign();
        var jobs = task?.Jobs.Select(queue.Find).OfType<Job>().ToList() ?? [];
        var current = jobs.FirstOrDefault(job => !job.IsOver);
        var count = Math.Max(jobs.Count, task?.Expected ?? 0);
        var (done, step, steps) = (jobs.Count(job => job.IsOver), current?.Progress?.Step ?? 0, current?.Progress?.StepCount ?? 0);
        var share = task is null ? 0 : Math.Min(1, 0.01 + (done + ShareOf(current)) / Math.Max(1, count));
        var spent = task is null ? TimeSpan.Zero : DateTimeOffset.Now - task.Started;
        return new
        {
            progress = share,
            eta_relative = share > 0 ? spent.TotalSeconds / share - spent.TotalSeconds : 0,
            state = new
            {
                skipped = task?.Skipped ?? false,
                interrupted = task?.Interrupted ?? false,
                stopping_generation = false,
                job = task?.Name ?? "",
                job_count = count,
                job_timestamp = Timestamp(task?.Started ?? DateTimeOffset.Now),
                job_no = done,
                sampling_step = step,
                sampling_steps = steps,
            },
            current_image = withPicture && current is not null && queue.Preview(current.Id) is { } preview ? Convert.ToBase64String(preview) : null,
            textinfo = current switch
            {
                { State: JobState.Queued } => $"Waiting, {current.Position} before it",
                { Progress.Stage: JobStage.Waiting } => "Waiting for a worker",
                { Progress.Stage: JobStage.Loading } => "Loading the model",
                _ => null,
            },
        };
    }

    /// <summary>A time as the web UI writes it.</summary>
    public static string Timestamp(DateTimeOffset time) => time.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);

    private static double ShareOf(Job? job) => job?.Progress is { Stage: not JobStage.Loading } progress ? progress.Share : 0;

    /// <summary>The request that is being drawn, else the one that waits longest.</summary>
    private SdapiTask? Current(string client, bool own)
    {
        List<SdapiTask> tasks;
        lock (_lock) tasks = [.. _tasks];
        var mine = tasks.Where(task => task.Client == client).ToList();
        if (mine.Count == 0 && !own) mine = tasks;
        return mine.FirstOrDefault(task => task.Jobs.Any(id => queue.Find(id)?.State == JobState.Running)) ?? mine.FirstOrDefault();
    }

    /// <summary>Whoever asks whether the server is busy should know of what the page has drawn, too.</summary>
    private SdapiTask? Foreign() => queue.Snapshot().FirstOrDefault(job => job.State == JobState.Running) is { } job
        ? new SdapiTask(intake, queue, "job", job.Client, alone: true, _ => { }) { Started = job.Started ?? job.Created, Jobs = [job.Id] } : null;

    private void End(SdapiTask task)
    {
        lock (_lock) _tasks.Remove(task);
    }
}

/// <summary>A request that waits for its pictures.</summary>
internal sealed class SdapiTask(JobIntake intake, JobQueue queue, string name, string client, bool alone, Action<SdapiTask> end) : IDisposable
{
    private volatile bool _interrupted, _skipped;
    private volatile IReadOnlyList<string> _jobs = [];

    public string Name => name;
    public string Client => client;
    public DateTimeOffset Started { get; init; } = DateTimeOffset.Now;

    public IReadOnlyList<string> Jobs
    {
        get => _jobs;
        init => _jobs = value;
    }

    /// <summary>How many jobs there will be, where that is more than there are so far.</summary>
    public int Expected { get; set; }

    public bool Interrupted => _interrupted;

    public bool Skipped
    {
        get => _skipped;
        set => _skipped = value;
    }

    /// <summary>Has jobs carried out and waits for them.</summary>
    /// <returns>The jobs, over: done, or cancelled where they were interrupted or skipped.</returns>
    public async Task<IReadOnlyList<Job>> RunAsync(IReadOnlyList<JobRequest> requests, CancellationToken aborted)
    {
        var ids = new List<string>();
        Expected = Math.Max(Expected, _jobs.Count + requests.Count); // who looks while they are being placed is told of all
        try
        {
            foreach (var request in requests)
            {
                ids.Add(intake.Submit(request, client).Id);
                _jobs = [.. _jobs, ids[^1]];
            }
            if (_interrupted) Cancel();
            var over = new List<Job>();
            foreach (var id in ids)
            {
                over.Add(await queue.WaitAsync(id, aborted));
                if (over[^1] is { State: JobState.Failed, Error: var error })
                    throw ServerException.Refused(error ?? "The pictures could not be drawn.");
            }
            return over;
        }
        catch (Exception e)
        {
            if (e is not OperationCanceledException || !alone) Cancel();
            throw;
        }
    }

    /// <summary>Has what lies on a sheet drawn, and waits for the sheet.</summary>
    /// <returns>The sheet's job, over, and those of its pictures in their order.</returns>
    public async Task<IReadOnlyList<Job>> RunGridAsync(IReadOnlyList<IReadOnlyList<JobRequest>> places, SheetRequest asked,
        CancellationToken aborted)
    {
        try
        {
            var sheet = intake.SubmitGrid(places, asked, client);
            var members = sheet.Request.Sheet!.Places.SelectMany(jobs => jobs).ToList();
            _jobs = [.. _jobs, .. members, sheet.Id];
            if (_interrupted) Cancel();
            sheet = await queue.WaitAsync(sheet.Id, aborted);
            if (sheet is { State: JobState.Failed, Error: var error }) throw ServerException.Refused(error ?? "The pictures could not be drawn.");
            return [sheet, .. members.Select(queue.Find).OfType<Job>()];
        }
        catch (Exception e)
        {
            if (e is not OperationCanceledException || !alone) Cancel();
            throw;
        }
    }

    public void Interrupt()
    {
        _interrupted = true;
        Cancel();
    }

    public void Dispose() => end(this);

    private void Cancel()
    {
        foreach (var id in _jobs.Reverse()) queue.Cancel(id); // the waiting ones first, so that none of them begins
    }
}
