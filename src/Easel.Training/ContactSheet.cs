using Easel.Imaging;

namespace Easel.Training;

/// <summary>The prompts by which people see at a glance what a model can draw: always these, never chosen by how they came out.</summary>
internal static class ContactSheet
{
    /// <summary>64 prompts, eight in a row.</summary>
    public static IReadOnlyList<string> Prompts { get; } =
    [
        "a red apple", "a cat", "a smiling face", "a house", "a red heart", "a rain cloud", "a car, flat style", "a pizza in 3D style", "a dog", "a fish",
        "a tree", "a rocket", "a strawberry", "a ghost", "a panda", "a rainbow", "a blue heart", "a green apple", "a yellow star", "a purple car",
        "a pink house", "a blue balloon", "a red umbrella", "a green book", "a 3D banana", "a 3D frog", "a flat mushroom", "a flat robot",
        "a cartoon penguin", "a cartoon castle", "a fox, 3D style", "an owl in flat style", "a kitty", "an automobile", "a puppy", "a burger", "an alien",
        "a ufo", "a bunny", "a present", "a cat with sunglasses", "a face with sunglasses", "an angry face", "a crying face", "a clown", "a skull",
        "santa claus", "a wizard", "a cup of coffee", "an ice cream", "a birthday cake", "a cherry on a blue background", "a lemon on a black background",
        "a bus", "a sailboat", "an airplane", "a sunflower", "a cactus", "a snowman", "a light bulb", "a key", "a guitar", "a butterfly", "a whale",
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
