using Easel.Models;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Weights;

namespace Easel.Planning;

/// <summary>Counts what a run will take.</summary>
internal static class RunPlanner
{
    /// <summary>The plan of a run of a model that is not loaded.</summary>
    public static RunPlan Of(Checkpoint checkpoint, GenerationRequest request, LoadOptions options)
    {
        NativeRuntime.Load();
        checkpoint.RequireBase();
        options.Validate();
        request.Validate();
        request = ModelInfo.Of(checkpoint.Family, checkpoint.Prediction).Decide(request, options.LoraFolders).Request;
        using var shelf = new ControlShelf(options.ControlFolders);
        var controls = shelf.Open(request.Controls, checkpoint);
        var (device, size) = (Hardware.Device(options.Device), ModelSize.Of(checkpoint).With(controls));
        foreach (var file in controls) file.Dispose();
        using var refiner = RefinerShelf.Open(request, checkpoint, options);
        var shape = RunShape.Of(request, checkpoint.Family, checkpoint.Noise());
        var (format, memory) = ModelLoader.Choose(MemoryPlan.Formats(options, device), device,
            format => MemoryPlan.For(size, format, shape.Rows, shape.Largest.Latent, shape.Largest.Encodes, MemoryPlan.Budget(options.MemoryLimit),
                shape.Largest.IsShort));
        return Of(request, shape, size, refiner is null ? null : ModelSize.OfRefiner(refiner), memory, format, device, options.TinyVae is not null,
            MachineSpeed.In(options.CacheFolder));
    }

    /// <summary>The plan of a run.</summary>
    /// <param name="refiner">What does the last steps of the last pass; null where it is the model itself.</param>
    /// <param name="memory">That of the model alone.</param>
    /// <param name="decodesTiny">Whether a tiny autoencoder decodes, which costs next to nothing.</param>
    public static RunPlan Of(GenerationRequest request, RunShape shape, ModelSize size, ModelSize? refiner, MemoryPlan memory, NumberFormat format,
        Device device, bool decodesTiny, MachineSpeed speed)
    {
        if (refiner is not null) memory = memory.With(refiner, format, shape.Rows, shape.Largest.Latent);
        var savings = Savings.Of(request);
        var largest = shape.Batches.Max(batch => batch.Prompts.Count);
        var pictures = shape.Batches.Sum(batch => batch.Prompts.Count);
        var evaluations = shape.Plan.Sampler.EvaluationsPerStep;
        var whole = size.LookFlops(new RunSize(shape.Rows, shape.Latent));
        var exact = shape.Passes.Sum(pass => Evaluations(pass, savings).Sum(look => By(pass, look.Step).LookFlops(new RunSize(pass.Rows, pass.Latent))));
        var done = shape.Passes.Sum(pass => Evaluations(pass, savings).Sum(look => By(pass, look.Step)
            .LookFlops(new RunSize(look.Guided ? pass.Rows : largest, pass.Latent, OuterBlocks: look.Deep ? null : savings.OuterBlocks))));
        var (decode, encode) = decodesTiny || size.Autoencoder is null ? (0, 0)
            : AutoencoderWork(size.Autoencoder, shape.Largest, memory.DecoderTile, size.Family.PicturesEncoded);

        // The batches but the last are as large as the largest, which is close enough to say that all work is shared out by pictures.
        var unetRate = speed.Expected(MachineSpeed.Work.UNet, format, device, whole);
        var vaeRate = decode + encode == 0 ? unetRate : speed.Expected(MachineSpeed.Work.Autoencoder, format, device, decode);
        var drawing = unetRate is { } steps && vaeRate is { } pixels
            ? done * pictures / largest / steps + (pictures * decode + encode) / pixels : (double?)null;
        var loading = speed.Learnt(MachineSpeed.Work.Loading, format, device, size.Values()) is { } values ? size.Values() / values : (double?)null;
        if (memory.Residency is Residency.PixelsApart or Residency.OneAtATime) drawing += (loading ?? 0) * shape.Batches.Count;
        if (memory.Residency == Residency.Streamed)
            drawing += (loading ?? 0) * shape.Batches.Count * shape.Passes.Sum(pass => pass.Plan.Sampler.EvaluationsPerStep * pass.Plan.StepCount);
        return new RunPlan
        {
            Precision = Precisions.Of(format.Kept),
            Weights = format.Weights,
            Device = device.ToString(),
            Width = shape.Largest.Canvas.Width,
            Height = shape.Largest.Canvas.Height,
            Pictures = pictures,
            Steps = shape.StepCount,
            Sampler = shape.Plan.Sampler.Name,
            IsGuided = shape.Rows > largest,
            StepGigaflops = evaluations * whole / 1e9,
            DecodeGigaflops = decode / 1e9,
            UNetShare = exact == 0 ? 1 : done / exact,
            MemoryNeeded = (long)memory.Needed,
            MemoryAvailable = (long)memory.Available,
            ReleasesTextEncoder = memory.Residency != Residency.Together,
            ReleasesUNet = memory.Residency.LetsUNetGo,
            DecoderTile = memory.DecoderTile * size.Autoencoder?.Factor,
            Loading = Seconds(loading),
            Step = Seconds(evaluations * whole / unetRate),
            Drawing = Seconds(drawing),
            IsLearnt = speed.Learnt(MachineSpeed.Work.UNet, format, device, whole) is not null,
            Choices = [.. Choices(memory)],
        };

        ModelSize By(RunShape pass, int step) =>
            refiner is not null && ReferenceEquals(pass, shape.Passes.Last()) && step >= Refinement.FirstStep(request, pass.Plan.StepCount) ? refiner : size;
    }

    /// <summary>The looks at the latents of a batch: at which step, whether guidance acts in each, and whether the deep part of the UNet is computed.</summary>
    private static IEnumerable<(int Step, bool Guided, bool Deep)> Evaluations(RunShape shape, Savings savings)
    {
        var (each, sigmas) = (shape.Plan.Sampler.EvaluationsPerStep, shape.Plan.Sigmas);
        for (var i = 0; i < each * shape.Plan.StepCount; i++)
            yield return (i / each, savings.Guides(sigmas[Math.Min(i / each, sigmas.Count - 1)], i), i % savings.DeepEvery == 0);
    }

    private static (double Decode, double Encode) AutoencoderWork(AutoencoderConfig config, RunShape shape, int? tile, int picturesEncoded)
    {
        var side = tile ?? int.MaxValue;
        var (height, width) = (Math.Min(side, shape.Latent.Height), Math.Min(side, shape.Latent.Width));
        var tiles = Tiles.Count(shape.Latent, tile);
        var encoded = shape.Encodes ? picturesEncoded : 0;
        return (tiles * NetworkWork.OfDecoder(config, 1, height, width).Flops, encoded * tiles * NetworkWork.OfEncoder(config, 1, height, width).Flops);
    }

    private static IEnumerable<string> Choices(MemoryPlan memory)
    {
        if (memory.Residency == Residency.PixelsApart) yield return "the UNet is let go while pictures are decoded";
        if (memory.Residency.GoesByTurns)
            yield return "each network is loaded when its turn comes and let go before the next";
        if (memory.Residency == Residency.Streamed) yield return "the UNet's weights are read from the file at every step";
        if (memory.TakesTurns) yield return "the model and its refiner take each other's place in memory";
        if (memory.DecoderTile is not null) yield return "pictures are decoded in tiles";
    }

    private static TimeSpan? Seconds(double? seconds) => seconds is { } known ? TimeSpan.FromSeconds(known) : null;
}
