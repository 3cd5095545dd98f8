using Easel.Imaging;
using Easel.Models;
using Easel.Sampling;

namespace Easel.Pipeline;

/// <summary>What a task adds to plain text to image, as data: the latents to begin from, the channels that the UNet sees beside the noisy latents, class
/// labels, and what to keep.</summary>
/// <param name="Init">[n, channels, h, w], scaled latents to begin from; null for noise alone.</param>
/// <param name="Beside">[n, c, h, w], channels concatenated to the noisy latents; null where the model takes none.</param>
/// <param name="Labels">[n], int64, class labels; null where the model takes none.</param>
/// <param name="Redraw">[1, 1, h, w], 1 where latents are drawn anew and 0 where they are held to <paramref name="Kept"/>; null for everything.</param>
/// <param name="Kept">[n, channels, h, w], the latents of what is kept.</param>
internal sealed record TaskInputs(Tensor? Init = null, Tensor? Beside = null, Tensor? Labels = null, Tensor? Redraw = null, Tensor? Kept = null)
{
    /// <summary>Encodes the pictures of a batch. Draws noise in the order of the original scripts, on which their seeds depend.</summary>
    /// <param name="shape">[n, channels, h, w] of the latents.</param>
    /// <param name="tile">Side of the autoencoder's tiles in latent positions; null for the whole.</param>
    public static TaskInputs For(GenerationRequest request, Canvas canvas, LoadedNetworks model, long[] shape, int? tile, RunNoise noise)
    {
        using var scope = NewDisposeScope();
        var (family, encoder) = (model.Family, new PictureEncoder(model, (int)shape[0], tile, noise));

        // What is begun from. A demo that does without it at full strength draws its noise all the same, unless it is shown the picture in another way.
        var forgets = family.ForgetsAtFullStrength && request.Strength >= 1;
        var encodes = family.BeginsFromPicture && !(forgets && family.TakesMask);
        var kept = canvas.Picture is { } picture && encodes ? Sized(encoder.Encode(ImageTensor.FromImage(picture)), shape) : null;
        var redraw = kept is not null && !family.TakesMask && canvas.Mask is { } mask ? encoder.LatentMask(mask) : null;
        var init = forgets ? null : redraw is null ? kept : Filled(kept!, redraw, request.Fill, noise);

        var beside = family.Beside.Select(input => input switch
        {
            BesideInput.Mask => Shrunk(Painted(canvas), shape).expand(shape[0], 1, -1, -1),
            BesideInput.MaskedPicture => encoder.Encode(Pixels(canvas) * (1 - Painted(canvas))),
            BesideInput.Depth => Depth(request, canvas, model, shape),
            BesideInput.SmallPicture => SmallPicture(request, canvas, model, shape, noise),
            _ => throw new ArgumentOutOfRangeException(nameof(model), input, "It is not known how to make this input."),
        }).ToList();
        var labels = family.NeedsPicture ? full([shape[0]], request.NoiseLevel, ScalarType.Int64) : null;
        return new TaskInputs(init, beside.Count > 0 ? cat(beside, dim: 1) : null, labels, redraw, redraw is null ? null : kept!.alias()).MoveToOuter();
    }

    /// <summary>The latents of the pictures of a batch.</summary>
    /// <param name="pictures">One for each of the batch.</param>
    public static Tensor Encode(IReadOnlyList<RgbImage> pictures, LoadedNetworks model, int? tile, RunNoise noise)
    {
        using var scope = NewDisposeScope();
        var encoded = pictures.Select(picture => model.Encode(ImageTensor.FromImage(picture), tile)).ToList();
        var mean = cat([.. encoded.Select(each => each.Mean)], dim: 0);
        if (!noise.SamplesPosterior) return mean.MoveToOuterDisposeScope();
        return (mean + cat([.. encoded.Select(each => each.Deviation)], dim: 0) * noise.Randn(mean.shape)).MoveToOuterDisposeScope();
    }

    /// <summary>The network, shown what stands beside the latents and told their class.</summary>
    public Predictor Over(Predictor predict) => Beside is null && Labels is null ? predict : call =>
    {
        using var scope = NewDisposeScope();
        return predict(call with
        {
            X = Beside is null ? call.X : cat([call.X, call.RowsOf(Beside)], dim: 1),
            Labels = Labels is null ? null : call.RowsOf(Labels),
        }).MoveToOuterDisposeScope();
    };

    /// <summary>The denoiser, holding what is to be kept.</summary>
    public Denoiser Hold(Denoiser denoise) => Redraw is null ? denoise : (x, at) =>
    {
        using var scope = NewDisposeScope();
        return Hold(denoise(x, at)).MoveToOuterDisposeScope();
    };

    /// <summary>Latents with what is to be kept put back.</summary>
    public Tensor Hold(Tensor latents) => Redraw is null ? latents : latents * Redraw + Kept! * (1 - Redraw);

