using Easel.Imaging;

namespace Easel.Benchmarks;

/// <summary>How far a model's pictures in bf16 are from those in fp32 with the same seeds, beside how far pictures of different seeds are.</summary>
internal static class PrecisionTable
{
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
        List<RgbImage> Draw(Precision precision, long seed)
        {
            using var generator = ImageGenerator.Load(path, new LoadOptions { Precision = precision, Device = "cpu" });
            return [.. generator.Generate(request with { GuidanceScale = generator.Family.GuidanceScale, Seed = seed }).Images.Select(image => image.Image)];
        }

        var exact = Draw(Precision.Full, 1);
        Console.WriteLine($"{Path.GetFileName(path)}, {exact.Count} pictures of {exact[0].Width}x{exact[0].Height}, "
            + $"{request.Steps} steps of {request.Sampler}");
        Console.WriteLine("| pictures | PSNR against fp32, mean (least), dB |");
        Console.WriteLine("|---|---|");
        Row("bf16", Draw(Precision.BFloat16, 1));
        Row("fp32, other seeds", Draw(Precision.Full, 100));

        void Row(string what, List<RgbImage> pictures)
        {
            var psnr = pictures.Zip(exact, FastTable.Psnr).ToList();
            Console.WriteLine(FormattableString.Invariant($"| {what} | {psnr.Average():0.0} ({psnr.Min():0.0}) |"));
        }
    }
}
