using Easel.Models;
using Easel.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Runtime;

/// <summary>Estimates what a model needs and decides what must be done in tiles. The figures are measured ones; benchmarks/ has the command.</summary>
internal static class MemoryPlan
{
    /// <summary>Side of the UNet's tiles for the upscaler, whose small picture may be of any size: what it was trained at.</summary>
    private const int UpscalerTile = 128;

    /// <summary>Side of the autoencoder's tiles in latent positions, where the whole does not fit.</summary>
    private const int DecoderTile = 64;

    /// <summary>Bytes that the widest layers of the decoder hold for each pixel and channel of its finest level, in units of the element size.</summary>
    private const double DecoderLayersAlive = 20;

    /// <summary>Bytes that a UNet holds at once beside its weights, for each latent position of the batch and channel of its finest level, in units of the element size.</summary>
    private const double UNetLayersAlive = 80;

    /// <summary>The side of the tiles through which the UNet sees latents; null for the whole at once.</summary>
    public static int? UNetTile(DiffusionModel model) => model.Family.Task == ModelTask.Upscaler ? UpscalerTile : null;

    /// <summary>The side of the autoencoder's tiles in latent positions; null where decoding the whole takes less than half of the free memory.</summary>
    public static int? AutoencoderTile(DiffusionModel model, long[] latentSize)
    {
        var config = model.Autoencoder.Config;
        var pixels = (double)latentSize[0] * latentSize[1] * config.Factor * config.Factor;
        var needed = pixels * config.Channels[0] * DecoderLayersAlive * ElementSize(model.Format.Run);
        return needed <= Hardware.AvailableMemory() / 2.0 || latentSize.Max() <= DecoderTile ? null : DecoderTile;
    }

    /// <summary>Refuses a picture whose drawing cannot fit, before it is begun.</summary>
    /// <param name="model">The loaded model.</param>
    /// <param name="rows">Latents that the UNet sees at once: the batch, twice where there is guidance.</param>
    /// <param name="latentSize">Height and width of the latents.</param>
    /// <exception cref="EaselException">There is not enough memory; says what is needed, what there is, and what would fit.</exception>
    public static void CheckRun(DiffusionModel model, int rows, long[] latentSize)
    {
        if (model.Device.type != DeviceType.CPU) return;
        var tile = UNetTile(model);
        var positions = latentSize.Aggregate(1.0, (product, side) => product * Math.Min(side, tile ?? side));
        var perPosition = rows * (double)model.UNet.Config.Channels[0] * UNetLayersAlive * ElementSize(model.Format.Run);
        var (needed, available) = (positions * perPosition, Hardware.AvailableMemory());
        if (needed <= available) return;

        var fits = (int)Math.Sqrt(available / perPosition) * model.PixelsPerLatent / 64 * 64;
        var remedy = rows > 2 ? "fewer pictures at once (--batch)" : $"{fits}x{fits}";
        throw new EaselException($"Drawing {latentSize[1] * model.PixelsPerLatent}x{latentSize[0] * model.PixelsPerLatent} needs about {Gigabytes(needed)} of memory beside the model and "
            + $"{Gigabytes(available)} are free; {remedy} would fit.");
    }

    /// <summary>Whether an exception says that memory ran out, in libtorch or elsewhere.</summary>
    public static bool RanOut(Exception e) => e is OutOfMemoryException
        || e.Message.Contains("allocate memory", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase);

    /// <summary>Refuses a model that cannot fit, before any of it is read.</summary>
    /// <exception cref="EaselException">There is not enough memory; says what is needed, what there is, and what would fit.</exception>
    public static void Check(Checkpoint checkpoint, NumberFormat format, Device device)
    {
        if (device.type != DeviceType.CPU) return; // a card's own allocator tells better
        var (unet, autoencoder, text) = checkpoint.ParameterCounts;
        var weights = unet + autoencoder + text;
        var needed = weights * ElementSize(format.Kept);
        var available = Hardware.AvailableMemory();
        if (needed <= available) return;

        var remedy = format.Kept == ScalarType.Float32 && weights * 2 <= available ? "--precision fp16 takes half and would fit" : "a smaller model or a machine with more memory is needed";
        throw new EaselException($"{checkpoint.Path} needs {Gigabytes(needed)} of memory for its weights and {Gigabytes(available)} are free; {remedy}.");
    }

    private static long ElementSize(ScalarType type) => type == ScalarType.Float32 ? 4 : 2;

    private static string Gigabytes(double bytes) => FormattableString.Invariant($"{bytes / (1 << 30):0.0} GB");
}
