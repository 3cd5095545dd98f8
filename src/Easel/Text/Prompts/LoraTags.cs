using Easel.Weights.Lora;

namespace Easel.Text.Prompts;

/// <summary>A LoRA that a prompt asks for.</summary>
/// <param name="Name">What the prompt calls it.</param>
/// <param name="TextEncoderWeight">The multiplier for its changes to the text encoder; 1 unless the prompt says otherwise.</param>
/// <param name="UNetWeight">The multiplier for its changes to the UNet; that of the text encoder unless the prompt says otherwise.</param>
internal sealed record LoraTag(string Name, double TextEncoderWeight, double UNetWeight)
{
    /// <summary>Multipliers of the parts of the model; null where all count 1.</summary>
    public BlockWeights? Blocks { get; init; }

    /// <summary>How many of the channels between count at most; null for all.</summary>
    public int? Rank { get; init; }

    /// <summary>The first step, counted from 1, in which the UNet has it; with a point the share of the steps before it. Null for the first.</summary>
    public LoraStep? Start { get; init; }

    /// <summary>The first step in which the UNet has it no more; null for none.</summary>
    public LoraStep? Stop { get; init; }

    /// <summary>Whether the UNet has it in a step.</summary>
    /// <param name="step">The step, counted from 0.</param> <param name="steps">How many there are.</param>
    public bool ActsIn(int step, int steps) => step >= (Start?.Of(steps) ?? 0) && step < (Stop?.Of(steps) ?? int.MaxValue);
}

/// <summary>A place in a run.</summary>
/// <param name="Value">A step, counted from 1, or a share of the steps.</param>
internal readonly record struct LoraStep(double Value, bool IsShare)
{
    /// <summary>Reads a place as prompts write it: "10", or "0.5" for half of the steps.</summary>
    public static LoraStep? TryParse(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value <= 100_000
            ? new LoraStep(value, text.Contains('.')) : null;

    /// <summary>The step, counted from 0.</summary>
    public int Of(int steps) => IsShare ? (int)(Value * steps) : Math.Max(0, (int)Value - 1);
}

/// <summary>A prompt without its comments and its tags in angle brackets, and what they asked for.</summary>
/// <param name="Remarks">What a person should be told of tags, or parts of tags, that mean nothing here.</param>
internal sealed record LoraTags(string Text, IReadOnlyList<LoraTag> Loras, IReadOnlyList<string> Remarks);