    /// <summary>The inputs of a batch's first pictures: what one stream drew for a whole batch also serves a last one that is smaller.</summary>
    public TaskInputs First(long count)
    {
        return new TaskInputs(Of(Init), Of(Beside), Of(Labels), Redraw, Of(Kept));

        Tensor? Of(Tensor? all) => all is null || all.shape[0] <= count ? all : all.narrow(0, 0, count);
    }

    /// <summary>Hands all tensors to the scope outside.</summary>
    public TaskInputs MoveToOuter()
    {
        foreach (var tensor in new[] { Init, Beside, Labels, Redraw, Kept }) tensor?.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>Latents of a picture that was not brought to the size of the run.</summary>
    private static Tensor Sized(Tensor latents, long[] shape) => (latents.shape[2], latents.shape[3]) == (shape[2], shape[3]) ? latents
        : nn.functional.interpolate(latents, shape[2..], mode: InterpolationMode.Bilinear, align_corners: false);

    /// <summary>A picture's latents, with what lies under the mask as asked.</summary>
    private static Tensor Filled(Tensor kept, Tensor redraw, MaskFill fill, RunNoise noise) => fill switch
    {
        MaskFill.Nothing => kept * (1 - redraw),
        MaskFill.Noise => kept * (1 - redraw) + noise.Randn(kept.shape) * redraw,
        _ => kept.alias(),
    };

    /// <summary>scripts/gradio/inpainting.py of the Stability repository: the picture, and 1 where it is painted over; without a picture all is
    /// drawn.</summary>
    private static Tensor Pixels(Canvas canvas) => canvas.Picture is { } picture ? ImageTensor.FromImage(picture) : zeros(1, 3, canvas.Height, canvas.Width);

    private static Tensor Painted(Canvas canvas) =>
        canvas.Mask is { } mask ? (ImageTensor.FromMask(mask) >= 0.5f).to(ScalarType.Float32) : ones(1, 1, canvas.Height, canvas.Width);

    private static Tensor Shrunk(Tensor painted, long[] shape) => nn.functional.interpolate(painted, shape[2..], mode: InterpolationMode.Nearest);

    /// <summary>scripts/gradio/depth2img.py: the depth map, bicubic to latent size, each picture's own range to [-1, 1].</summary>
    private static Tensor Depth(GenerationRequest request, Canvas canvas, LoadedNetworks model, long[] shape)
    {
        var map = request.Depth is { } given ? ImageTensor.FromDepth(given) : canvas.Picture is { } seen ? model.EstimateDepth(seen) : null;
        if (map is null)
            throw new InvalidRequestException(nameof(request.Depth),
                "This is a depth model, which needs to know how near things are: give a depth map (near is bright), "
                + "or an input picture, and when loading the model a file with the depth estimator.");
        var small = nn.functional.interpolate(map, shape[2..], mode: InterpolationMode.Bicubic, align_corners: false);
        var (least, most) = (small.min(), small.max());
        var normal = 2 * (small - least) / (most - least).clamp_min(1e-6) - 1;
        return normal.expand(shape[0], 1, -1, -1).contiguous();
    }

    /// <summary>scripts/gradio/superresolution.py: the small picture itself, noised, at latent size; the noise level is the label.</summary>
    private static Tensor SmallPicture(GenerationRequest request, Canvas canvas, LoadedNetworks model, long[] shape, RunNoise noise)
    {
        if (canvas.Picture is not { } picture) throw new InvalidRequestException(nameof(request.InitImage),
            "This is an upscaler: give the picture to enlarge.");
        var highest = Math.Min(model.MaxNoiseLevel, model.UNet.Config.ClassCount - 1);
        if (request.NoiseLevel > highest)
            throw new InvalidRequestException(nameof(request.NoiseLevel), $"The noise level is {request.NoiseLevel}; this model takes 0 to {highest}.");
        var small = ImageTensor.FromImage(picture).expand(shape[0], 3, -1, -1);
        return model.Noise.Noised(small, noise.Randn([shape[0], 3, shape[2], shape[3]]), request.NoiseLevel);
    }

    /// <summary>Pictures to latents for the whole batch.</summary>
    private sealed class PictureEncoder(LoadedNetworks model, int count, int? tile, RunNoise noise)
    {
        public Tensor Encode(Tensor pixels)
        {
            using var scope = NewDisposeScope();
            var (mean, deviation) = model.Encode(pixels, tile);
            var all = mean.expand(count, -1, -1, -1);
            return (noise.SamplesPosterior ? all + deviation * noise.Randn(all.shape) : all.contiguous()).MoveToOuterDisposeScope();
        }

        /// <summary>A latent position is drawn where any pixel under it is painted; what was to be kept there is put back in pixels.</summary>
        public Tensor LatentMask(GrayImage mask)
        {
            using var scope = NewDisposeScope();
            var painted = (ImageTensor.FromMask(mask) > 0).to(ScalarType.Float32);
            return nn.functional.max_pool2d(painted, model.Autoencoder.Config.Factor).MoveToOuterDisposeScope();
        }
    }
}
