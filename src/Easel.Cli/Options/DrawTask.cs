namespace Easel.Cli.Options;

/// <summary>What a drawing command is for.</summary>
internal enum DrawTask
{
    Draw, // text to image, or image to image where a picture is given
    Text, // text to image
    Image, // image to image
    Inpaint, // a part of a picture drawn anew, or a picture continued beyond its edges
    Depth, // a picture drawn anew in the shape of another
    Upscale, // a picture enlarged four times
}
