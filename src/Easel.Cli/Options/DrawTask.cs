
namespace Easel.Cli.Options;

/// <summary>What a drawing command is for.</summary>
internal enum DrawTask
{
    /// <summary>Text to image, or image to image where a picture is given.</summary>
    Draw,

    /// <summary>Text to image.</summary>
    Text,

    /// <summary>Image to image.</summary>
    Image,

    /// <summary>A part of a picture drawn anew, or a picture continued beyond its edges.</summary>
    Inpaint,

    /// <summary>A picture drawn anew in the shape of another.</summary>
    Depth,

    /// <summary>A picture enlarged four times.</summary>
    Upscale,
}
