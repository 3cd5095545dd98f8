using Easel.Server.Errors;

namespace Easel.Server.Jobs;

/// <summary>
/// The one queue: jobs in their <see cref="JobOrder"/>, kept on disk, watched and steered. What is in it survives the process. All members may be called
/// from any thread; none waits for drawing. Whoever draws, the <see cref="ModelThread"/> or the farm, uses <see cref="Take"/>, <see cref="Wake"/>, <see
/// cref="WantsPreview"/>, <see cref="Report"/>,
/// <see cref="Saved"/>, <see cref="Finish"/> and <see cref="PutBack"/>, and nothing else.
/// </summary>
internal sealed class JobQueue
{
    private readonly JobStore _store;
    private readonly InputPictures _inputs;
    private readonly TimeProvider _clock;
    private readonly JobWatchers _watchers = new();
    private readonly object _lock = new(); // all that is below, and its record on disk where the order of the two matters
    private readonly JobOrder _order;
    private readonly Dictionary<string, Job> _waiting = [];
    private readonly Dictionary<string, JobRun> _running = [];
    private readonly FinishedJobs _over = new();

    /// <summary>Opens the queue; jobs that an earlier process left open wait again.</summary>
    public JobQueue(JobStore store, InputPictures inputs, ServerLimits limits, TimeProvider clock, ILogger<JobQueue> log)
    {
        (_store, _inputs, _clock) = (store, inputs, clock);
        _order = new JobOrder(limits.QueuedPerClient, limits.Queued, limits.QueuedBytesPerClient, limits.QueuedBytes);
        var (jobs, strange) = store.Open();
        foreach (var (job, position) in jobs)
        {
            _waiting[job.Id] = job;
            _order.Restore(new JobOrder.Entry(job.Id, job.Client, position, BytesOf(job)));
        }
        foreach (var sentence in strange) log.LogWarning("{Sentence}", sentence);
    }

    /// <summary>Takes a job in, checked and with its pictures kept, which <see cref="JobIntake"/> does. When this returns, the job is on disk.</summary>
    /// <exception cref="ServerException">Too many jobs wait already (429).</exception>
    public Job Add(Job job)
    {
        var bytes = BytesOf(job);
        lock (_lock)
        {
            CheckRoom(job.Client, bytes);
            var (position, changed) = _order.Add(job.Id, job.Client, bytes);
            try
            {
                _store.Add(job, position, changed);
            }
            catch
            {
                _order.Remove(job.Id);
                throw;
            }
            _waiting[job.Id] = job;
            job = Placed(job.Id)!;
            Tell(JobEventKind.Queued, job);
            Monitor.PulseAll(_lock);
            return job;
        }
    }

    /// <summary>Whether a client may have further jobs waiting, before work is done for them.</summary>
    /// <exception cref="ServerException">Too many jobs wait already (429).</exception>
    public void CheckRoom(string client, int jobs)
    {
        lock (_lock) CheckRoom(client, bytes: 0, jobs);
    }

    /// <summary>A job as it stands; null where there is none of that id.</summary>
    public Job? Find(string id)
    {
        lock (_lock)
        {
            if (Active(id) is { } active) return active;
            if (_over.Find(id) is { } over) return over;
        }
        return _store.Find(id);
    }

    /// <summary>Those that run, then those that wait, in the order in which they will be drawn.</summary>
    public IReadOnlyList<Job> Snapshot()
    {
        lock (_lock)
        {
            return
            [
                .. _running.Values.Select(run => run.Job).OrderBy(job => job.Started),
                .. _order.Waiting.Select((entry, place) => _waiting[entry.Id] with { Position = place }),
            ];
        }
    }

    /// <summary>Jobs that are over, the youngest first.</summary>
    public IReadOnlyList<Job> Over(string? before = null, int count = 50) => _store.Over(before, count);

