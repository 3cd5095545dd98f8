using Easel.Farm;
using Easel.Server.Farm;
using Easel.Server.Jobs;

namespace Easel.Server.Page;

/// <summary>The farm as one open tab sees it, looked at every few seconds; without a farm it does nothing.</summary>
internal sealed class FarmView(IServiceProvider services, QueueView queue, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>How long nothing is heard of a picture before it is taken for one that nobody draws: a step of a large one takes long, but then its worker says
    /// what it is at.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    private readonly FarmDrawing? _farm = services.GetService<FarmDrawing>();
    private readonly CancellationTokenSource _gone = new();
    private (string? Job, JobProgress? Progress, DateTimeOffset At) _heard;
    private bool _isLooking;

    /// <summary>How it stands; null where there is no farm.</summary>
    public FarmState? State { get; private set; }

    /// <summary>Told when it was looked at anew; from any thread.</summary>
    public event Action? Changed;

    /// <summary>Begins to look, unless that is done already.</summary>
    public void Start()
    {
        if (_farm is null || _isLooking) return;
        _isLooking = true;
        Look(_farm);
        _ = LookAsync(_farm);
    }

    /// <summary>Why nothing more is heard of a picture that was begun; null where somebody draws it.</summary>
    /// <param name="running">The job that is shown as running.</param>
    public string? Silence(Job running, Texts texts)
    {
        if (State is not { } farm || _heard.Job != running.Id || clock.GetUtcNow() - _heard.At < Patience) return null;
        if (!farm.IsUp) return texts["Nothing is heard of it: the broker does not answer"];
        return running.Progress?.Stage == JobStage.Waiting || farm.Workers.Any(seen => seen.Worker.Job == running.Id) ? null
            : texts["Its worker is gone; another one draws it anew"];
    }

    public void Dispose()
    {
        _gone.Cancel();
        _gone.Dispose();
    }

    private async Task LookAsync(FarmDrawing farm)
    {
        using var timer = new PeriodicTimer(Pause);
        try
        {
            while (await timer.WaitForNextTickAsync(_gone.Token))
            {
                Look(farm);
                Changed?.Invoke();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The tab is gone.
        }
    }

    private void Look(FarmDrawing farm)
    {
        State = farm.State();
        var running = queue.Running;
        if (running?.Id != _heard.Job || running?.Progress != _heard.Progress) _heard = (running?.Id, running?.Progress, clock.GetUtcNow());
    }
}
