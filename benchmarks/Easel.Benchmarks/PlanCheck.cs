using System.Diagnostics;

namespace Easel.Benchmarks;

/// <summary>Holds what the plan of a run says against what the run takes.</summary>
internal static class PlanCheck
{
    /// <param name="args">The model's file or folder, or sd15, sd21 or x4 for random weights; fp32, bf16 or fp16; the side in pixels; steps; a limit on memory
    /// in GB.</param>
    public static void Print(string[] args, Func<long> peakMemory)
    {
        var path = args[0];
        if (!File.Exists(path) && !Directory.Exists(path)) path = RandomModel.Folder(path);
        var options = new LoadOptions
        {
            Precision = args[1] switch { "fp32" => Precision.Full, "fp16" => Precision.Float16, _ => Precision.BFloat16 },
            MemoryLimit = args.Length > 4 ? (long)(double.Parse(args[4]) * (1 << 30)) : null,
        };
        var (side, steps) = (int.Parse(args[2]), int.Parse(args[3]));
        var request = new GenerationRequest
        {
            Prompt = "a hamster painting with a brush",
            Width = side,
            Height = side,
            Steps = steps,
            Sampler = "euler",
            Seed = 1,
            Watermark = false
        };

        using var generator = ImageGenerator.Load(path, options);
        var loaded = peakMemory();
        var trial = Stopwatch.StartNew();
        var plan = generator.Plan(request);
        var planning = trial.Elapsed;
        var watch = Stopwatch.StartNew();
        double decoding = 0;
        generator.Generate(request, progress =>
        {
            if (progress.Stage == GenerationStage.Decoding && decoding == 0) (decoding, steps) = (watch.Elapsed.TotalSeconds, (int)(peakMemory() >> 20));
        });
        var gigabyte = (double)(1 << 30);
        Console.WriteLine($"{args[0]} {args[1]} {side}x{side}: {plan}");
        Console.WriteLine($"memory: planned {plan.MemoryNeeded / gigabyte:0.00} GiB, peak {peakMemory() / gigabyte:0.00} "
            + $"(loaded {loaded / gigabyte:0.00}, after the steps {steps / 1024.0:0.00})");
        Console.WriteLine($"time: planned {plan.Drawing?.TotalSeconds:0.0} s (planning took {planning.TotalSeconds:0.00}), "
            + $"took {watch.Elapsed.TotalSeconds:0.0}, of which steps {decoding:0.0}; "
            + $"learnt now: {generator.Plan(request).Drawing?.TotalSeconds:0.0} s");
    }
}
