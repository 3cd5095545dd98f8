using Easel.Imaging;
using Easel.Models;
using Easel.Sampling;
using static TorchSharp.torch;

namespace Easel.Pipeline;

/// <summary>
/// What a task adds to plain text to image, as data: the latents to begin from, the channels that the UNet sees beside the noisy latents, class labels, and what to keep.
/// </summary>
/// <param name="Init">[n, 4, h, w], scaled latents to begin from; null for noise alone.</param>
/// <param name="Beside">[n, c, h, w], channels concatenated to the noisy latents; null where the model takes none.</param>
/// <param name="Labels">[n], int64, class labels; null where the model takes none.</param>
/// <param name="Redraw">[1, 1, h, w], 1 where latents are drawn anew and 0 where they are held to <paramref name="Kept"/>; null for everything.</param>
/// <param name="Kept">[n, 4, h, w], the latents of what is kept.</param>
internal sealed record TaskInputs(Tensor? Init = null, Tensor? Beside = null, Tensor? Labels = null, Tensor? Redraw = null, Tensor? Kept = null)
{
    /// <summary>Encodes the pictures of a batch. Draws noise in the order of the original scripts, on which their seeds depend.</summary>
    /// <param name="shape">[n, 4, h, w] of the latents.</param>
    /// <param name="tile">Side of the autoencoder's tiles in latent positions; null for the whole.</param>
    public static TaskInputs For(GenerationRequest request, Canvas canvas, DiffusionModel model, long[] shape, int? tile, RunNoise noise)
    {
        using var scope = NewDisposeScope();
        var encoder = new PictureEncoder(model, (int)shape[0], tile, noise);
        var inputs = model.Family.Task switch
        {
            ModelTask.Inpainting => Inpainting(request, canvas, encoder, shape),
            ModelTask.Depth => Depth(request, canvas, model, encoder, shape),
            ModelTask.Upscaler => Upscaling(request, canvas, model, shape, noise),
            _ => canvas.Picture is null ? new TaskInputs() : Begun(request, canvas, encoder, noise),
        };
        return inputs.MoveToOuter();
    }

    /// <summary>The denoiser, holding what is to be kept.</summary>
    public Denoiser Hold(Denoiser denoise) => Redraw is null ? denoise : (x, sigma) =>
    {
        using var scope = NewDisposeScope();
        return Hold(denoise(x, sigma)).MoveToOuterDisposeScope();
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

    /// <summary>Image to image, and inpainting with an ordinary model: the picture's latents, with what lies under the mask as asked.</summary>
    private static TaskInputs Begun(GenerationRequest request, Canvas canvas, PictureEncoder encoder, RunNoise noise)
    {
        var kept = encoder.Encode(ImageTensor.FromImage(canvas.Picture!));
        if (canvas.Mask is not { } mask) return new TaskInputs(Init: kept);

        var redraw = encoder.LatentMask(mask);
        var init = request.Fill switch
        {
            MaskFill.Nothing => kept * (1 - redraw),
            MaskFill.Noise => kept * (1 - redraw) + noise.Randn(kept.shape) * redraw,
            _ => kept.alias(),
        };
        return new TaskInputs(Init: init, Redraw: redraw, Kept: kept);
    }

    /// <summary>scripts/gradio/inpainting.py of the Stability repository: the mask at latent size and the latents of the picture with the masked part grey.</summary>
    private static TaskInputs Inpainting(GenerationRequest request, Canvas canvas, PictureEncoder encoder, long[] shape)
    {
        var pixels = canvas.Picture is { } picture ? ImageTensor.FromImage(picture) : zeros(1, 3, canvas.Height, canvas.Width);
        var painted = canvas.Mask is { } mask ? (ImageTensor.FromMask(mask) >= 0.5f).to(ScalarType.Float32) : ones(1, 1, canvas.Height, canvas.Width);
        var init = canvas.Picture is not null && request.Strength < 1 ? encoder.Encode(pixels) : null;
        var masked = encoder.Encode(pixels * (1 - painted));
        var small = nn.functional.interpolate(painted, shape[2..], mode: InterpolationMode.Nearest);
        return new TaskInputs(Init: init, Beside: cat([small.expand(shape[0], 1, -1, -1), masked], dim: 1));
    }

    /// <summary>scripts/gradio/depth2img.py: the depth map, bicubic to latent size, each picture's own range to [-1, 1].</summary>
    private static TaskInputs Depth(GenerationRequest request, Canvas canvas, DiffusionModel model, PictureEncoder encoder, long[] shape)
    {
        var map = request.Depth is { } given ? ImageTensor.FromDepth(given) : canvas.Picture is { } seen ? model.EstimateDepth(seen) : null;
        if (map is null)
            throw new InvalidRequestException(nameof(request.Depth), "This is a depth model, which needs to know how near things are: give a depth map (near is bright), "
                + "or an input picture, and when loading the model a file with the depth estimator.");
        var small = nn.functional.interpolate(map, shape[2..], mode: InterpolationMode.Bicubic, align_corners: false);
        var (least, most) = (small.min(), small.max());
        var normal = 2 * (small - least) / (most - least).clamp_min(1e-6) - 1;
        var beside = normal.expand(shape[0], 1, -1, -1).contiguous();

        if (canvas.Picture is not { } picture) return new TaskInputs(Beside: beside);
        var kept = encoder.Encode(ImageTensor.FromImage(picture));
        var redraw = canvas.Mask is { } mask ? encoder.LatentMask(mask) : null;
        return new TaskInputs(Init: request.Strength < 1 ? kept : null, Beside: beside, Redraw: redraw, Kept: redraw is null ? null : kept.alias());
    }

    /// <summary>scripts/gradio/superresolution.py: the small picture itself, noised, at latent size; the noise level is the label.</summary>
    private static TaskInputs Upscaling(GenerationRequest request, Canvas canvas, DiffusionModel model, long[] shape, RunNoise noise)
    {
        if (canvas.Picture is not { } picture) throw new InvalidRequestException(nameof(request.InitImage), "This is an upscaler: give the picture to enlarge.");
        var highest = Math.Min(model.MaxNoiseLevel, model.UNet.Config.ClassCount - 1);
        if (request.NoiseLevel > highest)
            throw new InvalidRequestException(nameof(request.NoiseLevel), $"The noise level is {request.NoiseLevel}; this model takes 0 to {highest}.");
        var small = ImageTensor.FromImage(picture).expand(shape[0], 3, -1, -1);
        var alpha = model.NoiseSchedule.AlphasCumprod[request.NoiseLevel];
        var noised = small * Math.Sqrt(alpha) + noise.Randn([shape[0], 3, shape[2], shape[3]]) * Math.Sqrt(1 - alpha);
        return new TaskInputs(Beside: noised, Labels: full([shape[0]], request.NoiseLevel, ScalarType.Int64));
    }

    /// <summary>Pictures to latents for the whole batch.</summary>
    private sealed class PictureEncoder(DiffusionModel model, int count, int? tile, RunNoise noise)
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
