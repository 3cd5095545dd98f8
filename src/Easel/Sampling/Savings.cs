namespace Easel.Sampling;

/// <summary>The numbers behind a <see cref="FastLevel"/>.</summary>
/// <param name="DeepEvery">The deep part of the UNet is computed at one evaluation in so many ("DeepCache", arXiv 2312.00858: N); 1 for all.</param>
/// <param name="OuterBlocks">How many blocks of the UNet's finest level run on the way down at the other evaluations, and one more on the way up.</param>
/// <param name="GuidedAbove">Guidance acts above this noise level only ("Applying Guidance in a Limited Interval", arXiv 2404.07724); 0 for all levels.</param>
/// <param name="AlwaysGuidedFrom">Below this noise level guidance acts at every other evaluation only; 0 for none.</param>
internal sealed record Savings(int DeepEvery, int OuterBlocks, double GuidedAbove, double AlwaysGuidedFrom = 0)
{
    /// <summary>The numbers of a level.</summary>
    public static Savings Of(FastLevel level) => level switch
    {
        FastLevel.Exact => new(1, 0, 0),
        FastLevel.Light => new(2, 2, 0),
        FastLevel.Medium => new(3, 2, 0.28),
        FastLevel.Strong => new(5, 1, 0.28),
        _ => throw new ArgumentOutOfRangeException(nameof(level)),
    };

    /// <summary>What a request leaves out.</summary>
    public static Savings Of(GenerationRequest request) => Of(request.Fast) with { AlwaysGuidedFrom = request.GuidanceMinSigma };

    /// <summary>Whether guidance acts in an evaluation, the run's first being number 0.</summary>
    public bool Guides(double sigma, int number) => sigma > GuidedAbove && (sigma >= AlwaysGuidedFrom || number % 2 == 0);
}
