namespace Easel.Models;

/// <summary>How pictures [n, c, h, w] lie in memory.</summary>
internal static class Layout
{
    /// <summary>The same picture with the channels of a pixel side by side ("channels last"). Convolutions and norms keep the order, and in it a picture is a
    /// list of tokens without being moved.</summary>
    public static Tensor ChannelsLast(this Tensor x)
    {
        using var scope = NewDisposeScope();
        return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Whether the channels of a pixel lie side by side and nothing else lies between.</summary>
    public static bool LiesChannelsLast(this Tensor x)
    {
        if (x.dim() != 4) return false;
        using var pixels = x.permute(0, 2, 3, 1);
        return pixels.is_contiguous();
    }

    /// <summary>A picture with a margin of its opposite edges all round, for a convolution without padding.</summary>
    public static Tensor Wrapped(this Tensor x, long margin)
    {
        using var scope = NewDisposeScope();
        return nn.functional.pad(x, [margin, margin, margin, margin], PaddingModes.Circular).ChannelsLast().MoveToOuterDisposeScope();
    }
}
