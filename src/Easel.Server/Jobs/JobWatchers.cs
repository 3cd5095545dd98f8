using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Easel.Server.Jobs;

/// <summary>Those who want to be told. Telling never waits: who is behind is spared steps and previews, and who is hopelessly behind is let go.</summary>
internal sealed class JobWatchers
{
    private const int Behind = 16, HopelesslyBehind = 20_000;

    private readonly List<Watcher> _all = [];
    private readonly Lock _lock = new();
    private bool _ended;

    private sealed record Watcher(string? JobId, Channel<JobEvent> Events);

    /// <summary>Whether anybody looks at the previews of a job.</summary>
    public bool Any(string jobId)
    {
        lock (_lock) return _all.Any(watcher => watcher.JobId is null || watcher.JobId == jobId);
    }

    /// <summary>Begins to watch; what happens from now on is not lost, however late it is read.</summary>
    public ChannelReader<JobEvent> Add(string? jobId, IEnumerable<JobEvent> begin)
    {
        var watcher = new Watcher(jobId, Channel.CreateUnbounded<JobEvent>());
        lock (_lock)
        {
            foreach (var first in begin) watcher.Events.Writer.TryWrite(first);
            if (_ended) watcher.Events.Writer.TryComplete();
            else _all.Add(watcher);
        }
        return watcher.Events.Reader;
    }

    public void Tell(JobEvent happened)
    {
        lock (_lock)
        {
            for (var i = _all.Count - 1; i >= 0; i--)
            {
                var watcher = _all[i];
                if (watcher.JobId is not null && watcher.JobId != happened.Job.Id) continue;
                var pending = watcher.Events.Reader.Count;
                if (pending >= Behind && happened.Kind is (JobEventKind.Step or JobEventKind.Preview)) continue;
                watcher.Events.Writer.TryWrite(happened);
                var isLast = watcher.JobId is not null && happened.Job.IsOver;
                if (!isLast && pending < HopelesslyBehind) continue;
                watcher.Events.Writer.TryComplete();
                _all.RemoveAt(i);
            }
        }
    }

    /// <summary>Ends all watching, now and later.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var watcher in _all) watcher.Events.Writer.TryComplete();
            _all.Clear();
        }
    }

    public async IAsyncEnumerable<JobEvent> Read(ChannelReader<JobEvent> reader, [EnumeratorCancellation] CancellationToken cancel)
    {
        try
        {
            await foreach (var happened in reader.ReadAllAsync(cancel)) yield return happened;
        }
        finally
        {
            lock (_lock) _all.RemoveAll(watcher => watcher.Events.Reader == reader);
        }
    }
}
