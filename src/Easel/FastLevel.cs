namespace Easel;

/// <summary>
/// How much work a run may leave out, at the price of a picture that is not quite the exact one. What each level leaves out, and how far pictures then differ,
/// is in
/// docs/fast.md.
/// </summary>
public enum FastLevel
{
    /// <summary>Nothing is left out.</summary>
    Exact,

    /// <summary>The deep part of the UNet runs at every second look at the latents.</summary>
    Light,

    /// <summary>The deep part runs at every third look, and the last looks, which only sharpen, do without guidance.</summary>
    Medium,

    /// <summary>The deep part and most of the outer level run at every fifth look; the last looks do without guidance.</summary>
    Strong,
}
