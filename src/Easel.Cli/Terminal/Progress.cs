namespace Easel.Cli.Terminal;

/// <summary>Tells the person how far the work is.</summary>
internal interface IProgressDisplay : IDisposable
{
    /// <summary>Work that has a share done: loading, hashing, converting.</summary>
    /// <param name="share">0 to 1.</param>
    void Working(string what, double share);

    void Drawing(GenerationProgress progress);

    /// <summary>A line of results, which is to stay on the screen.</summary>
    void Result(string line);

    void Note(string text);

    /// <summary>The display that suits the streams.</summary>
    static IProgressDisplay For(Shell shell, bool quiet) =>
        quiet ? new SilentProgress(shell) : shell.ErrorIsTerminal ? new BarProgress(shell) : new LineProgress(shell);
}

/// <summary>Nothing but results.</summary>
internal sealed class SilentProgress(Shell shell) : IProgressDisplay
{
    public void Working(string what, double share) { }

    public void Drawing(GenerationProgress progress) { }

    public void Result(string line) => shell.Out.WriteLine(line);

    public void Note(string text) { }

    public void Dispose() { }
}

/// <summary>A plain line for about every tenth of the work, for logs.</summary>
internal sealed class LineProgress(Shell shell) : IProgressDisplay
{
    private string? _what;
    private int _tenth = -1;

    public void Working(string what, double share)
    {
        if (IsNew(what, Math.Floor(2 * share) / 2)) shell.Error.WriteLine($"{what}: {share:P0}");
    }

    public void Drawing(GenerationProgress progress)
    {
        if (progress.Stage == GenerationStage.Sampling && IsNew($"batch {progress.Batch}", (double)progress.Step / Math.Max(1, progress.StepCount)))
            shell.Error.WriteLine(ProgressLine.Of(progress));
    }

    public void Result(string line) => shell.Out.WriteLine(line);

    public void Note(string text) => shell.Error.WriteLine("easel: note: " + text);

    public void Dispose() { }

    private bool IsNew(string what, double share)
    {
        var tenth = (int)(Math.Clamp(share, 0, 1) * 10 + 1e-9);
        if (what == _what && tenth == _tenth) return false;
        (_what, _tenth) = (what, tenth);
        return true;
    }
}
