namespace Easel.Training;

/// <summary>When a run ends, saves and shows itself, and its log.</summary>
internal sealed class RunClock(string folder, string log, TimeSpan? length, long? steps, TimeSpan saveEvery, TimeSpan showEvery, double secondsBefore)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private double _saved;
    private double _shown;

    /// <summary>Seconds of training, those before a resume with them.</summary>
    public double Seconds => secondsBefore + _watch.Elapsed.TotalSeconds;

    /// <summary>The share of the run done, 0 to 1: by steps where their number is given (and the numbers are the same each time), else by the clock.</summary>
    public double Progress(long step) => Math.Min(1, steps is { } all ? (double)step / all : length is { } time ? Seconds / time.TotalSeconds : 0);

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
