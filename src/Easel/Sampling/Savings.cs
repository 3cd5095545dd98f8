namespace Easel.Sampling;

/// <summary>The numbers behind a <see cref="FastLevel"/>.</summary>
/// <param name="DeepEvery">The deep part of the UNet is computed at one evaluation in so many ("DeepCache", arXiv 2312.00858: N); 1 for all.</param>
/// <param name="OuterBlocks">How many blocks of the UNet's finest level run on the way down at the other evaluations, and one more on the way up.</param>
/// <param name="GuidedAbove">Guidance acts above this noise level only ("Applying Guidance in a Limited Interval", arXiv 2404.07724); 0 for all levels.</param>
internal sealed record Savings(int DeepEvery, int OuterBlocks, double GuidedAbove)
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

    /// <summary>Whether guidance acts at a noise level.</summary>
    public bool Guides(double sigma) => sigma > GuidedAbove;
}
