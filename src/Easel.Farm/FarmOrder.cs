namespace Easel.Farm;

/// <summary>A job as it is handed to the farm.</summary>
/// <param name="Job">The job.</param>
/// <param name="Needs">What its parts take.</param>
/// <param name="SizeKey">What is alike for jobs that take the same memory with the same model: what was learnt of one holds for the next.</param>
/// <param name="Parts">Its parts that are not drawn yet.</param>
/// <param name="Inputs">Its input pictures, by name, and how their files are opened.</param>
public sealed record FarmOrder(string Job, FarmNeeds Needs, string SizeKey, IReadOnlyList<FarmPart> Parts, IReadOnlyList<(string Name,
    Func<Stream> Open)> Inputs);

/// <summary>A part of an order.</summary>
/// <param name="First">The place in the job of its first picture.</param>
/// <param name="Count">How many pictures it has.</param>
/// <param name="Request">What is to be drawn, as the painter understands it.</param>
public sealed record FarmPart(int First, int Count, string Request);

/// <summary>How far a whole job has come.</summary>
/// <param name="Stage">What is being done, in the painter's words.</param>
/// <param name="Step">Steps done of the part that was heard of last.</param>
/// <param name="StepCount">Steps of that part.</param>
/// <param name="Part">The part that was heard of last, from 0.</param>
/// <param name="Parts">Parts in all.</param>
/// <param name="Share">The share of the job that is done, 0 to 1.</param>
/// <param name="SecondsLeft">Seconds that the rest will take, judged by what was done; null before that can be told.</param>
public sealed record FarmJobProgress(string Stage, int Step, int StepCount, int Part, int Parts, double Share, double? SecondsLeft)
{
    /// <summary>The stage of a job that was begun and that no worker draws at this moment.</summary>
    public const string Waiting = "waiting";
}

/// <summary>Whose jobs a dispatcher hands out. Called from several threads; nothing in it may wait long.</summary>
public interface IFarmOwner
{
    /// <summary>Told how far a job has come, and <see cref="FarmJobProgress.Waiting"/> when nobody draws it any more.</summary>
    void Progress(string job, FarmJobProgress progress, byte[]? preview);

    /// <summary>Whether somebody looks at a job's picture in the making.</summary>
    bool WantsPreview(string job);

    /// <summary>Whether a job waits or runs: what comes of one that does neither is thrown away.</summary>
    bool IsOpen(string job);

    /// <summary>Keeps a picture. What comes twice is kept once.</summary>
    /// <returns>Done when it is on disk.</returns>
    Task KeepAsync(string job, int index, byte[] file);

    /// <summary>Told that a job is over, its pictures kept before.</summary>
    /// <param name="problem">Why it failed; null where it is done.</param>
    void Finish(string job, string? problem, IReadOnlyList<string> remarks);

    /// <summary>How many jobs wait, by the key that <see cref="FarmDispatcher.HasRoom"/> was asked with.</summary>
    IReadOnlyDictionary<string, int> Waiting();

    /// <summary>Told that there may be room for a job where there was none.</summary>
    void RoomChanged();
}

/// <summary>A worker as the server sees it.</summary>
/// <param name="Worker">What it tells of itself.</param>
/// <param name="SecondsAgo">Seconds since it was heard of.</param>
/// <param name="Problem">Why it is given no work; null where nothing stands against it.</param>
public sealed record FarmWorkerState(FarmWorkerInfo Worker, double SecondsAgo, string? Problem);

/// <summary>A class of work as it stands.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Memory">Bytes of memory that it takes, as far as is known.</param>
/// <param name="Waiting">Parts handed to the broker that nobody has begun.</param>
/// <param name="Drawn">Parts that are being drawn.</param>
/// <param name="Able">Workers that can draw them.</param>
/// <param name="Warm">Workers that have the model in memory.</param>
public sealed record FarmClassState(string Model, long Memory, int Waiting, int Drawn, int Able, int Warm);

/// <summary>A job that no worker can draw.</summary>
/// <param name="Model">Its model.</param>
/// <param name="Jobs">How many there are.</param>
/// <param name="Reason">Why, and what would help.</param>
public sealed record FarmHeld(string Model, int Jobs, string Reason);

/// <summary>The farm as it stands.</summary>
public sealed record FarmState
{
    /// <summary>The queue's name.</summary>
    public required string Queue { get; init; }

    /// <summary>Where its broker is.</summary>
    public required string Broker { get; init; }

    /// <summary>Whether the broker answers.</summary>
    public bool IsUp { get; init; }

    /// <summary>What is amiss, in a sentence; null for nothing.</summary>
    public string? Problem { get; init; }

    /// <summary>The broker's version.</summary>
    public string? BrokerVersion { get; init; }

    /// <summary>The workers, by name.</summary>
    public IReadOnlyList<FarmWorkerState> Workers { get; init; } = [];

    /// <summary>What is at the broker.</summary>
    public IReadOnlyList<FarmClassState> Classes { get; init; } = [];

    /// <summary>Jobs that no worker can draw.</summary>
    public IReadOnlyList<FarmHeld> Held { get; init; } = [];

    /// <summary>Pictures that came in over the last minute.</summary>
    public int PicturesLastMinute { get; init; }
}
