namespace Easel;

/// <summary>What a run will take, told before it is begun: counted from the shapes of the model's networks, and timed by what the machine did before.</summary>
public sealed record RunPlan
{
    /// <summary>The number format in which the model runs.</summary>
    public required Precision Precision { get; init; }

    /// <summary>In how many bits the weights are kept: never <see cref="WeightFormat.Auto"/>.</summary>
    public WeightFormat Weights { get; init; } = WeightFormat.Full;

    /// <summary>Where: "cpu" or "cuda:0".</summary>
    public required string Device { get; init; }

    /// <summary>Width of the largest that the UNet draws, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the largest that the UNet draws, in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>Pictures in all.</summary>
    public required int Pictures { get; init; }

    /// <summary>Steps of each batch.</summary>
    public required int Steps { get; init; }

    /// <summary>Name of the sampler.</summary>
    public required string Sampler { get; init; }

    /// <summary>Whether guidance acts, at two looks for each.</summary>
    public required bool IsGuided { get; init; }

    /// <summary>Operations of one whole step of a batch, in 10^9; all its evaluations of the UNet together.</summary>
    public required double StepGigaflops { get; init; }

    /// <summary>Operations of turning one picture's latents into pixels, in 10^9; 0 where a tiny autoencoder does it.</summary>
    public required double DecodeGigaflops { get; init; }

    /// <summary>The UNet's work in the whole run as a share of what it is without <see cref="GenerationRequest.Fast"/>, above 0, at most 1.</summary>
    public required double UNetShare { get; init; }

    /// <summary>Bytes of memory at the height of the run, the model included.</summary>
    public required long MemoryNeeded { get; init; }

    /// <summary>Bytes of memory there are for it.</summary>
    public required long MemoryAvailable { get; init; }

    /// <summary>Both: "2.6 GB of 18.3 GB free"; in MB where little is lacking.</summary>
    public string MemoryInWords
    {
        get
        {
            var (needed, available) = Fits ? (Readable.Gigabytes(MemoryNeeded), Readable.Gigabytes(MemoryAvailable))
                : Readable.Shortfall(MemoryNeeded, MemoryAvailable);
            return $"{needed} of {available} free";
        }
    }

    /// <summary>The number format: "bf16", or "bf16 with weights in 8 bits".</summary>
    public string PrecisionInWords => Weights.Bits() is { } bits
        ? string.Create(CultureInfo.InvariantCulture, $"{Precision.ShortName()} with weights in {bits} bits") : Precision.ShortName();

    /// <summary>Whether it fits. Where it does not, drawing is refused.</summary>
    public bool Fits => MemoryNeeded <= MemoryAvailable;

    /// <summary>Whether the text encoder is let go when the prompt is read: a large one unless steps are few and memory is ample, a small one for want of
    /// memory.</summary>
    public required bool ReleasesTextEncoder { get; init; }

    /// <summary>Whether the UNet is let go before decoding: for want of memory, or where weights are in few bits and decoding a large picture would need
    /// more than all else. <see cref="Choices"/> says what else goes.</summary>
    public required bool ReleasesUNet { get; init; }

    /// <summary>Side in pixels of the overlapping tiles in which pictures are decoded, for want of memory; null where they are decoded whole.</summary>
    public required int? DecoderTile { get; init; }

    /// <summary>Time of loading the model; null until the machine has loaded one.</summary>
    public required TimeSpan? Loading { get; init; }

    /// <summary>Time of one whole step of a batch; null on a device where nothing was drawn yet.</summary>
    public required TimeSpan? Step { get; init; }

    /// <summary>Time of drawing everything, loading apart; null on a device where nothing was drawn yet.</summary>
    public required TimeSpan? Drawing { get; init; }

    /// <summary>Whether the times rest on earlier runs, and not on a short trial.</summary>
    public required bool IsLearnt { get; init; }

    /// <summary>What had to be chosen for want of memory, one sentence each.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>One line: "512x512 in bf16: about 1:50 and 2.6 GB of 18.3 GB free".</summary>
    public override string ToString()
    {
        var time = Drawing is { } drawing ? $"about {(drawing.TotalSeconds < 10 ? Readable.Seconds(drawing) : Readable.Clock(drawing))} and " : "";
        var many = Pictures > 1 ? string.Create(CultureInfo.InvariantCulture, $"{Pictures} pictures of ") : "";
        var choices = Choices.Count > 0 ? "; " + string.Join("; ", Choices) : "";
        return $"{many}{Width}x{Height} in {PrecisionInWords}: {time}{MemoryInWords}{choices}";
    }
}
