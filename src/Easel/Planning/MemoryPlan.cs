using Easel.Pipeline;
using Easel.Runtime;
using Easel.Weights;

namespace Easel.Planning;

/// <summary>How a run is done in the memory there is: everything at once where that fits, otherwise with networks let go in turn, and at last with the decoder
/// in tiles.</summary>
/// <param name="DecoderTile">The side of the autoencoder's tiles in latent positions; null for the whole picture at once.</param>
/// <param name="Needed">Bytes that it takes at its height, the weights included.</param> <param name="Available">Bytes there are for it.</param>
internal sealed record MemoryPlan(Residency Residency, int? DecoderTile, double Needed, double Available)
{
    /// <summary>Side of the autoencoder's tiles in latent positions, where the whole does not fit.</summary>
    private const int SmallTile = 64;

    /// <summary>What the allocator and the operators take beyond the layers' inputs and outputs: benchmarks/ compares the plan with what was taken.</summary>
    private const double Slack = 1.1;

    /// <summary>A text encoder of more bytes than this is let go: a seventh of SD 2.1's memory lies idle otherwise, and loading it anew takes less than a
    /// hundredth of a picture's time. That of a picture in few steps is short, so that there it stays where memory is ample.</summary>
    private const double LargeText = 100e6;

    /// <summary>Bytes of libtorch, .NET and the pictures themselves.</summary>
    private const double Surroundings = 600e6;

    /// <summary>Of what there is, the share up to which memory is ample.</summary>
    private const double Ample = 0.5;

    /// <summary>How many times what is needed with the UNet gone while pictures are decoded may be needed with it beside, where weights are in few bits: who
    /// keeps them so is short of memory, and reading them again takes less than a hundredth of a large picture's time.</summary>
    private const double WorthAnother = 1.05;

    public bool Fits => Needed <= Available;

    /// <summary>How much a run suffers from the memory there is, the less the better: 0 where it fits, 1 where the UNet has to be read at every step for that,
    /// 2 where it does not fit.</summary>
    public int Shortage => !Fits ? 2 : Residency == Residency.Streamed ? 1 : 0;

    /// <summary>The first way of doing a run that fits; the one that takes least if none does. Ways that change nothing in the picture come first.</summary>
    /// <param name="rows">Latents that the UNet sees at once: the batch, twice where there is guidance.</param>
    /// <param name="available">Bytes there are, those that the model has taken already included.</param>
    /// <param name="isShort">Whether the run takes not much longer than loading does.</param>
    public static MemoryPlan For(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent, bool encodes, double available,
        bool isShort = false)
    {
        var tiles = Math.Max(latent.Height, latent.Width) > SmallTile ? new int?[] { null, SmallTile } : [null];
        MemoryPlan? least = null;
        var most = format.Weights.Bits() is null ? double.PositiveInfinity
            : WorthAnother * Need(size, format, new RunSize(rows, latent, encodes), Residency.PixelsApart);
        // Reading the UNet at every step changes nothing either, but takes so long that tiles come before it.
        Residency[] whole = [Residency.Together, Residency.TextGoes, Residency.PixelsApart, Residency.OneAtATime];
        var ways = tiles.SelectMany(tile => whole.Select(residency => (residency, tile)))
            .Concat(tiles.Select(tile => (Residency.Streamed, tile)));
        foreach (var (residency, tile) in ways)
        {
            var plan = new MemoryPlan(residency, tile, Need(size, format, new RunSize(rows, latent, encodes, tile), residency), available);
            var keepsText = isShort && plan.Needed <= Ample * available || Weights(size.Values(Stage.Reading), format) <= LargeText;
            if (residency == Residency.Together && !keepsText) continue;
            if (plan.Fits && (residency.LetsUNetGo || plan.Needed <= most)) return plan;
            if (least is null || plan.Needed < least.Needed) least = plan;
        }
        return least!;
    }

    /// <summary>How another model does a part of the steps: beside the model of this plan where both fit, in its place otherwise.</summary>
    /// <param name="size">The other model.</param>
    public (MemoryPlan Plan, bool TakesTurns) Beside(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent)
    {
        var together = For(size, format, rows, latent, encodes: false, Available - Needed + Surroundings);
        return together.Shortage == 0 ? (together, false) : (For(size, format, rows, latent, encodes: false, Available), true);
    }

    /// <summary>This plan with another model that does a part of the steps.</summary>
    /// <inheritdoc cref="Beside"/>
    public MemoryPlan With(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent)
    {
        var (other, takesTurns) = Beside(size, format, rows, latent);
        return this with { Needed = takesTurns ? Math.Max(Needed, other.Needed) : Needed + other.Needed - Surroundings, TakesTurns = takesTurns };
    }

    /// <summary>Whether two models take each other's place in memory.</summary>
    public bool TakesTurns { get; private init; }

