using System.Diagnostics;
using Easel.Imaging;

namespace Easel.Benchmarks;

/// <summary>What each level of <see cref="FastLevel"/> saves and how far its pictures are from the exact ones, for any model.</summary>
internal static class FastTable
{
    internal static readonly string[] Prompts =
    [
        "a hamster painting with a brush", "a red house by a lake", "a portrait of an old man, oil on canvas", "a bowl of fruit on a wooden table",
        "a castle on a hill at dusk",
        "a cat asleep on a windowsill", "a blue car in the rain", "mountains under stars",
    ];

    /// <param name="args">The model's file or folder, or sd15 or sd21 for random weights; then side in pixels, steps, how many pictures, sampler. Each may be
    /// left out.</param>
    public static void Print(string[] args)
    {
        var path = args.ElementAtOrDefault(0) ?? "sd15";
        if (!File.Exists(path) && !Directory.Exists(path)) path = RandomModel.Folder(path);
        int? Whole(int index) => args.Length > index ? int.Parse(args[index]) : null;
        var (side, steps, count) = (Whole(1), Whole(2) ?? 25, Math.Min(Whole(3) ?? 4, Prompts.Length));
        var request = new GenerationRequest
        {
            Prompts = Prompts[..count],
            Width = side,
            Height = side,
            Steps = steps,
            Sampler = args.ElementAtOrDefault(4) ?? "dpmpp_2m",
            Seed = 1,
            Watermark = false
        };

        using var generator = ImageGenerator.Load(path);
        generator.Generate(request with { Prompts = Prompts[..1], Steps = 1 }); // what is done for the first time
        Console.WriteLine($"{Path.GetFileName(path)} in {generator.Precision}, {count} pictures, {steps} steps of {request.Sampler}");
        Console.WriteLine("| level | UNet work | s/picture | PSNR against the exact picture, mean (least), dB | another prompt's, mean "
            + "| other processes' CPU |");
        Console.WriteLine("|---|---|---|---|---|---|");
        List<RgbImage> exact = [];
        foreach (var level in Enum.GetValues<FastLevel>())
        {
            var leveled = request with { Fast = level };
            var foreign = new ForeignLoad();
            var clock = Stopwatch.StartNew();
            var images = generator.Generate(leveled).Images.Select(image => image.Image).ToList();
            var seconds = clock.Elapsed.TotalSeconds / count;
            if (level == FastLevel.Exact) exact = images;
            var psnr = images.Zip(exact, Psnr).ToList();
            var others = count > 1 ? Enumerable.Range(0, count).Average(i => Psnr(exact[i], exact[(i + 1) % count])) : double.NaN;
            Console.WriteLine($"| {level} | {generator.Plan(leveled).UNetShare:0%} | {seconds:0.00} | {psnr.Average():0.0} ({psnr.Min():0.0}) "
                + $"| {others:0.0} | {foreign.Share():0%} |");
        }
    }

    internal static double Psnr(RgbImage a, RgbImage b)
    {
        var squares = a.Pixels.Zip(b.Pixels, (x, y) => (double)(x - y) * (x - y)).Average();
        return 10 * Math.Log10(255 * 255 / squares);
    }
}
