namespace Easel.Server.Jobs;

/// <summary>What happened to a job.</summary>
public enum JobEventKind
{
    /// <summary>It is in the queue, or at another place in it.</summary>
    Queued,

    /// <summary>Work on it began.</summary>
    Started,

    /// <summary>It came a step further; passed over for a watcher that is behind.</summary>
    Step,

    /// <summary>There is something to see; passed over for a watcher that is behind.</summary>
    Preview,

    /// <summary>One of its pictures is on disk.</summary>
    Picture,

    /// <summary>All its pictures are on disk.</summary>
    Done,

    /// <summary>It could not be done.</summary>
    Failed,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}

/// <summary>Something that happened to a job.</summary>
/// <param name="Kind">What.</param>
/// <param name="Job">The job as it stood then.</param>
/// <param name="Preview">For <see cref="JobEventKind.Preview"/>: a small PNG of the picture in the making, several pictures on one sheet.</param>
public sealed record JobEvent(JobEventKind Kind, Job Job, byte[]? Preview = null);