    /// <summary>Takes a job out of the queue, or ends it within a step where it runs.</summary>
    /// <returns>False where there is no such job or it was over already.</returns>
    public bool Cancel(string id)
    {
        lock (_lock)
        {
            if (_running.TryGetValue(id, out var run)) run.Cancel();
            else if (_waiting.TryGetValue(id, out var waiting)) Drop([.. Waiting(waiting), waiting]);
            else return _over.Find(id) is null && _store.CancelStrange(id, _clock.GetUtcNow());
            return true;
        }
    }

    /// <summary>What of a sheet's pictures is still to be drawn; what is being drawn of them ends.</summary>
    private List<Job> Waiting(Job sheet)
    {
        var members = sheet.Request.Sheet?.Places.SelectMany(jobs => jobs).ToList() ?? [];
        foreach (var member in members) if (_running.TryGetValue(member, out var run)) run.Cancel();
        return [.. members.Select(member => _waiting.GetValueOrDefault(member)).OfType<Job>()];
    }

    /// <param name="client">Only this client's; null for everybody's.</param>
    public int StopAll(string? client = null)
    {
        lock (_lock)
        {
            var waiting = _waiting.Values.Where(job => client is null || job.Client == client).ToList();
            var running = _running.Values.Where(run => client is null || run.Job.Client == client).ToList();
            foreach (var run in running) run.Cancel();
            Drop(waiting);
            return waiting.Count + running.Count;
        }
    }

    /// <summary>Puts a waiting job at another place.</summary>
    /// <param name="place">The place, from 0; beyond the last is the last.</param>
    /// <exception cref="ServerException">No such job waits (404 or 409).</exception>
    public Job Move(string id, int place)
    {
        lock (_lock)
        {
            var from = _order.PlaceOf(id);
            if (from < 0) throw NotWaiting(id);
            var isGrid = MoveMembers(_waiting[id], from, ref place);
            from = _order.PlaceOf(id);
            (place, var changed) = _order.Move(from, place);
            _store.Place(changed);
            var (first, last) = isGrid ? (0, _order.Waiting.Count - 1) : (Math.Min(from, place), Math.Max(from, place));
            for (var i = first; i <= last; i++) Tell(JobEventKind.Queued, Placed(_order.Waiting[i].Id)!);
            return Placed(id)!;
        }
    }

    /// <summary>Moves what is still to be drawn of a sheet along with it, to the places before it.</summary>
    /// <returns>Whether there is any.</returns>
    private bool MoveMembers(Job sheet, int from, ref int place)
    {
        var members = sheet.Request.Sheet is null ? [] : _order.Waiting.Select(entry => entry.Id)
            .Intersect(sheet.Request.Sheet.Places.SelectMany(jobs => jobs)).ToList();
        if (members.Count == 0) return false;
        if (place > from) // the sheet itself is the last of them
        {
            foreach (var member in members) _store.Place(_order.Move(_order.PlaceOf(member), place).Changed);
            return true;
        }
        foreach (var (i, member) in members.Index()) _store.Place(_order.Move(_order.PlaceOf(member), place + i).Changed);
        place += members.Count;
        return true;
    }

    /// <summary>What happens to a job, beginning with how it stands, until it is over. A slow watcher is spared steps and previews.</summary>
    /// <param name="id">The job; null for all jobs, which never ends.</param>
    /// <exception cref="ServerException">There is no such job (404).</exception>
    public IAsyncEnumerable<JobEvent> Watch(string? id = null, CancellationToken cancel = default)
    {
        lock (_lock)
        {
            if (id is null) return _watchers.Read(_watchers.Add(null, Snapshot().Select(Standing)), cancel);
            if (Active(id) is { } job) return _watchers.Read(_watchers.Add(id, [Standing(job)]), cancel);
        }
        return Only(Standing(Find(id) ?? throw new ServerException(Status404NotFound, "There is no such job.")));
    }

    /// <summary>Waits until a job is over.</summary>
    /// <exception cref="ServerException">There is no such job (404), or the server stops before it is over (503).</exception>
    /// <exception cref="OperationCanceledException">The waiting was cancelled; the job goes on.</exception>
    public async Task<Job> WaitAsync(string id, CancellationToken cancel = default)
    {
        await foreach (var happened in Watch(id, cancel)) if (happened.Job.IsOver) return happened.Job;
        throw new ServerException(Status503ServiceUnavailable, "The server is being stopped; the job goes on when it is started again.");
    }

