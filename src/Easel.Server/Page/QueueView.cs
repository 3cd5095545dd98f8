using Easel.Server.Jobs;
using Easel.Server.Library;

namespace Easel.Server.Page;

/// <summary>
/// The queue as one open tab sees it: everybody's jobs, so that a reload or another browser shows the same. Told of everything, it says so at most every
/// <see cref="Pause"/>, however fast the steps are.
/// </summary>
internal sealed class QueueView(JobQueue queue, ModelLibrary library, TimeProvider clock) : IAsyncDisposable
{
    private const int MostFailures = 20;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(80), KeepFailures = TimeSpan.FromHours(12);

    private readonly CancellationTokenSource _gone = new();
    private readonly Lock _lock = new();
    private Task? _watching;
    private bool _isTelling;
    private readonly Dictionary<string, (double Seconds, double Work)> _pace = []; // of each model, by what it drew lately

    /// <summary>Those that run, then those that wait.</summary>
    public IReadOnlyList<Job> Active { get; private set; } = [];

    /// <summary>What is drawn now; null for nothing.</summary>
    public Job? Running => Active.FirstOrDefault(job => job.State == JobState.Running);

    /// <summary>Those that wait, in the order in which they will be drawn.</summary>
    public IEnumerable<Job> Waiting => Active.Where(job => job.State == JobState.Queued);

    /// <summary>What waits as a person sees it: a grid is one row, from the first of its pictures that wait to its sheet.</summary>
    /// <param name="Job">The job that the row stands for; of a grid that of its sheet.</param>
    /// <param name="First">Its first place in the queue.</param>
    /// <param name="Last">Its last.</param>
    /// <param name="Left">How many of its jobs wait beside the sheet.</param>
    public sealed record Row(Job Job, int First, int Last, int Left);

    /// <summary>The rows of what waits, in the order in which they will be drawn.</summary>
    public IReadOnlyList<Row> Rows
    {
        get
        {
            var waiting = Waiting.ToList();
            var sheets = waiting.Where(job => job.Request.Sheet is not null)
                .SelectMany(sheet => sheet.Request.Sheet!.Places.SelectMany(ids => ids).Select(id => (id, sheet)))
                .ToDictionary(pair => pair.id, pair => pair.sheet);
            return [.. waiting.Index().GroupBy(one => (sheets.GetValueOrDefault(one.Item.Id) ?? one.Item).Id).Select(group =>
                new Row(sheets.GetValueOrDefault(group.First().Item.Id) ?? group.First().Item, group.First().Index, group.Last().Index, group.Count() - 1))];
        }
    }

    /// <summary>How many pictures in the making of the running job were seen; 0 before there is something to see.</summary>
    public int Previews { get; private set; }

    /// <summary>Jobs that failed lately and were neither tried again nor put away, the last first.</summary>
    public IReadOnlyList<Job> Failures { get; private set; } = [];

    /// <summary>Seconds until everything is drawn, judged by how long the last drawings took; null before there is something to judge by.</summary>
    public double? SecondsLeft
    {
        get
        {
            lock (_lock)
            {
                var left = Running is { } job ? job.Progress?.SecondsLeft ?? PaceOf(job) * WorkOf(job) : 0;
                foreach (var waiting in Waiting) left += PaceOf(waiting) * WorkOf(waiting);
                return left;
            }
        }
    }

    /// <summary>Seconds for a step of a picture of 512 x 512, or what goes for one, as the job's model is at it now, as it was lately, or as others
    /// were.</summary>
    private double? PaceOf(Job job)
    {
        if (job.Request.Sheet is not null) return 0;
        if (Running is { Started: { } began, Progress: { Share: > 0.05 and var share, Stage: JobStage.Sampling } } running && ModelOf(running) == ModelOf(job))
            return (clock.GetUtcNow() - began).TotalSeconds / (share * WorkOf(running));
        if (_pace.TryGetValue(ModelOf(job), out var own)) return own.Seconds / own.Work;
        return _pace.Count > 0 ? _pace.Values.Sum(pace => pace.Seconds) / _pace.Values.Sum(pace => pace.Work) : null;
    }

    private static string ModelOf(Job job) => job.Request.Model ?? "";

    /// <summary>The last job that came to something, be it pictures or an error; from before the tab was opened only one with pictures.</summary>
    public Job? Latest { get; private set; }

    /// <summary>Told when any of this changed; from any thread.</summary>
    public event Action? Changed;

    /// <summary>Begins to watch, unless that is done already.</summary>
    public void Start()
    {
        lock (_lock)
        {
            if (_watching is not null) return;
            var over = queue.Over(count: 30);
            Latest = over.Take(5).FirstOrDefault(job => job.State == JobState.Done);
            Failures = [.. over.Where(job => job.State == JobState.Failed && clock.GetUtcNow() - job.Finished < KeepFailures)];
            Active = queue.Snapshot();
            if (Running is { } running && queue.Preview(running.Id) is not null) Previews = 1;
            _watching = Task.Run(Watch);
        }
    }

    /// <summary>Puts a failure away.</summary>
    public void Dismiss(Job failure)
    {
        lock (_lock) Failures = [.. Failures.Where(job => job.Id != failure.Id)];
        Changed?.Invoke();
    }

    private double WorkOf(Job job)
    {
        if (job.Request.Sheet is not null) return 0;
        var request = job.Request.Request;
        var own = (job.Request.Model is { } name ? library.Find(name, ModelUse.Checkpoint) : library.Default)?.Defaults; // for what is left open
        return Math.Max(1, job.PictureCount) * (request.Steps ?? own?.Steps ?? 20) * Share(request.Width) * Share(request.Height);

        double Share(int? side) => (side ?? own?.Size ?? 512) / 512.0;
    }

    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        if (_watching is not null) await _watching;
        _gone.Dispose();
    }

    private async Task Watch()
    {
        try
        {
            await foreach (var happened in queue.Watch(null, _gone.Token))
            {
                Take(happened);
                TellSoon();
            }
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
        }
    }

    private void Take(JobEvent happened)
    {
        lock (_lock)
        {
            var job = happened.Job;
            var isShown = Running is not { } running || running.Id == job.Id; // with a farm several run at a time
            if (happened.Kind == JobEventKind.Preview && isShown) Previews++;
            else if (isShown && (happened.Kind == JobEventKind.Started || job.IsOver)) Previews = 0;
            if (happened.Kind == JobEventKind.Failed) Failures = [job, .. Failures.Take(MostFailures - 1)];
            if (happened.Kind == JobEventKind.Done && job is { Started: { } began, Finished: { } ended, Request.Task: JobTask.Draw })
            {
                // What was drawn last counts most, and much more than little: a small picture takes longer than its pixels.
                var (seconds, work) = _pace.GetValueOrDefault(ModelOf(job));
                _pace[ModelOf(job)] = (seconds / 2 + (ended - began).TotalSeconds, work / 2 + WorkOf(job));
            }
            if (job.IsOver && (job.State == JobState.Failed || job.Pictures.Count > 0)) Latest = job;
            Active = happened.Kind is JobEventKind.Preview or JobEventKind.Step or JobEventKind.Picture
                ? [.. Active.Select(other => other.Id == job.Id ? job : other)] : queue.Snapshot();
        }
    }

    private void TellSoon()
    {
        lock (_lock)
        {
            if (_isTelling) return;
            _isTelling = true;
        }
        _ = Tell();

        async Task Tell()
        {
            await Task.Delay(Pause);
            lock (_lock) _isTelling = false;
            Changed?.Invoke();
        }
    }
}
