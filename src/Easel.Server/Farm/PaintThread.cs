using System.Collections.Concurrent;
using Easel.Server.Jobs;

namespace Easel.Server.Farm;

/// <summary>The thread that owns the model of a worker without a server.</summary>
internal sealed class PaintThread : IDisposable
{
    private readonly BlockingCollection<Task> _work = [];
    private readonly LoadedModel _model;
    private readonly TimeSpan _idle;
    private readonly Thread _thread;

    /// <param name="unloadAfter">After how long without work the model is let go; null to keep it.</param>
    public PaintThread(LoadedModel model, TimeSpan? unloadAfter)
    {
        (_model, _idle) = (model, unloadAfter ?? Timeout.InfiniteTimeSpan);
        _thread = new Thread(Run, ModelThread.StackBytes) { Name = "model", IsBackground = true };
        _thread.Start();
    }

    public Task<T> Do<T>(Func<T> work)
    {
        var errand = new Task<T>(work, TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(errand);
        return errand;
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        while (!_work.IsCompleted)
        {
            if (_work.TryTake(out var errand, _model.Name is null ? Timeout.InfiniteTimeSpan : _idle)) errand.RunSynchronously();
            else if (!_work.IsAddingCompleted) _model.Unload();
        }
        _model.Dispose();
    }
}
