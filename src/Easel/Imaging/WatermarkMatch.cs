namespace Easel.Imaging;

/// <summary>How well a picture agrees with one watermark.</summary>
/// <param name="Mark">The watermark looked for.</param>
/// <param name="BitsMatching">The share of bits (0..1) that the original decoder would read right; half of them agree by chance.</param>
/// <param name="Score">How many standard deviations the picture's blocks agree with the mark beyond chance: around 0 for a picture without it, 6 to 30 in
/// pictures fresh from marking, the more the larger the picture and the longer the mark.</param>
public readonly record struct WatermarkMatch(WatermarkMark Mark, double BitsMatching, double Score)
{
    /// <summary>The score from which on a mark counts as present. By chance one unmarked picture in 3.5 million reaches it for any one mark, so one in a
    /// million for the three known ones together.</summary>
    public const double Threshold = 5;

    /// <summary>Whether the picture carries the mark: its score is at least <see cref="Threshold"/>.</summary>
    public bool Found => Score >= Threshold;
}
