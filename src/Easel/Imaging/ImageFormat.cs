namespace Easel.Imaging;

/// <summary>The formats in which pictures are saved.</summary>
public enum ImageFormat
{
    /// <summary>Portable Network Graphics: every pixel exactly, and any text pairs beside it.</summary>
    Png,

    /// <summary>JPEG: small, not exact; the generation parameters travel as an EXIF comment.</summary>
    Jpeg,

    /// <summary>WebP: smaller than JPEG at equal quality, or exact when asked; the generation parameters travel as an EXIF comment.</summary>
    WebP,
}
