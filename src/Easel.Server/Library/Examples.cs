namespace Easel.Server.Library;

/// <summary>Prompts that a model draws well, for whoever does not know yet what to ask for.</summary>
internal static class Examples
{
    /// <summary>How many are offered at once.</summary>
    public const int Shown = 5;

    private static readonly string[] OfSketch =
    [
        "a red apple", "a fox, cartoon style", "a rainbow", "a purple car, flat style", "a 3D frog", "a house", "a rocket, 3D style", "a blue heart",
        "a slice of pizza", "an owl, flat style", "a cactus", "a sunflower, cartoon style", "a panda", "a birthday cake", "a mushroom, 3D style",
        "a butterfly", "a lemon on a black background", "a penguin, flat style", "a balloon", "a cat, outline",
    ];

    private static readonly string[] OfOthers =
    [
        "a photograph of an astronaut riding a horse", "a lighthouse on a cliff at dusk, oil painting", "a red fox in the snow, soft morning light",
        "a bowl of lemons on a wooden table, still life, window light", "a small cabin by a mountain lake, autumn, detailed landscape",
        "a portrait of an old sailor, studio lighting, 85 mm", "a futuristic city at night in the rain, neon reflections",
        "a watercolour of a hummingbird among flowers", "a cosy library with tall shelves and a reading chair, warm light",
        "a steam train crossing a stone bridge, film still",
    ];

    /// <summary>The prompt that stands on a page that nobody has written on.</summary>
    public static string First(ModelEntry? model) => All(model)[0];

    /// <summary>Some examples; each turn shows others, until all were shown.</summary>
    public static IReadOnlyList<string> For(ModelEntry? model, int turn)
    {
        var all = All(model);
        return [.. Enumerable.Range(turn * Shown, Shown).Select(place => all[place % all.Length])];
    }

    private static string[] All(ModelEntry? model) => model is { IsSketch: true } ? OfSketch : OfOthers;
}
