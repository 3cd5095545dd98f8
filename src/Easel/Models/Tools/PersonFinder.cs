using Easel.Imaging;

namespace Easel.Models.Tools;

/// <summary>Tells people in a picture from what is around them, as MediaPipe's selfie segmentation does.</summary>
internal sealed class PersonFinder(PersonNet network) : IDisposable
{
    private const float Least = 0.5f; // from which share on a pixel is of a person

    public PersonNet Network => network;

    /// <summary>White where people are.</summary>
    public GrayImage Mask(RgbImage picture)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var share = functional.interpolate(network.call(Input(picture)), [picture.Height, picture.Width], mode: InterpolationMode.Bilinear,
            align_corners: false);
        return new GrayImage(picture.Width, picture.Height, ((share >= Least).to(ScalarType.Byte) * 255).contiguous().cpu().data<byte>().ToArray());
    }

    public void Dispose() => network.Dispose();

    /// <summary>[1, 3, 256, 256]: stretched as the original stretches it.</summary>
    internal static Tensor Input(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        var x = (ImageTensor.FromImage(picture) + 1) / 2;
        return functional.interpolate(x, [PersonNet.Side, PersonNet.Side], mode: InterpolationMode.Bilinear, align_corners: false).MoveToOuterDisposeScope();
    }
}
