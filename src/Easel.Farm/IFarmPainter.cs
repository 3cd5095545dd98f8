namespace Easel.Farm;

/// <summary>What a worker draws with.</summary>
public interface IFarmPainter
{
    /// <summary>What it has and can; asked every few seconds, so it must not take long. Who it is and what it has drawn the worker fills in.</summary>
    FarmWorkerInfo Describe();

    /// <summary>Draws a part of a job.</summary>
    /// <param name="inputs">The files of its input pictures, by their names.</param>
    /// <param name="canvas">Where pictures and progress go.</param>
    /// <returns>What the person should be told.</returns>
    /// <exception cref="InvalidRequestException">It cannot be drawn, here or anywhere.</exception>
    /// <exception cref="NotEnoughMemoryException">It does not fit into this machine's memory.</exception>
    /// <exception cref="EaselException">It cannot be drawn here; the sentence says why.</exception>
    Task<IReadOnlyList<string>> PaintAsync(FarmTask task, IReadOnlyDictionary<string, byte[]> inputs, IFarmCanvas canvas, CancellationToken cancel);
}

/// <summary>Where what is drawn goes.</summary>
public interface IFarmCanvas
{
    /// <summary>Whether somebody looks at the picture in the making.</summary>
    bool WantsPreview { get; }

    /// <summary>Tells how far it has come; never waits.</summary>
    void Report(string stage, int done, int stepCount, double share, double? secondsLeft, byte[]? preview = null);

    /// <summary>Hands a finished picture over; waits while several are on their way.</summary>
    /// <param name="index">Its place in the job.</param>
    /// <param name="file">The file.</param>
    ValueTask PictureAsync(int index, byte[] file);
}
