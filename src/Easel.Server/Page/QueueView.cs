using Easel.Server.Jobs;

namespace Easel.Server.Page;

/// <summary>
/// The queue as one open tab sees it: everybody's jobs, so that a reload or another browser shows the same. Told of everything, it says so at most every
/// <see cref="Pause"/>, however fast the steps are.
/// </summary>
internal sealed class QueueView(JobQueue queue) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(80);

    private readonly CancellationTokenSource _gone = new();
    private readonly Lock _lock = new();
    private Task? _watching;
    private bool _isTelling;

    /// <summary>Those that run, then those that wait.</summary>
    public IReadOnlyList<Job> Active { get; private set; } = [];

    /// <summary>What is drawn now; null for nothing.</summary>
    public Job? Running => Active.FirstOrDefault(job => job.State == JobState.Running);

    /// <summary>Those that wait, in the order in which they will be drawn.</summary>
    public IEnumerable<Job> Waiting => Active.Where(job => job.State == JobState.Queued);

    /// <summary>The picture in the making, PNG; null before there is something to see.</summary>
    public byte[]? Preview { get; private set; }

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
            Latest = queue.Over(count: 5).FirstOrDefault(job => job.State == JobState.Done);
            Active = queue.Snapshot();
            if (Running is { } running) Preview = queue.Preview(running.Id);
            _watching = Task.Run(Watch);
        }
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
            if (happened.Kind == JobEventKind.Preview && isShown) Preview = happened.Preview;
            else if (isShown && (happened.Kind == JobEventKind.Started || job.IsOver)) Preview = null;
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
