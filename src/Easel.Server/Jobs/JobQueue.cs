using Easel.Server.Errors;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>
/// The one queue: first in, first out, but clients take turns, so that nobody waits behind somebody else's hundred jobs. What is in it survives the process.
/// All members may be called from any thread; none waits for drawing.
/// </summary>
public sealed class JobQueue
{
    private const double Gap = 1024;
    private const int RememberedJobs = 500;

    private readonly JobStore _store;
    private readonly InputPictures _inputs;
    private readonly JobRules _rules;
    private readonly ServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly JobWatchers _watchers = new();
    private readonly object _lock = new(); // what is below; never held while a disk is waited for
    private readonly Lock _turn = new();   // whoever changes the order and its record
    private readonly List<Waiting> _waiting = [];
    private readonly Dictionary<string, JobRun> _running = [];
    private readonly Dictionary<string, Job> _over = [];
    private readonly Queue<string> _overByAge = [];
    private double _lastPosition;

    private sealed record Waiting(Job Job, double Position);

    internal JobQueue(JobStore store, InputPictures inputs, JobRules rules, ServerOptions options, TimeProvider clock)
    {
        (_store, _inputs, _rules, _options, _clock) = (store, inputs, rules, options, clock);
        foreach (var (job, position) in store.Open()) Insert(new Waiting(job, position));
    }

    /// <summary>Takes a job in. When this returns, the job is on disk.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="client">Who asks: a user's name, an address, a browser.</param>
    /// <exception cref="InvalidRequestException">A setting is out of its range or beyond this server's limits.</exception>
    /// <exception cref="ServerException">There is no such model (422), or too many jobs wait already (429).</exception>
    public Job Submit(JobRequest request, string client)
    {
        request = _rules.Check(request);
        lock (_lock) CheckRoom(client);
        var id = JobId.New(_clock.GetUtcNow());
        var job = new Job
        {
            Id = id,
            Inputs = _inputs.Save(id, request.Request), // large pictures take their time, in which nobody else should wait
            Request = request with { Request = InputPictures.Without(request.Request) },
            Client = client,
            Created = _clock.GetUtcNow(),
            PictureCount = JobRules.PicturesOf(request),
        };
        try
        {
            return Add(job);
        }
        catch
        {
            _inputs.Delete(id);
            throw;
        }
    }

    /// <summary>A job as it stands; null where there is none of that id.</summary>
    public Job? Find(string id)
    {
        lock (_lock)
        {
            if (Active(id) is { } active) return active;
            if (_over.TryGetValue(id, out var over)) return over;
        }
        return _store.Find(id);
    }

    /// <summary>Those that run, then those that wait, in the order in which they will be drawn.</summary>
    public IReadOnlyList<Job> Snapshot()
    {
        lock (_lock) return [.. _running.Values.Select(run => run.Job).OrderBy(job => job.Started), .. _waiting.Select((waiting, place) => waiting.Job with { Position = place })];
    }

    /// <summary>Jobs that are over, the youngest first.</summary>
    /// <param name="before">Only those older than the job of this id; null for all.</param>
    /// <param name="count">At most this many.</param>
    public IReadOnlyList<Job> Over(string? before = null, int count = 50) => _store.Over(before, count);

    /// <summary>Takes a job out of the queue, or ends it within a step where it runs.</summary>
    /// <returns>False where there is no such job or it was over already.</returns>
    public bool Cancel(string id)
    {
        lock (_turn)
        {
            Job? cancelled = null;
            lock (_lock)
            {
                if (_running.TryGetValue(id, out var run))
                {
                    run.Cancel();
                    return true;
                }
                if (_waiting.FindIndex(waiting => waiting.Job.Id == id) is >= 0 and var place) cancelled = TakeOut(place);
            }
            if (cancelled is null) return false;
            End([cancelled]);
            return true;
        }
    }

    /// <summary>Cancels what runs and what waits.</summary>
    /// <param name="client">Only this client's; null for everybody's.</param>
    /// <returns>How many jobs.</returns>
    public int StopAll(string? client = null)
    {
        lock (_turn)
        {
            var cancelled = new List<Job>();
            var running = 0;
            lock (_lock)
            {
                for (var place = _waiting.Count - 1; place >= 0; place--)
                    if (client is null || _waiting[place].Job.Client == client) cancelled.Add(TakeOut(place));
                foreach (var run in _running.Values.Where(run => client is null || run.Job.Client == client))
                {
                    run.Cancel();
                    running++;
                }
            }
            End(cancelled);
            return cancelled.Count + running;
        }
    }

