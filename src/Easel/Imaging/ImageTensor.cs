namespace Easel.Imaging;

/// <summary>Between pictures and the tensors the autoencoder works on: [n, 3, height, width], float32, -1 = black, 1 = full.</summary>
internal static class ImageTensor
{
    /// <summary>The picture as the autoencoder wants it: [1, 3, height, width], 2 * (x / 255) - 1 in float32 (CompVis scripts/img2img.py, load_img).</summary>
    public static Tensor FromImage(RgbImage image)
    {
        var plane = image.Width * image.Height;
        var values = new float[plane * 3L];
        var table = new float[256];
        for (var i = 0; i < 256; i++) table[i] = 2f * (i / 255f) - 1f;
        for (int i = 0, p = 0; i < plane; i++, p += 3)
        {
            values[i] = table[image.Pixels[p]];
            values[plane + i] = table[image.Pixels[p + 1]];
            values[plane * 2 + i] = table[image.Pixels[p + 2]];
        }
        return tensor(values, [1, 3, image.Height, image.Width]);
    }

    /// <summary>A mask as [1, 1, height, width], float32, x / 255: 1 = paint here, 0 = keep.</summary>
    public static Tensor FromMask(GrayImage mask)
    {
        var values = new float[mask.Pixels.Length];
        for (var i = 0; i < values.Length; i++) values[i] = mask.Pixels[i] / 255f;
        return tensor(values, [1, 1, mask.Height, mask.Width]);
    }

    /// <summary>A depth map as [1, 1, height, width], float32, with its numbers as they are.</summary>
    public static Tensor FromDepth(DepthImage depth)
    {
        var values = new float[depth.Values.Length];
        for (var i = 0; i < values.Length; i++) values[i] = depth.Values[i];
        return tensor(values, [1, 1, depth.Height, depth.Width]);
    }

    /// <summary>The pictures of a batch. Each sample becomes clamp((x + 1) / 2, 0, 1) * 255 in float32, cut down (not rounded) to a byte, as the reference
    /// scripts do, so that pixels equal theirs.</summary>
    /// <param name="batch">[n, 3, height, width], any floating type, on any device.</param>
    public static RgbImage[] ToImages(Tensor batch)
    {
        if (batch.dim() != 4 || batch.shape[1] != 3)
            throw new EaselException($"A batch of pictures has the shape [n, 3, height, width], not [{string.Join(", ", batch.shape)}].");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var unit = batch.detach().to(ScalarType.Float32).add(1).div(2).clamp(0, 1).mul(255);
        var bytes = unit.to(ScalarType.Byte).permute(0, 2, 3, 1).contiguous().cpu();
        var (height, width) = ((int)batch.shape[2], (int)batch.shape[3]);
        var images = new RgbImage[batch.shape[0]];
        for (var i = 0; i < images.Length; i++)
        {
            images[i] = new RgbImage(width, height);
            bytes[i].bytes.CopyTo(images[i].Pixels);
        }
        return images;
    }

    /// <summary>The one picture of a tensor [3, height, width] or [1, 3, height, width]; see <see cref="ToImages"/>.</summary>
    public static RgbImage ToImage(Tensor image)
    {
        using var scope = NewDisposeScope();
        var images = ToImages(image.dim() == 3 ? image.unsqueeze(0) : image);
        return images.Length == 1 ? images[0] : throw new EaselException($"One picture was asked for, but the tensor holds {images.Length}.");
    }
}
