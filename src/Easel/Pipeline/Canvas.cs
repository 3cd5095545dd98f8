using Easel.Imaging;
using Easel.Models;

namespace Easel.Pipeline;

/// <summary>The pictures of a request, brought to the size that will be drawn, and the way back: what was drawn is laid into the original so that everything
/// outside the mask stays as it was, to the bit.</summary>
internal sealed class Canvas
{
    private const int SmallestOfAPiece = 512; // pixels; models from here on hold larger pictures together

    private const double MostTimes = 1.5; // how much larger than its own a side may be for a small model

    private RgbImage? _original;   // what the result is laid into
    private GrayImage? _paste;     // how much of the result covers it
    private ImageRegion _region;   // the part of it that was drawn
    private bool _padded;          // whether that part was drawn with a margin at the right and bottom, to be cut off again

    private Canvas(int width, int height) => (Width, Height, ResultWidth, ResultHeight) = (width, height, width, height);

    public int Width { get; }

    public int Height { get; }

    public int ResultWidth { get; private init; }

    public int ResultHeight { get; private init; }

    /// <summary>The picture to begin from, in the size that is drawn; null for text to image.</summary>
    public RgbImage? Picture { get; private init; }

    /// <summary>Whether what is drawn is enlarged to the size of the result.</summary>
    public bool Grows { get; private init; }

    /// <summary>What to draw anew (255) and what to keep (0), in that size; null for everything.</summary>
    public GrayImage? Mask { get; private init; }

    /// <summary>What the person should be told, such as a size that was rounded.</summary>
    public string? Remark { get; private init; }

    /// <summary>Prepares the pictures of <paramref name="request"/> for a model of <paramref name="family"/>.</summary>
    public static Canvas For(GenerationRequest request, ModelFamily family)
    {
        if (request.InitImage is not { } picture) return Empty(request, family.NativeSize);

        if (family.Enlarges > 1) return Enlarged(request, picture, family.Enlarges);
        var mask = request.Mask is { } given && request.InvertMask ? MaskTools.Invert(given) : request.Mask;
        if (request.Extend.Any) (picture, mask) = Extended(picture, mask, request.Extend);
        return mask is null ? Whole(request, family, picture) : Masked(request, family, picture, mask);
    }

    /// <summary>Of a picture that goes with the whole input picture, the part that goes with what is drawn of it.</summary>
    public RgbImage Beside(RgbImage whole) => _original is { } original && (_region.Width, _region.Height) != (original.Width, original.Height)
        ? Resampling.Fit(whole, original.Width, original.Height, ImageFit.Crop).Crop(_region) : whole;

    /// <summary>A sentence where the size that is drawn is far from those that a family was trained in: a share of their area, or longer by half than they
    /// are; null where it is near, or where any size is as good.</summary>
    public string? FarFrom(ModelFamily family)
    {
        if (family.TrainedSizes.Count == 0) return null;
        var (area, shape) = ((double)Width * Height / family.NativeSize / family.NativeSize, (double)Width / Height);
        if (area is > 0.5 and < 1.7 && shape is > 0.4 and < 2.5) return null;
        var (wide, high) = family.TrainedSizes.MinBy(size => Math.Abs(Math.Log((double)size.Width / size.Height / shape)));
        var scale = (double)family.NativeSize / family.TrainedSizes.Max(size => Math.Min(size.Width, size.Height)); // a Turbo's own size is half
        var (width, height) = ((int)Math.Round(wide * scale / 64) * 64, (int)Math.Round(high * scale / 64) * 64);
        return $"{Width}x{Height} is far from the sizes that {family.Name} was trained in, about {family.NativeSize}x{family.NativeSize} pixels in all; "
            + $"of this shape it is at home at {width}x{height}.";
    }

    /// <summary>What was drawn, laid into the original where there is one.</summary>
    public RgbImage Finish(RgbImage drawn)
    {
        if (Grows) return drawn;
        if (_original is not { } original || _paste is not { } paste)
            return (drawn.Width, drawn.Height) == (ResultWidth, ResultHeight) ? drawn : drawn.Crop(new ImageRegion(0, 0, ResultWidth, ResultHeight));
        var part = _padded ? drawn.Crop(new ImageRegion(0, 0, _region.Width, _region.Height)) : Resampling.Resize(drawn, _region.Width, _region.Height);
        return MaskTools.Composite(original, original.Paste(part, _region.X, _region.Y), paste);
    }