    /// <summary>Puts a waiting job at another place.</summary>
    /// <param name="id">The job.</param>
    /// <param name="place">The place, from 0; beyond the last is the last.</param>
    /// <returns>The job at its new place.</returns>
    /// <exception cref="ServerException">No such job waits (404 or 409).</exception>
    public Job Move(string id, int place)
    {
        lock (_turn)
        {
            (string, double)[] places;
            lock (_lock)
            {
                var from = _waiting.FindIndex(waiting => waiting.Job.Id == id);
                if (from < 0) throw NotWaiting(id);
                var moved = _waiting[from];
                _waiting.RemoveAt(from);
                place = Math.Clamp(place, 0, _waiting.Count);
                _waiting.Insert(place, moved);
                places = Renumber();
                for (var i = Math.Min(from, place); i <= Math.Max(from, place); i++) Tell(JobEventKind.Queued, _waiting[i].Job with { Position = i });
            }
            _store.Place(places);
            return Find(id)!;
        }
    }

    /// <summary>
    /// What happens to a job, beginning with how it stands, until it is over. Steps and previews are left out for a watcher that is slow; nothing else is.
    /// </summary>
    /// <param name="id">The job; null for all jobs, which never ends.</param>
    /// <param name="cancel">Ends the watching.</param>
    /// <exception cref="ServerException">There is no such job (404).</exception>
    public IAsyncEnumerable<JobEvent> Watch(string? id = null, CancellationToken cancel = default)
    {
        lock (_lock)
        {
            if (id is null) return _watchers.Read(_watchers.Add(null, Snapshot().Select(Standing)), cancel);
            if (Active(id) is { } job) return _watchers.Read(_watchers.Add(id, [Standing(job)]), cancel);
        }
        return Only(Standing(Find(id) ?? throw new ServerException(StatusCodes.Status404NotFound, "There is no such job.")));
    }

