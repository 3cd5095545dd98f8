namespace Easel.Text.Prompts;

/// <summary>A stretch of a prompt that has one weight.</summary>
/// <param name="Text">The text, without the brackets and backslashes that gave it its weight; empty for a break.</param>
/// <param name="Weight">How much attention it gets; 1 is plain.</param>
/// <param name="IsBreak">Whether this is the word BREAK: no text, but the place where the next chunk of 75 tokens begins.</param>
internal readonly record struct WeightedText(string Text, double Weight, bool IsBreak = false)
{
    public static WeightedText Break => new("", 1, IsBreak: true);
}