    /// <summary>Whether a model of this size is too small to draw larger pictures of a piece.</summary>
    public static bool IsSmall(int nativeSize) => nativeSize < SmallestOfAPiece;

    /// <summary>The size that is asked for or, where that is beyond a small model, one of its shape that the model knows.</summary>
    private static Canvas Empty(GenerationRequest request, int native)
    {
        var (width, height) = (request.Width ?? native, request.Height ?? native);
        var times = Math.Sqrt((double)width * height) / native;
        if (request.ExactSize || request.HasSecondPass || !IsSmall(native) || times < MostTimes) return new Canvas(width, height);
        int Side(int asked) => Math.Clamp((int)Math.Round(asked / times / GenerationRequest.SideStep) * GenerationRequest.SideStep, 64, asked);
        var (wide, high) = (Side(width), Side(height));
        return new Canvas(wide, high)
        {
            ResultWidth = width,
            ResultHeight = height,
            Grows = true,
            Remark = $"The model was made for pictures of {native}x{native}: it drew {wide}x{high}, which was enlarged to {width}x{height}. "
                + "To have it draw that size itself, ask for the exact size.",
        };
    }

    /// <summary>An upscaler's small picture, with its edges repeated up to multiples of 8; that margin is cut off the result.</summary>
    private static Canvas Enlarged(GenerationRequest request, RgbImage picture, int times)
    {
        var (width, height) = (times * picture.Width, times * picture.Height);
        if ((request.Width ?? width, request.Height ?? height) != (width, height))
            throw new InvalidRequestException(nameof(request.Width),
                $"The upscaler makes {width}x{height} of this picture; another size cannot be asked of it.");
        if (Math.Max(width, height) > 2 * GenerationRequest.LargestSide)
            throw new InvalidRequestException(nameof(request.InitImage),
                $"The picture would become {width}x{height}; {2 * GenerationRequest.LargestSide} is the largest side.");
        var (wide, high) = ((picture.Width + 7) / 8 * 8, (picture.Height + 7) / 8 * 8);
        return new Canvas(wide, high) { Picture = Padded(picture, wide, high), ResultWidth = width, ResultHeight = height };
    }

    private static Canvas Whole(GenerationRequest request, ModelFamily family, RgbImage picture)
    {
        if (request.Width is null && request.Height is null)
        {
            // The scripts go down to multiples of 32 or 64 and stretch; their seeds depend on it. Otherwise a few pixels at the edges are cut and nothing is
            // resampled.
            var step = request.Like == NoiseLike.CompVis ? family.ScriptStep : 8;
            var (width, height) = (Rounded(picture.Width, step), Rounded(picture.Height, step));
            return new Canvas(width, height)
            {
                Picture = Resampling.Fit(picture, width, height, request.Like == NoiseLike.CompVis ? ImageFit.Stretch : request.Fit),
                Remark = (width, height) == (picture.Width, picture.Height) ? null
                    : $"The input picture is {picture.Width}x{picture.Height}; it is drawn at {width}x{height}, "
                        + $"since sides must be multiples of {step} from 64 to {GenerationRequest.LargestSide}.",
            };
        }

        // One side given: the other follows the picture's proportions.
        var wide = request.Width ?? Rounded((int)Math.Round((double)picture.Width * request.Height!.Value / picture.Height) + 4, 8);
        var high = request.Height ?? Rounded((int)Math.Round((double)picture.Height * wide / picture.Width) + 4, 8);
        if (request.Fit == ImageFit.Latent && family.Beside.Count == 0)
        {
            // Its latents are brought to the size; until then it keeps its own, but for a few pixels at the edges.
            var (own, tall) = (Rounded(picture.Width, 8), Rounded(picture.Height, 8));
            return new Canvas(wide, high) { Picture = Resampling.Fit(picture, own, tall, ImageFit.Crop) };
        }
        return new Canvas(wide, high) { Picture = Resampling.Fit(picture, wide, high, request.Fit) };

        static int Rounded(int side, int step) => Math.Clamp(side / step * step, 64, GenerationRequest.LargestSide);
    }

