namespace Easel.Imaging;

/// <summary>How pixels are weighed when a picture changes its size.</summary>
public enum ResampleFilter
{
    /// <summary>The pixel that lies there; the one choice that makes no new colours, for masks.</summary>
    Nearest,

    /// <summary>The mean of the pixels covered.</summary>
    Box,

    /// <summary>A triangle, two source pixels wide when enlarging.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -0.5, four source pixels wide when enlarging.</summary>
    Bicubic,

    /// <summary>A sinc windowed by a sinc, six source pixels wide when enlarging: the sharpest, and what the reference scripts use.</summary>
    Lanczos,
}
