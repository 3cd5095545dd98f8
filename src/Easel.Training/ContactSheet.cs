using Easel.Imaging;
using Easel.Training.Evaluation;

namespace Easel.Training;

/// <summary>The prompts by which people see at a glance what a model can draw: always these, never chosen by how they came out.</summary>
internal static class ContactSheet
{
    /// <summary>64 prompts, eight in a row: every fifth of those that newcomers type first, then pairs, then numbers of things.</summary>
    public static IReadOnlyList<string> Prompts { get; } =
    [
        .. FixedPrompts.First.Where((_, i) => i % 5 == 0).Take(40).Select(prompt => prompt.Prompt), .. FixedPrompts.Pairs.Take(18).Select(pair => pair.Prompt),
        .. FixedPrompts.Counts.Take(6).Select(count => count.Prompt),
    ];

    /// <summary>Draws them all, the place on the sheet as the seed, and writes the sheet.</summary>
    public static void Draw(ImageGenerator generator, int steps, double? guidance, string path, Action<string, double>? onProgress, CancellationToken cancel)
    {
        var pictures = new List<RgbImage>();
        foreach (var batch in Prompts.Chunk(8))
        {
            onProgress?.Invoke("sheet", (double)pictures.Count / Prompts.Count);
            pictures.AddRange(Drawn(generator, batch, pictures.Count, steps, guidance, cancel));
        }
        ImageFile.Save(path, ImageGrid.Make(pictures, 8));
    }

    /// <summary>A picture for each prompt, with seeds that count on.</summary>
    /// <param name="guidance">The guidance scale; null for the model's own.</param>
    public static IEnumerable<RgbImage> Drawn(ImageGenerator generator, IReadOnlyList<string> prompts, long seed, int steps, double? guidance,
        CancellationToken cancel)
    {
        var request = new GenerationRequest
        {
            Prompts = prompts,
            BatchSize = prompts.Count,
            Seed = seed,
            Steps = steps,
            GuidanceScale = guidance ?? generator.Family.GuidanceScale,
            Watermark = false,
        };
        return generator.Generate(request, cancel: cancel).Images.Select(image => image.Image);
    }
}
