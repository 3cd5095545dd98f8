namespace Easel.Training;

/// <summary>What is to be said of every training run.</summary>
internal abstract record TrainingOptions
{
    public const int DefaultConcepts = 343; // how many concepts the model that ships was trained on; a faster machine takes more
    public static readonly IReadOnlyList<string> DefaultSources = ["noto", "fluent-flat", "fluent-3d", "outline"]; // the sources it was trained on

    public required string Data { get; init; }
    public required string Out { get; init; }
    public int Concepts { get; init; } = DefaultConcepts;
    public IReadOnlyList<string>? Sources { get; init; }
    public abstract IReadOnlyList<int> Channels { get; init; }
    public abstract int Batch { get; init; }
    public abstract double Rate { get; init; }
    public double? Minutes { get; init; }
    public long? Steps { get; init; }
    public bool Resume { get; init; }
    public bool FullPrecision { get; init; }
    public long Seed { get; init; }
}