    /// <summary>The latest small picture of a running job, PNG; null before there is one. Asking for it has it made from the next step on.</summary>
    public byte[]? Preview(string id)
    {
        lock (_lock)
        {
            if (!_running.TryGetValue(id, out var run)) return null;
            run.PreviewWanted = _clock.GetTimestamp();
            return run.Preview;
        }
    }

    /// <summary>Waits for work and takes it.</summary>
    /// <param name="otherWork">Whether something else is to be done; asked again after <see cref="Wake"/>.</param>
    /// <param name="may">Which jobs may begin now; asked again after <see cref="Wake"/>, and within the queue's lock. Null for all.</param>
    /// <returns>The next job, begun; null after the time, or when there is other work.</returns>
    public JobRun? Take(TimeSpan idle, Func<bool> otherWork, Func<Job, bool>? may = null) =>
        TakeAny(idle, otherWork, job => job.Request.Sheet is null && (may is null || may(job)));

    /// <summary>Waits for a sheet whose pictures are all over and takes it.</summary>
    /// <param name="isOver">Whether to wait no more; asked again after <see cref="Wake"/>.</param>
    public JobRun? TakeSheet(Func<bool> isOver) => TakeAny(Timeout.InfiniteTimeSpan, isOver, job => job.Request.Sheet is { } sheet
        && !sheet.Places.SelectMany(jobs => jobs).Any(id => _waiting.ContainsKey(id) || _running.ContainsKey(id)));

    private JobRun? TakeAny(TimeSpan idle, Func<bool> otherWork, Func<Job, bool> may)
    {
        var until = idle == Timeout.InfiniteTimeSpan ? (DateTimeOffset?)null : _clock.GetUtcNow() + idle;
        lock (_lock)
        {
            while (!otherWork())
            {
                if (_order.Begin(entry => may(_waiting[entry.Id])) is { } next)
                {
                    _waiting.Remove(next.Id, out var job);
                    job = job! with { State = JobState.Running, Started = _clock.GetUtcNow(), Position = null, Progress = new JobProgress(JobStage.Loading) };
                    var run = _running[job.Id] = new JobRun(job);
                    Tell(JobEventKind.Started, job);
                    return run;
                }
                var left = until - _clock.GetUtcNow() ?? Timeout.InfiniteTimeSpan;
                if (until is not null && left <= TimeSpan.Zero) return null;
                Monitor.Wait(_lock, left);
            }
            return null;
        }
    }

    /// <summary>Whether a job waits.</summary>
    public bool HasWaiting
    {
        get
        {
            lock (_lock) return _order.Waiting.Count > 0;
        }
    }

    /// <summary>Has <see cref="Take"/> look for other work.</summary>
    public void Wake()
    {
        lock (_lock) Monitor.PulseAll(_lock);
    }

    /// <summary>Whether a preview of a running job would be looked at.</summary>
    public bool WantsPreview(JobRun run) =>
        _watchers.Any(run.Job.Id) || run.PreviewWanted is { } asked && _clock.GetElapsedTime(asked) < TimeSpan.FromSeconds(15);

    public void Report(JobRun run, JobProgress progress, byte[]? preview = null)
    {
        lock (_lock)
        {
            run.Job = run.Job with { Progress = progress };
            Tell(JobEventKind.Step, run.Job);
            if (preview is null) return;
            run.Preview = preview;
            _watchers.Tell(new JobEvent(JobEventKind.Preview, run.Job, preview));
        }
    }

    public void Saved(JobRun run, string pictureId)
    {
        lock (_lock)
        {
            // Several machines finish in an order of their own.
            var behind = run.Job.Pictures.Count(other => other.Length < pictureId.Length || other.Length == pictureId.Length
                && string.CompareOrdinal(other, pictureId) < 0);
            run.Job = run.Job with { Pictures = [.. run.Job.Pictures.Take(behind), pictureId, .. run.Job.Pictures.Skip(behind)] };
            Tell(JobEventKind.Picture, run.Job);
        }
    }