    private static Canvas Masked(GenerationRequest request, ModelFamily family, RgbImage picture, GrayImage mask)
    {
        var painted = MaskTools.PaintedRegion(mask, request.OnlyMaskedPadding)
            ?? throw new InvalidRequestException(nameof(request.Mask), "The mask is black everywhere, so there is nothing to draw; white is what is drawn.");
        var ownSize = !request.OnlyMasked && request.Width is null && request.Height is null;
        var (width, height) = ownSize ? (Math.Max(64, (picture.Width + 7) / 8 * 8), Math.Max(64, (picture.Height + 7) / 8 * 8))
            : request.OnlyMasked ? (request.Width ?? request.Height ?? family.NativeSize, request.Height ?? request.Width ?? family.NativeSize)
            : (request.Width ?? request.Height!.Value, request.Height ?? request.Width!.Value);
        var region = request.OnlyMasked ? MaskTools.GrowToAspect(painted, width, height, picture.Width, picture.Height)
            : new ImageRegion(0, 0, picture.Width, picture.Height);

        var under = request.Fill == MaskFill.Blur || request.Extend.Any ? MaskTools.Fill(picture, mask) : picture;
        var (part, partMask) = (under.Crop(region), mask.Crop(region));
        return new Canvas(width, height)
        {
            // A picture whose sides are no multiple of 8 is drawn a little larger and cut back, so that nothing of it is resampled.
            ResultWidth = picture.Width,
            ResultHeight = picture.Height,
            Picture = ownSize ? Padded(part, width, height) : Resampling.Resize(part, width, height),
            Mask = ownSize ? Padded(partMask, width, height) : Resampling.Resize(partMask, width, height, ResampleFilter.Bilinear),
            // Where the picture was extended there is nothing that what is drawn could fade into, but what was filled in.
            _original = request.Extend.Any ? under.Paste(request.InitImage!, request.Extend.Left, request.Extend.Top) : picture,
            _paste = SoftInside(mask, request.MaskBlur),
            _region = region,
            _padded = ownSize,
        };
    }

    /// <summary>The picture on a larger sheet, its margins masked.</summary>
    private static (RgbImage, GrayImage) Extended(RgbImage picture, GrayImage? mask, Margins margins)
    {
        var (width, height) = (picture.Width + margins.Left + margins.Right, picture.Height + margins.Top + margins.Bottom);
        if (Math.Max(width, height) > GenerationRequest.LargestSide)
            throw new InvalidRequestException(nameof(GenerationRequest.Extend),
                $"The picture would grow to {width}x{height}; {GenerationRequest.LargestSide} is the largest side.");

        var larger = new GrayImage(width, height);
        larger.Pixels.AsSpan().Fill(255);
        for (var y = 0; y < picture.Height; y++)
        {
            var row = larger.Pixels.AsSpan((y + margins.Top) * width + margins.Left, picture.Width);
            if (mask is null) row.Clear();
            else mask.Pixels.AsSpan(y * picture.Width, picture.Width).CopyTo(row);
        }
        return (new RgbImage(width, height).Paste(picture, margins.Left, margins.Top), larger);
    }

    /// <summary>The mask with an edge that softens towards the inside only: 0 wherever the mask is 0, so that what was to be kept is kept. Blurring moves half
    /// of the edge outside; doubling what lies above one half moves it back in.</summary>
    private static GrayImage SoftInside(GrayImage mask, double blur)
    {
        if (blur <= 0) return mask;
        var soft = MaskTools.Blur(mask, (float)blur);
        for (var i = 0; i < soft.Pixels.Length; i++) soft.Pixels[i] = (byte)Math.Min(mask.Pixels[i], Math.Max(0, 2 * soft.Pixels[i] - 255));
        return soft.Pixels.Max() > 127 ? soft : mask; // all of it thinner than its own blur: a soft edge would leave nothing
    }

    /// <summary>The picture with its last column and row repeated.</summary>
    private static RgbImage Padded(RgbImage image, int width, int height) =>
        new(width, height, Resampling.PadByEdge(image.Pixels, image.Width, image.Height, 3, 0, 0, width, height));

    private static GrayImage Padded(GrayImage image, int width, int height) =>
        new(width, height, Resampling.PadByEdge(image.Pixels, image.Width, image.Height, 1, 0, 0, width, height));
}
