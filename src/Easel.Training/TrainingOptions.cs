namespace Easel.Training;

/// <summary>What is to be said of every training run.</summary>
internal abstract record TrainingOptions
{
    public required string Data { get; init; }
    public required string Out { get; init; }
    public abstract IReadOnlyList<int> Channels { get; init; }
    public abstract int Batch { get; init; }
    public abstract double Rate { get; init; }

    /// <summary>How long to train from now on.</summary>
    public double? Minutes { get; init; }

    /// <summary>With <see cref="Minutes"/>: what share of the whole way is behind the run at the end of them; the learning rate falls with it.</summary>
    public double Until { get; init; } = 1;

    /// <summary>The steps of the whole way.</summary>
    public long? Steps { get; init; }

    public bool Resume { get; init; }
    public bool FullPrecision { get; init; }
    public long Seed { get; init; }

    /// <summary>Whether to compute in fp32: because it is asked for, or because the processor has no bf16.</summary>
    public bool InFull => FullPrecision || !Processor.HasBFloat16;
}
