using Easel.Imaging;
using Easel.Imaging.Hints;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Weights;
using Easel.Weights.Formats;

namespace Easel;

/// <summary>Makes the hints that networks of control are given, without drawing: to look at them, or to keep them.</summary>
public static class Hint
{
    /// <summary>Makes a hint.</summary>
    /// <param name="picture">The picture; it is not changed.</param>
    /// <param name="kind">What to make of it.</param>
    /// <param name="resolution">Pixels of the picture's shorter side at which it is made, 64 to 2048; null for its own.</param>
    /// <param name="thresholdA">The first number by which it is made; null for the kind's own: see <see cref="HintInfo.Settings"/>.</param>
    /// <param name="thresholdB">The second number; null for the kind's own.</param>
    /// <param name="depthModel">A file with the depth estimator (MiDaS DPT-Hybrid), for <see cref="HintKind.Depth"/>; null for none.</param>
    /// <exception cref="InvalidRequestException">A number is out of its range, or depth is asked for and no estimator is named.</exception>
    /// <exception cref="CheckpointException">The depth estimator's file is none.</exception>
    public static RgbImage Make(RgbImage picture, HintKind kind, int? resolution = null, double? thresholdA = null, double? thresholdB = null,
        string? depthModel = null)
    {
        if (resolution is < 64 or > 2048)
            throw new InvalidRequestException(nameof(resolution), $"The resolution of a hint is {resolution}; it must be from 64 to 2048.");
        return HintMaker.Make(picture, kind, thresholdA, thresholdB, resolution, seen => Depth(seen, depthModel));
    }

    /// <summary>The size at which <see cref="Make"/> would look at a picture, in pixels: what a hint costs is in proportion to it.</summary>
    public static (int Width, int Height) SizeOf(RgbImage picture, HintKind kind, int? resolution) => HintMaker.SizeOf(picture, kind, resolution);

    /// <summary>Makes the hint of a unit as its network sees it.</summary>
    /// <param name="unit">What to make, and how to bring it to size.</param>
    /// <param name="picture">The picture; it is not changed.</param>
    /// <param name="width">Width of what is drawn, in pixels.</param>
    /// <param name="height">Its height.</param>
    /// <param name="depthModel">A file with the depth estimator (MiDaS DPT-Hybrid); null for none.</param>
    /// <exception cref="InvalidRequestException">A number is out of its range, or depth is asked for and no estimator is named.</exception>
    public static RgbImage For(ControlUnit unit, RgbImage picture, int width, int height, string? depthModel = null) =>
        Of(unit, picture, width, height, seen => Depth(seen, depthModel));

    internal static RgbImage Of(ControlUnit unit, RgbImage picture, int width, int height, Func<RgbImage, RgbImage?> depth)
    {
        var resolution = unit.Resolution ?? HintFit.Resolution(picture, width, height, unit.Fit);
        return HintFit.Fit(HintMaker.Make(picture, unit.Hint, unit.ThresholdA, unit.ThresholdB, resolution, depth), width, height, unit.Fit);
    }

    private static RgbImage? Depth(RgbImage picture, string? path)
    {
        if (path is null) return null;
        NativeRuntime.Load();
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(path);
        using var estimator = DepthEstimatorFile.Load(file, ScalarType.Float32, CPU);
        return ControlRun.NearIsBright(estimator.Estimate(picture));
    }
}
