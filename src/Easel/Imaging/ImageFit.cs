namespace Easel.Imaging;

/// <summary>What to do with a picture whose proportions are not those asked for.</summary>
public enum ImageFit
{
    /// <summary>Cut away what is too much, equally on both sides.</summary>
    Crop,

    /// <summary>Keep everything and fill what is missing, equally on both sides, by repeating the edge pixels.</summary>
    Pad,

    /// <summary>Stretch or squeeze to the size asked for.</summary>
    Stretch,

    /// <summary>Stretch or squeeze the picture's latents in place of its pixels (AUTOMATIC1111's "just resize (latent upscale)"). Where there is a mask, or
    /// a model that looks at the picture itself, pixels are stretched.</summary>
    Latent,
}
