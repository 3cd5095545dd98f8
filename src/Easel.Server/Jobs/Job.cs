namespace Easel.Server.Jobs;

/// <summary>Where a job stands.</summary>
public enum JobState
{
    /// <summary>It waits for its turn.</summary>
    Queued,

    /// <summary>It is being drawn, or its last pictures are being written.</summary>
    Running,

    /// <summary>All its pictures are on disk.</summary>
    Done,

    /// <summary>It could not be done; <see cref="Job.Error"/> says why. Pictures finished before are kept.</summary>
    Failed,

    /// <summary>It was cancelled. Pictures finished before are kept.</summary>
    Cancelled,
}

/// <summary>What a running job is doing.</summary>
public enum JobStage
{
    /// <summary>It was handed to the farm, and no worker draws it at this moment.</summary>
    Waiting,

    /// <summary>The model is being loaded.</summary>
    Loading,

    /// <summary>Prompt and input pictures are being encoded.</summary>
    Encoding,

    /// <summary>Noise is removed, step by step.</summary>
    Sampling,

    /// <summary>Latents become pixels.</summary>
    Decoding,

    /// <summary>A picture is enlarged.</summary>
    Enlarging,

    /// <summary>The last pictures are being written.</summary>
    Saving,
}

/// <summary>How far a running job has come.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="Batch">The batch, from 0.</param>
/// <param name="BatchCount">Batches in all.</param>
/// <param name="Step">Steps done in this batch.</param>
/// <param name="StepCount">Steps of each batch.</param>
/// <param name="Share">The share of the stage that is done for loading and enlarging, else of the whole job, 0 to 1.</param>
/// <param name="SecondsLeft">Seconds that the rest will take, judged by what was done; null before there is anything to judge by.</param>
public sealed record JobProgress(JobStage Stage, int Batch = 0, int BatchCount = 1, int Step = 0, int StepCount = 0, double Share = 0,
    double? SecondsLeft = null);

/// <summary>One thing that was asked for, as it stands at a moment. Immutable: a job that moves on is another record with the same <see cref="Id"/>.</summary>
public sealed record Job
{
    /// <summary>Sixteen letters and digits; later jobs have later ids in alphabetical order.</summary>
    public required string Id { get; init; }

    /// <summary>Where it stands.</summary>
    public JobState State { get; init; }

    /// <summary>What was asked for, less the input pictures (<see cref="Inputs"/>), with the seed filled in.</summary>
    public required JobRequest Request { get; init; }

    /// <summary>Which input pictures are kept with it: "init", "mask", "depth", "control0", "control1", ...</summary>
    public IEnumerable<string> Inputs => InputFiles.Keys;

    /// <summary>The file of each of them.</summary>
    [JsonIgnore]
    internal IReadOnlyDictionary<string, string> InputFiles { get; init; } = new Dictionary<string, string>();

    /// <summary>Who asked: a user, or an address where there are no users. Queue limits and turns go by it.</summary>
    public string Client { get; init; } = "";

    /// <summary>When it was asked for.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>When drawing began; null before.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it was done, failed or was cancelled; null before.</summary>
    public DateTimeOffset? Finished { get; init; }

    /// <summary>Its place in the queue, from 0; null once it runs.</summary>
    public int? Position { get; init; }

    /// <summary>How far it has come while it runs; null otherwise.</summary>
    public JobProgress? Progress { get; init; }

    /// <summary>How many pictures it will have.</summary>
    public int PictureCount { get; init; } = 1;

    /// <summary>The ids of its pictures that are on disk, in order.</summary>
    public IReadOnlyList<string> Pictures { get; init; } = [];

    /// <summary>Why it failed, in one sentence.</summary>
    public string? Error { get; init; }

    /// <summary>What the person should be told beside the pictures.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Whether nothing more will happen to it.</summary>
    public bool IsOver => State is JobState.Done or JobState.Failed or JobState.Cancelled;
}
