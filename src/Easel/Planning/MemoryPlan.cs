using Easel.Pipeline;
using Easel.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Planning;

/// <summary>How a run is done in the memory there is: everything at once where that fits, otherwise with networks let go in turn, and at last with the decoder in tiles.</summary>
/// <param name="Residency">Which networks are in memory together.</param>
/// <param name="DecoderTile">The side of the autoencoder's tiles in latent positions; null for the whole picture at once.</param>
/// <param name="Needed">Bytes that it takes at its height, the weights included.</param>
/// <param name="Available">Bytes there are for it.</param>
internal sealed record MemoryPlan(Residency Residency, int? DecoderTile, double Needed, double Available)
{
    /// <summary>Side of the autoencoder's tiles in latent positions, where the whole does not fit.</summary>
    private const int SmallTile = 64;

    /// <summary>What the allocator and the operators take beyond the layers' inputs and outputs: benchmarks/ compares the plan with what was taken.</summary>
    private const double Slack = 1.1;

    /// <summary>A text encoder of more bytes than this is always let go: a seventh of SD 2.1's memory lies idle otherwise, and loading it anew takes less than a hundredth of a picture's time.</summary>
    private const double LargeText = 100e6;

    /// <summary>Bytes of libtorch, .NET and the pictures themselves.</summary>
    private const double Surroundings = 600e6;

    /// <summary>Whether the run fits.</summary>
    public bool Fits => Needed <= Available;

    /// <summary>The first way of doing a run that fits; the one that takes least if none does. Ways that change nothing in the picture come first.</summary>
    /// <param name="size">The model.</param>
    /// <param name="format">Its number format.</param>
    /// <param name="rows">Latents that the UNet sees at once: the batch, twice where there is guidance.</param>
    /// <param name="latent">Height and width of the latents.</param>
    /// <param name="encodes">Whether the run begins from a picture.</param>
    /// <param name="available">Bytes there are, those that the model has taken already included.</param>
    public static MemoryPlan For(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent, bool encodes, double available)
    {
        var tiles = Math.Max(latent.Height, latent.Width) > SmallTile ? new int?[] { null, SmallTile } : [null];
        MemoryPlan? least = null;
        foreach (var tile in tiles)
        {
            foreach (var residency in Enum.GetValues<Residency>())
            {
                if (residency == Residency.Together && Weights(size.TextValues, format) > LargeText) continue;
                var plan = new MemoryPlan(residency, tile, Need(size, format, rows, latent, encodes, residency, tile), available);
                if (plan.Fits) return plan;
                if (least is null || plan.Needed < least.Needed) least = plan;
            }
        }
        return least!;
    }

    /// <summary>
    /// The formats in which a model can be loaded under a precision, the best first. On a processor without half-precision arithmetic, weights kept in half the memory still give
    /// the picture of fp32 (of a file that stores fp16), a little slower: the way out where fp32 does not fit.
    /// </summary>
    public static IReadOnlyList<NumberFormat> Formats(Precision precision, Device device)
    {
        var best = Hardware.NumberFormat(precision, device);
        return precision == Precision.Auto && device.type == DeviceType.CPU && best.Kept == ScalarType.Float32 ? [best, Hardware.NumberFormat(Precision.Float16, device)] : [best];
    }

    /// <summary>Bytes there are for a model and its run.</summary>
    /// <param name="limit">The person's own limit; null for what the system has free.</param>
    /// <param name="taken">Bytes that the model has taken already.</param>
    public static double Budget(long? limit, double taken = 0) => limit ?? Hardware.AvailableMemory() + taken;

    /// <summary>Bytes of weights.</summary>
    public static double Weights(long values, NumberFormat format) => ModelSize.Bytes(values, format);

