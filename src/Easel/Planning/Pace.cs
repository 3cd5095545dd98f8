using System.Globalization;

namespace Easel.Planning;

/// <summary>How fast a run goes and how long it will take, from the times of its steps.</summary>
internal sealed class Pace(TimeProvider? clock = null)
{
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Queue<long> _recent = [];
    private GenerationProgress _last;
    private long? _begun;

    /// <summary>Steps done in the whole run and steps there are.</summary>
    public (int Done, int All) Steps => (_last.Batch * _last.StepCount + _last.Step, _last.BatchCount * _last.StepCount);

    /// <summary>Steps done, the running one by its share.</summary>
    private double Done => Steps.Done + (_last.Stage == GenerationStage.Sampling ? _last.Part : 0);

    /// <summary>The share of the run that is done, 0 to 1.</summary>
    public double Share => Done / Math.Max(1, Steps.All);

    /// <summary>Seconds for a step lately; null before there is one.</summary>
    public double? SecondsPerStep { get; private set; }

    /// <summary>Time left, judged by the whole run so far, text encoding and decoding included; null before the first step.</summary>
    public TimeSpan? Left { get; private set; }

    /// <summary>Takes note of a step.</summary>
    public void Step(GenerationProgress progress)
    {
        const int Window = 8;
        var now = _clock.GetTimestamp();
        _begun ??= now;
        _last = progress;
        if (progress.Step == 0) _recent.Clear();
        if (progress.Stage == GenerationStage.Decoding) return;

        if (Done > 0) Left = _clock.GetElapsedTime(_begun.Value, now) * ((Steps.All - Done) / Done);
        if (progress.Part > 0) return;

        _recent.Enqueue(now);
        if (_recent.Count > Window) _recent.Dequeue();
        if (_recent.Count > 1) SecondsPerStep = _clock.GetElapsedTime(_recent.Peek(), now).TotalSeconds / (_recent.Count - 1);
    }

    /// <summary>One line: "batch 1 of 2, step 5/50, 1.2 s/step, 2:03 left"; a step made in tiles also "step 5/50 + 40%".</summary>
    public override string ToString()
    {
        var batch = _last.BatchCount > 1 ? $"batch {_last.Batch + 1} of {_last.BatchCount}, " : "";
        var part = _last.Part > 0 ? string.Create(CultureInfo.InvariantCulture, $" + {_last.Part:0%}") : "";
        var what = _last.Stage switch
        {
            GenerationStage.Encoding => "reading the prompt",
            GenerationStage.Decoding => "turning latents into pixels",
            _ => $"step {_last.Step}/{_last.StepCount}",
        };
        var speed = SecondsPerStep is { } seconds ? string.Create(CultureInfo.InvariantCulture, $", {seconds:0.00} s/step") : "";
        return batch + what + part + speed + (Left is { } left ? $", {Clock(left)} left" : "");
    }

    /// <summary>"0:07", "12:34" or "1:02:03".</summary>
    public static string Clock(TimeSpan time)
    {
        var seconds = (long)Math.Ceiling(time.TotalSeconds);
        return seconds >= 3600 ? $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}" : $"{seconds / 60}:{seconds % 60:00}";
    }
}
