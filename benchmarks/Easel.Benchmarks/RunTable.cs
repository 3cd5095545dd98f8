using System.Diagnostics;
using Easel.Imaging;
using static TorchSharp.torch;

namespace Easel.Benchmarks;

/// <summary>Whole runs through the library's own door, in turn with what they are compared to.</summary>
internal static class RunTable
{
    private static readonly GenerationRequest Plain = new()
    {
        Prompt = "a hamster painting with a brush",
        Width = 512,
        Height = 512,
        Sampler = "euler",
        Seed = 1,
        Watermark = false,
    };

    /// <summary>A guided step of Stable Diffusion 1 at 512x512, with a ControlNet and without, in turn.</summary>
    public static void PrintControl(int rounds)
    {
        using var generator = ImageGenerator.Load(RandomModel.Folder("sd15"), new LoadOptions { TinyVae = RandomModel.Tiny() });
        var plain = Plain with { Steps = 2 };
        var steered = plain with { Controls = [new() { Network = RandomModel.Control(), Picture = new RgbImage(512, 512) }] };
        var (without, with, foreign) = (new List<double>(), new List<double>(), new ForeignLoad());
        for (var round = 0; round <= rounds; round++)
        {
            var (one, other) = (LastStep(generator, plain), LastStep(generator, steered));
            if (round == 0) continue; // touches all memory for the first time
            without.Add(one);
            with.Add(other);
        }
        Console.WriteLine("| precision | s a step, median | with a ControlNet | times as long, median of pairs | by the count of operations | other CPU |");
        Console.WriteLine("|---|---|---|---|---|---|");
        Console.WriteLine($"| {generator.Precision} | {SpeedTable.Median(without):0.00} | {SpeedTable.Median(with):0.00} "
            + $"| {SpeedTable.Median([.. with.Zip(without, (a, b) => a / b)]):0.00} "
            + $"| {generator.Plan(steered).StepGigaflops / generator.Plan(plain).StepGigaflops:0.00} | {foreign.Share():0%} |");
    }

    /// <summary>Stable Diffusion 1 in four unguided steps and SDXL in one, at 512x512, decoded by a tiny autoencoder: after loading, beside the limit of the
    /// steps' arithmetic.</summary>
    public static void PrintFew(int rounds)
    {
        Console.WriteLine("| model | precision | steps | s a run, min (median) | limit of the steps s | median / limit | other CPU |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var (model, steps) in (ReadOnlySpan<(string, int)>)[("sd15", 4), ("sdxl", 1)])
        {
            var request = Plain with { Steps = steps, GuidanceScale = 1 };
            // SDXL in fp32 would take all of an ordinary computer's memory.
            var precision = model == "sdxl" && !Processor.HasBFloat16 ? Precision.Float16 : Precision.Auto;
            using var generator = ImageGenerator.Load(RandomModel.Folder(model), new LoadOptions { TinyVae = RandomModel.Tiny(), Precision = precision });
            generator.Generate(request);
            var type = generator.Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
            var (times, peaks, foreign) = (new List<double>(), new List<double>(), new ForeignLoad());
            for (var round = 0; round < rounds; round++)
            {
                peaks.Add(SpeedTable.Peak(type));
                var watch = Stopwatch.StartNew();
                generator.Generate(request);
                times.Add(watch.Elapsed.TotalSeconds);
            }
            var limit = generator.Plan(request).StepGigaflops * 1e9 * steps / SpeedTable.Median(peaks);
            Console.WriteLine($"| {model} | {generator.Precision} | {steps} | {times.Min():0.00} ({SpeedTable.Median(times):0.00}) | {limit:0.00} "
                + $"| {SpeedTable.Median(times) / limit:0.00} | {foreign.Share():0%} |");
        }
    }

    /// <summary>Seconds of the last step of a run.</summary>
    private static double LastStep(ImageGenerator generator, GenerationRequest request)
    {
        var (watch, last, before) = (Stopwatch.StartNew(), 0.0, 0.0);
        generator.Generate(request, progress =>
        {
            if (progress.Stage == GenerationStage.Sampling && progress.Part == 0) (before, last) = (last, watch.Elapsed.TotalSeconds);
        });
        return last - before;
    }
}
