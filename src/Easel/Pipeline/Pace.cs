namespace Easel.Pipeline;

/// <summary>Adds to what a run tells of itself how fast it goes and how long it will take, from the times of its steps.</summary>
internal sealed class Pace(TimeProvider? clock = null)
{
    /// <summary>Steps whose times make the speed.</summary>
    private const int Window = 8;

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Queue<long> _recent = [];
    private long? _begun;
    private double? _secondsPerStep;
    private TimeSpan? _left;

    /// <summary>The progress with its times. To be called for each, in their order.</summary>
    public GenerationProgress Timed(GenerationProgress progress)
    {
        var now = _clock.GetTimestamp();
        _begun ??= now;
        if (progress.Step == 0) _recent.Clear();
        if (progress.Stage != GenerationStage.Decoding)
        {
            if (progress.StepsDone > 0) _left = _clock.GetElapsedTime(_begun.Value, now) * (1 / progress.Share - 1);
            if (progress.Part == 0) Count(now);
        }
        return progress with { Left = _left, SecondsPerStep = _secondsPerStep };
    }

    private void Count(long now)
    {
        _recent.Enqueue(now);
        if (_recent.Count > Window) _recent.Dequeue();
        if (_recent.Count > 1) _secondsPerStep = _clock.GetElapsedTime(_recent.Peek(), now).TotalSeconds / (_recent.Count - 1);
    }
}
