namespace Easel.Cli.Terminal;

/// <summary>How far a run has come, as people read it.</summary>
internal static class ProgressLine
{
    /// <summary>One line: "batch 1 of 2, step 5/50, 1.2 s/step, 2:03 left"; a step made in tiles also "step 5/50 + 40%".</summary>
    public static string Of(GenerationProgress progress)
    {
        var batch = progress.BatchCount > 1 ? $"batch {progress.Batch + 1} of {progress.BatchCount}, " : "";
        var part = progress.Part > 0 ? string.Create(CultureInfo.InvariantCulture, $" + {progress.Part:0%}") : "";
        var what = progress.Stage switch
        {
            GenerationStage.Encoding => "reading the prompt",
            GenerationStage.Decoding => "turning latents into pixels",
            _ => $"step {progress.Step}/{progress.StepCount}",
        };
        var speed = progress.SecondsPerStep is { } seconds ? string.Create(CultureInfo.InvariantCulture, $", {seconds:0.00} s/step") : "";
        return batch + what + part + speed + (progress.Left is { } left ? $", {Readable.Clock(left)} left" : "");
    }
}
