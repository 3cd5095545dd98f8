namespace Easel.Training;

/// <summary>The prompts by which people see at a glance what a model can draw: always these, never chosen by how they came out.</summary>
internal static class ContactSheet
{
    /// <summary>64 prompts, eight in a row.</summary>
    public static IReadOnlyList<string> Prompts { get; } =
    [
        "a red apple", "a cat", "a smiling face", "a house", "a red heart", "a rain cloud", "a car, flat style", "a pizza in 3D style",
        "a dog", "a fish", "a tree", "a rocket", "a strawberry", "a ghost", "a panda", "a rainbow",
        "a blue heart", "a green apple", "a yellow star", "a purple car", "a pink house", "a blue balloon", "a red umbrella", "a green book",
        "a 3D banana", "a 3D frog", "a flat mushroom", "a flat robot", "a cartoon penguin", "a cartoon castle", "a fox, 3D style", "an owl in flat style",
        "a kitty", "an automobile", "a puppy", "a burger", "an alien", "a ufo", "a bunny", "a present",
        "a cat with sunglasses", "a face with sunglasses", "an angry face", "a crying face", "a clown", "a skull", "santa claus", "a wizard",
        "a cup of coffee", "an ice cream", "a birthday cake", "a cherry on a blue background", "a lemon on a black background", "a bus", "a sailboat", "an airplane",
        "a sunflower", "a cactus", "a snowman", "a light bulb", "a key", "a guitar", "a butterfly", "a whale",
    ];

    /// <summary>The request for one of them, with the place on the sheet as its seed.</summary>
    public static GenerationRequest Request(string prompt, int place) => new() { Prompt = prompt, Seed = place, Width = 128, Height = 128, Steps = 20, GuidanceScale = 3, Watermark = false };
}