    /// <summary>Waits until a job is over.</summary>
    /// <exception cref="ServerException">There is no such job (404), or the server stops before it is over (503).</exception>
    /// <exception cref="OperationCanceledException">The waiting was cancelled; the job goes on.</exception>
    public async Task<Job> WaitAsync(string id, CancellationToken cancel = default)
    {
        await foreach (var happened in Watch(id, cancel)) if (happened.Job.IsOver) return happened.Job;
        throw new ServerException(StatusCodes.Status503ServiceUnavailable, "The server is being stopped; the job goes on when it is started again.");
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

    /// <summary>The file of a picture that a job begins from ("init", "mask" or "depth"); null where it has none.</summary>
    public string? InputFile(Job job, string name) => _inputs.Find(job, name);

    /// <summary>Waits for work and takes it.</summary>
    /// <param name="idle">How long to wait.</param>
    /// <param name="otherWork">Whether something else is to be done; asked again after <see cref="Wake"/>.</param>
    /// <returns>The next job, begun; null after the time, or when there is other work.</returns>
    internal JobRun? Take(TimeSpan idle, Func<bool> otherWork)
    {
        var until = idle == Timeout.InfiniteTimeSpan ? (DateTimeOffset?)null : _clock.GetUtcNow() + idle;
        lock (_lock)
        {
            while (!otherWork())
            {
                if (_waiting.Count > 0)
                {
                    var job = _waiting[0].Job with { State = JobState.Running, Started = _clock.GetUtcNow(), Position = null, Progress = new JobProgress(JobStage.Loading) };
                    var run = _running[job.Id] = new JobRun(job, _waiting[0].Position);
                    _waiting.RemoveAt(0);
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

    /// <summary>Has <see cref="Take"/> look for other work.</summary>
    internal void Wake()
    {
        lock (_lock) Monitor.PulseAll(_lock);
    }

    /// <summary>Whether a preview of a running job would be looked at.</summary>
    internal bool WantsPreview(JobRun run) =>
        _watchers.Any(run.Job.Id) || run.PreviewWanted is { } asked && _clock.GetElapsedTime(asked) < TimeSpan.FromSeconds(15);

    internal void Report(JobRun run, JobProgress progress, byte[]? preview = null)
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

    /// <summary>One of a job's pictures is on disk.</summary>
    internal void Saved(JobRun run, string pictureId)
    {
        lock (_lock)
        {
            run.Job = run.Job with { Pictures = [.. run.Job.Pictures, pictureId] };
            Tell(JobEventKind.Picture, run.Job);
        }
    }

    /// <summary>A job is over, its pictures on disk.</summary>
    internal void Finish(JobRun run, JobState state, string? error, IReadOnlyList<string> remarks)
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
            Remember(over);
            Tell(KindOf(over.State), over);
        }
        run.Dispose();
    }

    /// <summary>Puts a job that had begun back to the head of the queue; its place on disk was never given up.</summary>
    internal void PutBack(JobRun run)
    {
        lock (_lock)
        {
            _running.Remove(run.Job.Id);
            var waiting = run.Job with { State = JobState.Queued, Started = null, Progress = null };
            _waiting.Insert(0, new Waiting(waiting, run.Position));
            Tell(JobEventKind.Queued, waiting with { Position = 0 });
        }
        run.Dispose();
    }

    /// <summary>Ends all watching, so that a stop does not wait for those who watch.</summary>
    internal void EndWatching() => _watchers.End();

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

    private Job? Placed(string id) => _waiting.FindIndex(waiting => waiting.Job.Id == id) is >= 0 and var place ? _waiting[place].Job with { Position = place } : null;

    private Job Add(Job job)
    {
        lock (_turn)
        {
            lock (_lock) CheckRoom(job.Client);
            var position = MakeRoom(job.Client);
            _store.Add(job, position);
            lock (_lock)
            {
                Insert(new Waiting(job, position));
                job = Placed(job.Id)!;
                Tell(JobEventKind.Queued, job);
                Monitor.PulseAll(_lock);
                return job;
            }
        }
    }

    private void CheckRoom(string client)
    {
        var (limits, own) = (_options.Limits, _waiting.Count(waiting => waiting.Job.Client == client));
        if (own >= limits.QueuedPerClient) throw TooMany($"{own} of your jobs", limits.QueuedPerClient);
        if (_waiting.Count >= limits.Queued) throw TooMany($"{_waiting.Count} jobs", limits.Queued);

        static ServerException TooMany(string jobs, int most) => new(StatusCodes.Status429TooManyRequests, $"{jobs} wait already; this server allows {most}.");
    }

    /// <summary>
    /// The position of a client's new job: behind its own jobs, but before the first of another client's that has more of its own before it. With one client that is the end.
    /// </summary>
    private double MakeRoom(string client)
    {
        (string, double)[] places;
        double position;
        lock (_lock)
        {
            var place = PlaceOf(client);
            position = Between(place);
            if (place == _waiting.Count || position > Before(place) && position < _waiting[place].Position) return position;
            places = Renumber(); // halved so often that no number is left between the two
            position = Between(place);
        }
        _store.Place(places);
        return position;
    }

    private int PlaceOf(string client)
    {
        var turns = _running.Values.GroupBy(run => run.Job.Client).ToDictionary(group => group.Key, group => group.Count());
        var mine = turns.GetValueOrDefault(client) + _waiting.Count(waiting => waiting.Job.Client == client);
        var behindOwn = _waiting.FindLastIndex(waiting => waiting.Job.Client == client) + 1;
        foreach (var (place, waiting) in _waiting.Index())
        {
            var turn = turns.GetValueOrDefault(waiting.Job.Client);
            turns[waiting.Job.Client] = turn + 1;
            if (place >= behindOwn && turn > mine) return place;
        }
        return _waiting.Count;
    }

    private double Between(int place)
    {
        if (place == _waiting.Count) return _lastPosition + Gap;
        return Before(place) + (_waiting[place].Position - Before(place)) / 2;
    }

    /// <summary>The position before a place: a waiting job's, or that of one which runs and would be the first again after a sudden end.</summary>
    private double Before(int place)
    {
        if (place > 0) return _waiting[place - 1].Position;
        return _running.Count > 0 ? _running.Values.Max(run => run.Position) : _waiting[0].Position - Gap;
    }

    private void Insert(Waiting waiting)
    {
        _lastPosition = Math.Max(_lastPosition, waiting.Position);
        var place = _waiting.FindIndex(other => other.Position > waiting.Position);
        _waiting.Insert(place < 0 ? _waiting.Count : place, waiting);
    }

    private (string Id, double Position)[] Renumber()
    {
        for (var place = 0; place < _waiting.Count; place++) _waiting[place] = _waiting[place] with { Position = _lastPosition + (place + 1) * Gap };
        if (_waiting.Count > 0) _lastPosition = _waiting[^1].Position;
        return [.. _waiting.Select(waiting => (waiting.Job.Id, waiting.Position))];
    }

    private Job TakeOut(int place)
    {
        var job = _waiting[place].Job with { State = JobState.Cancelled, Finished = _clock.GetUtcNow(), Position = null };
        _waiting.RemoveAt(place);
        return job;
    }

    private void End(IReadOnlyList<Job> cancelled)
    {
        if (cancelled.Count > 0) _store.Finish(cancelled);
        lock (_lock)
        {
            foreach (var job in cancelled)
            {
                Remember(job);
                Tell(JobEventKind.Cancelled, job);
            }
        }
    }

    private void Remember(Job over)
    {
        _over[over.Id] = over;
        _overByAge.Enqueue(over.Id);
        while (_overByAge.Count > RememberedJobs) _over.Remove(_overByAge.Dequeue());
    }

    private ServerException NotWaiting(string id) => Find(id) is { } job
        ? new ServerException(StatusCodes.Status409Conflict, $"The job is {job.State.ToString().ToLowerInvariant()} and waits no more.")
        : new ServerException(StatusCodes.Status404NotFound, "There is no such job.");
}
