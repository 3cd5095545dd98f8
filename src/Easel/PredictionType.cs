namespace Easel;

/// <summary>What a diffusion network was trained to predict.</summary>
public enum PredictionType
{
    /// <summary>The noise (SD 1, SD 2 base).</summary>
    Epsilon,

    /// <summary>The velocity sqrt(a) * noise - sqrt(1 - a) * clean (SD 2.x at 768 pixels, the x4 upscaler).</summary>
    V,

    /// <summary>The clean sample itself.</summary>
    Sample,
}
