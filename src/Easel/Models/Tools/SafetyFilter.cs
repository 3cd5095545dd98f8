using Easel.Imaging;

namespace Easel.Models.Tools;

/// <summary>What a picture shows, in shares of the five classes of nsfwjs.</summary>
internal sealed record SafetyVerdict(IReadOnlyList<float> Shares)
{
    public static readonly IReadOnlyList<string> Classes = ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"];

    /// <summary>From which share on of the two explicit classes together a picture is taken for explicit.</summary>
    public const double Least = 0.5;

    /// <summary>The share of the two explicit classes together, 0 to 1.</summary>
    public double Explicit => Shares[1] + Shares[3];

    /// <summary>"explicit 0.83".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"explicit {Explicit:0.00}");
}

/// <summary>Tells whether pictures show what not everybody wants to see, as nsfwjs does.</summary>
internal sealed class SafetyFilter(MobileNetV2 network) : IDisposable
{
    private const int Side = 224;

    public SafetyVerdict Judge(RgbImage picture)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        return new SafetyVerdict(Logits(picture).softmax(0).cpu().data<float>().ToArray());
    }

    /// <summary>[5].</summary>
    internal Tensor Logits(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        var x = (ImageTensor.FromImage(picture) + 1) / 2;
        x = functional.interpolate(x, [Side, Side], mode: InterpolationMode.Bilinear, align_corners: true);
        return network.call(x)[0].MoveToOuterDisposeScope();
    }

    /// <summary>A picture of which colours alone are left.</summary>
    public static RgbImage Blurred(RgbImage picture)
    {
        var blurred = new RgbImage(picture.Width, picture.Height, [.. picture.Pixels]);
        BoxBlur.Gaussian(blurred.Pixels, picture.Width, picture.Height, 3, Math.Max(picture.Width, picture.Height) / 16f);
        return blurred;
    }

    public void Dispose() => network.Dispose();
}