    /// <summary>A job is over, its pictures on disk.</summary>
    public void Finish(JobRun run, JobState state, string? error, IReadOnlyList<string> remarks)
    {
        var over = run.Job with { State = state, Error = error, Remarks = remarks, Finished = _clock.GetUtcNow(), Progress = null };
        try
        {
            _store.Finish(over);
        }
        catch (EaselException e) when (state == JobState.Done)
        {
            over = over with { State = JobState.Failed, Error = e.Message };
        }
        catch (EaselException)
        {
            // The end of the job is told all the same; on the next start it is drawn again.
        }
        lock (_lock)
        {
            _running.Remove(over.Id);
            _order.End(over.Id);
            Remember(over);
            Monitor.PulseAll(_lock); // it may have been the last that a sheet waited for
        }
        run.Dispose();
    }

    /// <summary>Puts a job that had begun back into the queue, where it was; its place on disk was never given up.</summary>
    public void PutBack(JobRun run)
    {
        lock (_lock)
        {
            _running.Remove(run.Job.Id);
            _order.PutBack(run.Job.Id);
            _waiting[run.Job.Id] = run.Job with { State = JobState.Queued, Started = null, Progress = null };
            Tell(JobEventKind.Queued, Placed(run.Job.Id)!);
        }
        run.Dispose();
    }

    /// <summary>Ends all watching, so that a stop does not wait for those who watch.</summary>
    public void EndWatching() => _watchers.End();

    private static JobEventKind KindOf(JobState state) => state switch
    {
        JobState.Done => JobEventKind.Done,
        JobState.Failed => JobEventKind.Failed,
        JobState.Cancelled => JobEventKind.Cancelled,
        JobState.Running => JobEventKind.Started,
        _ => JobEventKind.Queued,
    };

    private static JobEvent Standing(Job job) => new(KindOf(job.State), job);

    private static async IAsyncEnumerable<JobEvent> Only(JobEvent happened)
    {
        await System.Threading.Tasks.Task.CompletedTask;
        yield return happened;
    }

    private void Tell(JobEventKind kind, Job job) => _watchers.Tell(new JobEvent(kind, job));

    private Job? Active(string id) => _running.TryGetValue(id, out var run) ? run.Job : Placed(id);

    private Job? Placed(string id) => _waiting.TryGetValue(id, out var job) ? job with { Position = _order.PlaceOf(id) } : null;

    /// <summary>What a waiting job takes: its text twice, in memory and on disk, and its pictures.</summary>
    private long BytesOf(Job job) => 4L * JobStore.Text(job.Request).Length + _inputs.BytesOf(job);

    private void CheckRoom(string client, long bytes, int jobs = 1)
    {
        if (_order.WhyFull(client, bytes, jobs) is { } full) throw new ServerException(Status429TooManyRequests, full);
    }

    private void Drop(IReadOnlyList<Job> waiting)
    {
        if (waiting.Count == 0) return;
        var cancelled = waiting.Select(job => job with { State = JobState.Cancelled, Finished = _clock.GetUtcNow() }).ToList();
        _store.Finish(cancelled);
        foreach (var job in cancelled)
        {
            _waiting.Remove(job.Id);
            _order.Remove(job.Id);
            Remember(job);
        }
        Monitor.PulseAll(_lock);
    }

    /// <summary>Keeps how a job ended at hand, and tells of it.</summary>
    private void Remember(Job over)
    {
        _over.Add(over);
        Tell(KindOf(over.State), over);
    }

    private ServerException NotWaiting(string id) => Find(id) is { } job
        ? new ServerException(Status409Conflict, $"The job is {job.State.ToString().ToLowerInvariant()} and waits no more.")
        : new ServerException(Status404NotFound, "There is no such job.");
}
