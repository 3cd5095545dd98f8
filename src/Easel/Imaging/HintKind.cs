namespace Easel.Imaging;

/// <summary>What is made of a picture before a network of control sees it.</summary>
public enum HintKind
{
    /// <summary>Nothing: the picture is a hint already, or the network looks at pictures as they are.</summary>
    None,

    /// <summary>Edges, white on black, as OpenCV's Canny finds them.</summary>
    Canny,

    /// <summary>Dark lines of a drawing, light on black.</summary>
    Lineart,

    /// <summary>Edges of all sizes, soft, light on black.</summary>
    SoftEdge,

    /// <summary>Rough strokes, white on black.</summary>
    Scribble,

    /// <summary>The negative: for lines that are drawn dark on white.</summary>
    Invert,

    /// <summary>White where all colours are above a limit, black elsewhere.</summary>
    Threshold,

    /// <summary>Blurred.</summary>
    Blur,

    /// <summary>Fewer pixels, for networks that draw details anew (tile).</summary>
    Tile,

    /// <summary>Brightness without colour, for networks that colour.</summary>
    Gray,

    /// <summary>Large squares of one colour each.</summary>
    Color,

    /// <summary>The input picture with what is to be drawn anew cut out, for networks that inpaint; needs a mask.</summary>
    Inpaint,

    /// <summary>How near things are, near is bright; needs the depth estimator (MiDaS).</summary>
    Depth,
}