    /// <summary>The formats in which a model can be loaded as options say, the best first. On a processor without half-precision arithmetic, weights kept in
    /// half the memory still give the picture of fp32 (of a file that stores fp16), a little slower: the way out where fp32 does not fit. Weights in 8 bits are
    /// the next, in place of reading them at every step. What was asked for is not changed.</summary>
    public static IReadOnlyList<NumberFormat> Formats(LoadOptions options, Device device)
    {
        var best = Hardware.NumberFormat(options.Precision, device);
        if (options.Weights is WeightFormat.Q8 or WeightFormat.Q4)
        {
            return device.type == DeviceType.CPU ? [best with { Weights = options.Weights }]
                : throw new InvalidRequestException(nameof(LoadOptions.Weights),
                    $"Weights are kept in {options.Weights.Bits()} bits on the CPU alone, and the device is {device}.");
        }
        if (device.type != DeviceType.CPU) return [best];
        var formats = new List<NumberFormat> { best };
        if (options.Precision == Precision.Auto && best.Kept == ScalarType.Float32) formats.Add(Hardware.NumberFormat(Precision.Float16, device));
        if (options is { Precision: Precision.Auto, Weights: WeightFormat.Auto }) formats.Add(best with { Weights = WeightFormat.Q8 });
        return formats;
    }

    /// <summary>Bytes there are for a model and its run.</summary>
    /// <param name="limit">The person's own limit; null for what the system has free.</param>
    /// <param name="taken">Bytes that the model has taken already.</param>
    public static double Budget(long? limit, double taken = 0) => limit ?? Hardware.AvailableMemory() + taken;

    /// <summary>Bytes of weights.</summary>
    public static double Weights(long values, NumberFormat format) => values * RestingWeights.BytesPerValue(format);

    /// <summary>Refuses a run that does not fit, before it is begun.</summary>
    public void Check(ModelSize size, NumberFormat format, int rows, (long Height, long Width) latent, Device device)
    {
        if (Fits || device.type != DeviceType.CPU) return; // a card's own allocator tells better
        const int Step = 64; // pixels
        var scale = size.Family.PixelsPerLatent;
        var (fits, tooLarge) = (0, ((int)Math.Max(latent.Height, latent.Width) * scale - 1) / Step + 1);
        while (tooLarge - fits > 1)
        {
            var middle = (fits + tooLarge) / 2;
            var side = middle * Step / scale;
            if (For(size, format, rows, (side, side), encodes: false, Available).Fits) fits = middle;
            else tooLarge = middle;
        }
        throw NotEnoughMemoryException.ForRun((latent.Width * scale, latent.Height * scale), Needed, Available, many: rows > 2, fits > 0 ? fits * Step : null);
    }

    /// <summary>Refuses a model of which not even one network fits, or as much of it as has to be in memory at once, before any of it is read.</summary>
    public static void Check(string path, ModelSize size, NumberFormat format, Device device, double available)
    {
        if (device.type != DeviceType.CPU) return;
        var needed = size.Networks.Max(network => Math.Min(network.Bytes(format), network.BytesStreamed(format)));
        if (needed <= available) return;
        var fitting = format.Kept == ScalarType.Float32 && needed / 2 <= available ? Precision.Float16 : (Precision?)null;
        throw NotEnoughMemoryException.ForModel(path, needed, available, fitting);
    }

    /// <summary>The most that is held in any stage: the weights that are in memory then, and what the passes of its networks hold.</summary>
    private static double Need(ModelSize size, NumberFormat format, RunSize run, Residency residency)
    {
        var stages = Enum.GetValues<Stage>().Select(stage =>
        {
            var work = size.Networks.Where(network => network.Stage == stage).SelectMany(network => network.Passes(run)).ToList();
            var weights = size.Networks.Where(network => network.Stage == stage)
                .Sum(network => residency == Residency.Streamed ? network.BytesStreamed(format) : network.Bytes(format));
            return (Stage: stage, Weights: weights, Run: work.Select(pass => Held(pass, stage)).DefaultIfEmpty().Max());
        }).ToList();
        return Surroundings + residency switch
        {
            Residency.Together => stages.Sum(stage => stage.Weights) + stages.Max(stage => stage.Run),
            Residency.TextGoes => stages.Where(stage => stage.Stage != Stage.Reading).Sum(stage => stage.Weights)
                + stages.Max(stage => stage.Run + (stage.Stage == Stage.Reading ? stage.Weights : 0)),
            Residency.PixelsApart => stages.Max(stage => stage.Run + stage.Stage switch
            {
                Stage.Reading => stages.Sum(other => other.Weights),
                Stage.Denoising => stages.Where(other => other.Stage != Stage.Reading).Sum(other => other.Weights),
                _ => stage.Weights,
            }),
            _ => stages.Max(stage => stage.Weights + stage.Run),
        };

        // A weight that rests is there as it is widened and as it is laid out for the processor while its layer runs; those beside the steps are small.
        double Held(NetworkWork work, Stage stage) => (work.PeakValues * Slack + (stage == Stage.Denoising && RestingWeights.Of(format) is not null
            ? 2 * work.LargestWeight : 0)) * RestingWeights.BytesPerValue(new NumberFormat(format.Run, format.Run));
    }
}
