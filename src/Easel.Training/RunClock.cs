namespace Easel.Training;

/// <summary>When a run ends, saves and shows itself, and its log.</summary>
/// <param name="length">How long to train from now on.</param>
/// <param name="steps">The steps of the whole way, where their number decides and not the clock.</param>
/// <param name="before">Seconds of training, and the share of the way, that lie behind the run.</param>
/// <param name="until">The share of the way that will when the time is over.</param>
internal sealed class RunClock(string folder, string log, TimeSpan? length, long? steps, TimeSpan saveEvery, TimeSpan showEvery,
    (double Seconds, double Progress) before, double until)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private double _saved;
    private double _shown;

    /// <summary>Seconds of training, those before a resume with them.</summary>
    public double Seconds => before.Seconds + _watch.Elapsed.TotalSeconds;

    /// <summary>The share of the whole way done, 0 to 1: by steps where their number is given (and the numbers are the same each time), else by the
    /// clock.</summary>
    public double Progress(long step) => steps is { } all ? Math.Min(1, (double)step / all)
        : length is { } time ? before.Progress + (until - before.Progress) * Math.Min(1, _watch.Elapsed / time) : before.Progress;

    public bool IsOver(long step) => (steps is { } all && step >= all) || (length is { } time && _watch.Elapsed >= time);

    /// <summary>The share of this run's own time or steps that is over.</summary>
    public double Done(long step) => length is { } time ? Math.Min(1, _watch.Elapsed / time) : Progress(step);

    /// <summary>Whether it is time to save; true once, then only after a while again.</summary>
    public bool IsTimeToSave() => IsTime(ref _saved, saveEvery);

    public bool IsTimeToShow() => IsTime(ref _shown, showEvery);

    public void Log(long step, params (string Name, double Value)[] values)
    {
        var path = Path.Combine(folder, log);
        if (!File.Exists(path)) File.WriteAllText(path, "step,seconds," + string.Join(',', values.Select(v => v.Name)) + "\n");
        File.AppendAllText(path, string.Create(CultureInfo.InvariantCulture, $"{step},{Seconds:F1},")
            + string.Join(',', values.Select(v => v.Value.ToString("G6", CultureInfo.InvariantCulture))) + "\n");
    }

    private bool IsTime(ref double last, TimeSpan every)
    {
        if (_watch.Elapsed.TotalSeconds - last < every.TotalSeconds) return false;
        last = _watch.Elapsed.TotalSeconds;
        return true;
    }
}
