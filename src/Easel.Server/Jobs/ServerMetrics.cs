using System.Diagnostics.Metrics;

namespace Easel.Server.Jobs;

/// <summary>What Prometheus is told: jobs and how they ended, pictures, the queue's length, the time of a step.</summary>
internal sealed class ServerMetrics : IDisposable
{
    public const string MeterName = "Easel";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _jobs, _pictures;
    private readonly Histogram<double> _steps;

    public ServerMetrics()
    {
        _jobs = _meter.CreateCounter<long>("easel.jobs", description: "Jobs that are over, by task and by how they ended.");
        _pictures = _meter.CreateCounter<long>("easel.pictures", description: "Pictures written.");
        _steps = _meter.CreateHistogram<double>("easel.step.duration", "s", "The time of a sampling step.");
    }

    public void Observe(JobQueue queue, Func<bool> isLoaded)
    {
        _meter.CreateObservableGauge("easel.queue.waiting", () => queue.Snapshot().Count(job => job.State == JobState.Queued), description: "Jobs that wait.");
        _meter.CreateObservableGauge("easel.queue.running", () => queue.Snapshot().Count(job => job.State == JobState.Running),
            description: "Jobs that are drawn or written.");
        _meter.CreateObservableGauge("easel.model.loaded", () => isLoaded() ? 1 : 0, description: "Whether a model is in memory.");
        _meter.CreateObservableGauge("easel.memory.used", () => Environment.WorkingSet, "By", "The process's memory.");
    }

    public void JobEnded(JobTask task, JobState state) =>
        _jobs.Add(1, new("task", task.ToString().ToLowerInvariant()), new("outcome", state.ToString().ToLowerInvariant()));

    public void PictureSaved() => _pictures.Add(1);

    public void Step(TimeSpan time) => _steps.Record(time.TotalSeconds);

    public void Dispose() => _meter.Dispose();
}
