namespace Easel.Extensions.AI;

/// <summary>What an <see cref="EaselImageGenerator"/> draws with, and how.</summary>
public sealed class EaselOptions
{
    /// <summary>The model's file or diffusers folder; null for the small model of the package Easel.Sketch.</summary>
    public string? Model { get; set; }

    /// <summary>Device, precision, folders of adapters and the like; null for the best of this machine.</summary>
    public LoadOptions? Load { get; set; }

    /// <summary>What every request starts from: settings that a caller's options leave alone keep these values.</summary>
    public GenerationRequest Request { get; set; } = new();

    /// <summary>The quality of JPEG and WebP pictures, 1 to 100.</summary>
    public int Quality { get; set; } = 95;
}
