using Easel.Imaging;

namespace Easel.Benchmarks;

/// <summary>How far a model's pictures in narrower formats are from those in fp32 with the same seeds, beside how far those of other seeds are.</summary>
internal static class PrecisionTable
{
    /// <summary>How a model is loaded for a row of a table: "fp32", "fp16", "bf16", or with weights in "q8" or "q4" beside the processor's best
    /// precision.</summary>
    public static LoadOptions Loaded(string format) => new()
    {
        Precision = Precisions.Named(format) ?? Precision.Auto,
        Weights = WeightFormats.Named(format) ?? WeightFormat.Full,
        Device = "cpu",
    };

    /// <param name="args">The model's file or folder; none for the one that comes with Easel. Then side in pixels, steps.</param>
    public static void Print(string[] args)
    {
        var path = args.ElementAtOrDefault(0) ?? BuiltInModel.Path;
        int? Whole(int index) => args.Length > index ? int.Parse(args[index]) : null;
        var side = Whole(1);
        var request = new GenerationRequest
        {
            Prompts = FastTable.Prompts,
            Width = side,
            Height = side,
            Steps = Whole(2) ?? 20,
            Sampler = "dpmpp_2m",
            Seed = 1,
            Watermark = false
        };
        List<RgbImage> Draw(string format, long seed)
        {
            using var generator = ImageGenerator.Load(path, Loaded(format));
            return [.. generator.Generate(request with { GuidanceScale = generator.Family.GuidanceScale, Seed = seed }).Images.Select(image => image.Image)];
        }

        var exact = Draw("fp32", 1);
        Console.WriteLine($"{Path.GetFileName(path)}, {exact.Count} pictures of {exact[0].Width}x{exact[0].Height}, "
            + $"{request.Steps} steps of {request.Sampler}");
        Console.WriteLine("| pictures | PSNR against fp32, mean (least), dB |");
        Console.WriteLine("|---|---|");
        foreach (var format in (string[])["bf16", "q8", "q4"]) Row(format, Draw(format, 1));
        Row("fp32, other seeds", Draw("fp32", 100));

        void Row(string what, List<RgbImage> pictures)
        {
            var psnr = pictures.Zip(exact, FastTable.Psnr).ToList();
            Console.WriteLine(FormattableString.Invariant($"| {what} | {psnr.Average():0.0} ({psnr.Min():0.0}) |"));
        }
    }
}
