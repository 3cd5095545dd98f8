using Easel.Imaging;
using Easel.Models;
using Easel.Models.Tools;

namespace Easel.Pipeline;

/// <summary>Parts of a finished picture that are drawn anew, each by itself at the model's own size, and laid back with soft edges.</summary>
internal static class DetailPass
{
    /// <summary>What is drawn anew beyond a face on each side, in shares of its size: forehead and chin.</summary>
    private const double Margin = 0.15;

    /// <summary>What is seen around that, in shares of the longer side.</summary>
    private const double Around = 0.3;

    /// <summary>How softly the edges go over, in shares of the longer side.</summary>
    private const double Softness = 0.1;

    /// <summary>Faces smaller than this have nothing to be drawn from.</summary>
    private const int SmallestSide = 8;

    /// <summary>Where to draw, for each face that is large enough.</summary>
    public static IEnumerable<ImageRegion> Regions(IReadOnlyList<Face> faces, RgbImage picture)
    {
        foreach (var face in faces)
        {
            var (left, top) = (Math.Max(0, (int)(face.X - Margin * face.Width)), Math.Max(0, (int)(face.Y - Margin * face.Height)));
            var right = Math.Min(picture.Width, (int)Math.Ceiling(face.X + (1 + Margin) * face.Width));
            var bottom = Math.Min(picture.Height, (int)Math.Ceiling(face.Y + (1 + Margin) * face.Height));
            if (right - left >= SmallestSide && bottom - top >= SmallestSide) yield return new ImageRegion(left, top, right - left, bottom - top);
        }
    }

    /// <summary>The request that draws one part of a picture anew: everything as for the picture itself, but for what is said of the detail pass.</summary>
    /// <param name="request">What drew the picture.</param>
    /// <param name="image">The picture as it was drawn.</param>
    /// <param name="picture">The picture as it is by now.</param>
    /// <param name="region">What to draw.</param>
    public static GenerationRequest Of(GenerationRequest request, GeneratedImage image, RgbImage picture, ImageRegion region, ModelFamily family)
    {
        var side = Math.Max(region.Width, region.Height);
        return request with
        {
            Prompts = [request.DetailPrompt ?? image.Prompt],
            Seed = image.Seed,
            VariationSeed = null,
            VariationStrength = 0,
            SeedResizeWidth = null,
            SeedResizeHeight = null,
            BatchSize = 1,
            BatchCount = 1,
            Width = family.NativeSize,
            Height = family.NativeSize,
            InitImage = picture,
            Strength = request.DetailStrength,
            NoiseMultiplier = 1,
            Fit = ImageFit.Crop,
            Mask = Painted(picture, region),
            MaskBlur = Math.Clamp(side * Softness, 1, 64),
            InvertMask = false,
            Fill = MaskFill.Original,
            OnlyMasked = true,
            OnlyMaskedPadding = Math.Min(1024, (int)(side * Around)),
            Extend = new Margins(),
            Depth = null,
            Controls = [],
            HiresScale = null,
            HiresWidth = null,
            HiresHeight = null,
            Tiling = false,
            Detail = DetailKind.None,
        };
    }

    /// <summary>The region with round corners, of which nothing is seen once they are blurred; those of a box are.</summary>
    private static GrayImage Painted(RgbImage picture, ImageRegion region)
    {
        var mask = new GrayImage(picture.Width, picture.Height);
        for (var y = region.Y; y < region.Bottom; y++)
        {
            var down = Math.Pow((2 * (y - region.Y) + 1.0) / region.Height - 1, 4);
            var half = (int)Math.Round(Math.Pow(1 - down, 0.25) * region.Width / 2);
            mask.Pixels.AsSpan(y * mask.Width + region.X + region.Width / 2 - Math.Min(half, region.Width / 2), Math.Min(2 * half, region.Width)).Fill(255);
        }
        return mask;
    }
}
