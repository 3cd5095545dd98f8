using System.Collections.Concurrent;
using Easel.Server.Library;

namespace Easel.Server.Jobs;

/// <summary>The one long-lived thread that owns the model and draws, job after job.</summary>
internal sealed class ModelThread(JobQueue queue, ModelLibrary library, InputPictures inputs, PictureWriter writer, LoadedModel model, JobPainter painter,
    StylePictures styles,
    ServerOptions options, ServerMetrics metrics, ILogger<ModelThread> log) : IHostedService
{
    /// <summary>Prompts nest, and what reads them calls itself.</summary>
    public const int StackBytes = 16 << 20;

    private readonly ConcurrentQueue<Task> _errands = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;
    private volatile JobRun? _run;

    /// <summary>The name of the model in memory; null while there is none.</summary>
    public string? LoadedModel => model.Name;

    /// <summary>Whether the thread does its work.</summary>
    public bool IsAlive => !_ended.Task.IsCompleted && !_stopping;

    /// <summary>Loads a model before a job asks for it; waits for the job that is drawn. Where others draw, that is theirs to do.</summary>
    public Task LoadAsync(string? name)
    {
        var entry = library.Checkpoint(name);
        return options.Draws ? Errand(() => model.Generator(entry, null, _ => { })) : Task.CompletedTask;
    }

    /// <summary>Does something on the thread that owns the model, as soon as it is free.</summary>
    public Task<T> Do<T>(Func<T> work)
    {
        var errand = new Task<T>(work, TaskCreationOptions.RunContinuationsAsynchronously);
        _errands.Enqueue(errand);
        queue.Wake();
        return errand;
    }

    /// <summary>Lets the model go; waits for the job that is drawn.</summary>
    public Task UnloadAsync() => Errand(model.Unload);

    Task IHostedService.StartAsync(CancellationToken cancellationToken)
    {
        metrics.Observe(queue, () => LoadedModel is not null);
        Task.Run(() => library.Entries, CancellationToken.None); // so that the first who asks finds the folders read
        new Thread(Work, StackBytes) { Name = "model", IsBackground = true }.Start();
        return Task.CompletedTask;
    }

    /// <summary>Waits a while for the job that is drawn, then puts it back into the queue; either way nothing is lost.</summary>
    async Task IHostedService.StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        queue.Wake();
        try
        {
            await _ended.Task.WaitAsync(options.StopPatience, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            _run?.PutBack();
            await _ended.Task;
        }
        writer.Complete();
    }

    private Task Errand(Action work) => Do(() =>
    {
        work();
        return true;
    });

    private void Work()
    {
        try
        {
            while (!_stopping)
            {
                var idle = model.Name is not null && options.UnloadAfter is { } after ? after : Timeout.InfiniteTimeSpan;
                // With a farm the jobs go to the broker, and this thread draws what comes back from there, as an errand.
                _run = queue.Take(idle, () => _stopping || !_errands.IsEmpty || !queue.HasWaiting && styles.Next(model.Name) is not null,
                    options.Farm is null ? null : _ => false);
                if (_run is { } run) Do(run);
                else if (_errands.TryDequeue(out var errand)) errand.RunSynchronously();
                else if (styles.Next(model.Name) is { } wanted) Illustrate(wanted);
                else if (!_stopping) model.Unload();
                _run = null;
            }
            model.Dispose();
        }
        finally
        {
            _ended.SetResult();
        }
    }

    /// <summary>Draws the picture of a style, unless something else is to be done.</summary>
    private void Illustrate(StylePictures.Wanted wanted)
    {
        try
        {
            var generator = model.Generator(wanted.Model, null, _ => StopForOthers());
            var result = generator.Generate(new GenerationRequest { Prompt = wanted.Prompt, Seed = 1, Watermark = false }, _ => StopForOthers());
            styles.Done(result.Images[0].Image);
        }
        catch (OperationCanceledException)
        {
            // It is drawn once there is time again.
        }
        catch (Exception e)
        {
            log.LogWarning("The picture of a style could not be drawn: {Reason}", e.Message);
            styles.Done(null);
        }

        void StopForOthers()
        {
            if (_stopping || queue.HasWaiting || !_errands.IsEmpty) throw new OperationCanceledException();
        }
    }

    /// <summary>One job, whatever becomes of it: the thread outlives it.</summary>
    private void Do(JobRun run)
    {
        try
        {
            if (writer.Recover(run).Count == run.Job.PictureCount)
            {
                writer.End(run, JobState.Done);
                return;
            }
            var remarks = painter.Paint(run.Job.Request, inputs.Load(run.Job), new OwnSink(queue, writer, run));
            writer.End(run, JobState.Done, remarks: remarks);
        }
        catch (OperationCanceledException) when (run.IsPutBack)
        {
            queue.PutBack(run);
        }
        catch (Exception e)
        {
            if (!writer.End(run, e, log)) model.Unload(); // in what state it is nobody knows
        }
    }
}
