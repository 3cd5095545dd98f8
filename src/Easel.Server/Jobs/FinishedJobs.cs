namespace Easel.Server.Jobs;

/// <summary>How the latest jobs ended, at hand without a look at the disk: as many, and as much of their text, as memory is given for. Not for several
/// threads at once.</summary>
internal sealed class FinishedJobs
{
    private const int MostJobs = 500;
    private const long MostText = 16 << 20; // characters

    private readonly Dictionary<string, Job> _jobs = [];
    private readonly Queue<string> _byAge = [];
    private long _text;

    /// <summary>A job that is over; null where it is not, or was forgotten.</summary>
    public Job? Find(string id) => _jobs.GetValueOrDefault(id);

    /// <summary>Remembers one more; the oldest are forgotten.</summary>
    public void Add(Job over)
    {
        _jobs[over.Id] = over;
        _byAge.Enqueue(over.Id);
        _text += TextOf(over);
        while (_byAge.Count > 1 && (_byAge.Count > MostJobs || _text > MostText))
            if (_jobs.Remove(_byAge.Dequeue(), out var oldest)) _text -= TextOf(oldest);
    }

    private static long TextOf(Job job) => job.Request.Request.Prompts.Sum(prompt => (long)prompt.Length) + (job.Request.Parameters?.Length ?? 0);
}