    /// <summary>Refuses a run that does not fit, before it is begun.</summary>
    /// <exception cref="EaselException">There is not enough memory; says what is needed, what there is, and what would fit.</exception>
    public void Check(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent, Device device)
    {
        if (Fits || device.type != DeviceType.CPU) return; // a card's own allocator tells better
        var scale = size.Family.PixelsPerLatent;
        var (fits, tooLarge) = (1, ((int)Math.Max(latent.Height, latent.Width) * scale - 1) / 64 + 1); // in squares of 64 pixels
        while (tooLarge - fits > 1)
        {
            var side = (fits + tooLarge) / 2 * 64;
            if (For(size, format, rows, (side / scale, side / scale), encodes: false, Available).Fits) fits = side / 64;
            else tooLarge = side / 64;
        }
        var remedy = rows > 2 ? "fewer pictures at once (--batch) would fit" : fits > 1 ? $"{64 * fits}x{64 * fits} would fit" : "a smaller model or more memory is needed";
        throw new EaselException($"Drawing {latent.Width * scale}x{latent.Height * scale} needs about {Gigabytes(Needed)} of memory, the model included, and {Gigabytes(Available)} are free; {remedy}.");
    }

    /// <summary>Refuses a model of which not even one network fits, before any of it is read.</summary>
    /// <exception cref="EaselException">There is not enough memory; says what is needed, what there is, and what would fit.</exception>
    public static void Check(string path, ModelSize size, NumberFormat format, Device device, double available)
    {
        if (device.type != DeviceType.CPU) return;
        var needed = Weights(Math.Max(size.UNetValues, Math.Max(size.AutoencoderValues, size.TextValues)), format);
        if (needed <= available) return;
        var remedy = format.Kept == ScalarType.Float32 && needed / 2 <= available ? "--precision fp16 takes half and would fit" : "a smaller model or a machine with more memory is needed";
        throw new EaselException($"{path} needs {Gigabytes(needed)} of memory for its weights and {Gigabytes(available)} are free; {remedy}.");
    }

    /// <summary>Whether an exception says that memory ran out, in libtorch or elsewhere.</summary>
    public static bool RanOut(Exception e) => e is OutOfMemoryException
        || e.Message.Contains("allocate memory", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase);

    /// <summary>"2.9 GB".</summary>
    public static string Gigabytes(double bytes) => FormattableString.Invariant($"{bytes / (1 << 30):0.0} GB");

    /// <summary>The most that is held in any stage.</summary>
    private static double Need(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent, bool encodes, Residency residency, int? tile)
    {
        var run = ElementSize(format.Run);
        var (unet, autoencoder, text) = (Weights(size.UNetValues, format), Weights(size.AutoencoderValues, format), Weights(size.TextValues, format));
        var seen = Tiled(latent, size.Family.UNetTile);
        var pass = NetworkWork.OfUNet(size.UNet, rows, seen.Height, seen.Width);
        var step = pass.PeakValues * run * Slack;
        var decode = 0.0;
        if (size.Autoencoder is { } config)
        {
            var (height, width) = Tiled(latent, tile);
            decode = NetworkWork.OfDecoder(config, 1, height, width).PeakValues * run * Slack;
            if (encodes && size.Family.PicturesEncoded > 0) decode = Math.Max(decode, NetworkWork.OfEncoder(config, 1, height, width).PeakValues * run * Slack);
        }
        if (format.Kept != format.Run) step += 2 * pass.LargestWeight * run; // a layer's weights, widened while it runs
        return Surroundings + residency switch
        {
            Residency.Together => unet + autoencoder + text + Math.Max(step, decode),
            Residency.TextGoes => unet + autoencoder + Math.Max(text, Math.Max(step, decode)),
            _ => Math.Max(text, Math.Max(unet + step, autoencoder + decode)),
        };
    }

    private static (long Height, long Width) Tiled((long Height, long Width) size, int? tile) => (Math.Min(size.Height, tile ?? size.Height), Math.Min(size.Width, tile ?? size.Width));

    private static long ElementSize(ScalarType type) => type == ScalarType.Float32 ? 4 : 2;
}
