namespace Easel.Server.Jobs;

/// <summary>A job at work: shared by the thread that draws and the one that writes.</summary>
internal sealed class JobRun(Job job) : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();
    private volatile bool _disposed;

    /// <summary>The job as it stands; changed under the queue's lock.</summary>
    public Job Job { get; set; } = job;

    public CancellationToken Token => _cancel.Token;
    public byte[]? Preview { get; set; }

    public long? PreviewWanted { get; set; } // when somebody last asked for a preview, as a timestamp
    public EaselException? SaveError { get; private set; } // why a picture could not be saved; null where all could
    public bool HasLostWatermark { get; set; } // whether the format of its files spoilt the watermark
    public bool IsPutBack { get; private set; } // whether the job is to wait again and not to be cancelled

    public void Cancel()
    {
        lock (_cancel) if (!_disposed) _cancel.Cancel();
    }

    /// <summary>Ends the drawing because the server stops.</summary>
    public void PutBack()
    {
        IsPutBack = true;
        Cancel();
    }

    /// <summary>Ends the drawing because its pictures cannot be kept.</summary>
    public void FailSaving(EaselException error)
    {
        SaveError ??= error;
        Cancel();
    }

    public void Dispose()
    {
        lock (_cancel)
        {
            _disposed = true;
            _cancel.Dispose();
        }
    }
}
