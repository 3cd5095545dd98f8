using Easel.Imaging;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Tests.Imaging;

/// <summary>Guards the step between pixels and tensors: the reference's arithmetic in both directions, including truncation.</summary>
public sealed class ImageTensorTests
{
    [Fact]
    public void Pixels_become_floats_as_numpy_computes_them()
    {
        var image = new RgbImage(2, 1, [0, 1, 127, 128, 254, 255]);
        using var tensor = ImageTensor.FromImage(image);
        Assert.Equal([1, 3, 1, 2], tensor.shape);
        byte[] planes = [0, 128, 1, 254, 127, 255];
        Assert.Equal(planes.Select(p => 2f * (p / 255f) - 1f), tensor.data<float>().ToArray());
    }

    [Fact]
    public void Floats_are_cut_down_to_bytes_not_rounded()
    {
        float[] values = [-2f, -1f, 0f, 1f, 5f, 0.999f];
        using var batch = torch.tensor(values, [1, 3, 1, 2]);
        var image = ImageTensor.ToImage(batch);
        byte[] expected = [0, 127, 255, 0, 255, (byte)((0.999f + 1f) / 2f * 255f)];
        Assert.Equal(expected, image.Pixels);
        Assert.Equal(254, expected[5]);
    }

    [Fact]
    public void A_batch_gives_its_pictures_in_order()
    {
        using var scope = NewDisposeScope();
        var first = ImageTensor.FromImage(Pictures.Noise(5, 4, 1));
        var second = ImageTensor.FromImage(Pictures.Noise(5, 4, 2));
        // Half a level up, so that truncation gives back exactly the pixels that went in.
        var images = ImageTensor.ToImages(cat([first, second]) + 1f / 255);
        Pictures.Same(Pictures.Noise(5, 4, 1), images[0]);
        Pictures.Same(Pictures.Noise(5, 4, 2), images[1]);
        Pictures.Same(images[0], ImageTensor.ToImage(first[0] + 1f / 255));
        Pictures.Same(images[0], ImageTensor.ToImage((first + 1f / 255).to(ScalarType.Float64)));
    }

    [Fact]
    public void Masks_and_depth_keep_their_values()
    {
        using var mask = ImageTensor.FromMask(new GrayImage(2, 1, [0, 255]));
        Assert.Equal([0f, 1f], mask.data<float>().ToArray());
        using var depth = ImageTensor.FromDepth(new DepthImage(1, 2, [0, 65535]));
        Assert.Equal([1, 1, 2, 1], depth.shape);
        Assert.Equal([0f, 65535f], depth.data<float>().ToArray());
    }

    [Fact]
    public void Other_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<EaselException>(() => ImageTensor.ToImages(zeros(1, 4, 2, 2)));
        Assert.Throws<EaselException>(() => ImageTensor.ToImage(zeros(2, 3, 2, 2)));
    }

    [Fact]
    public void A_grid_has_two_black_pixels_around_every_picture()
    {
        var images = Enumerable.Range(1, 3).Select(i =>
        {
            var image = new RgbImage(4, 3);
            image.Pixels.AsSpan().Fill((byte)(i * 10));
            return image;
        }).ToArray();
        var grid = ImageGrid.Make(images, 2);
        Assert.Equal((4 * 2 + 6, 3 * 2 + 6), (grid.Width, grid.Height));
        int At(int x, int y) => grid.Pixels[(y * grid.Width + x) * 3];
        for (var y = 0; y < grid.Height; y++)
        {
            for (var x = 0; x < grid.Width; x++)
            {
                var inside = x % 6 is >= 2 and < 6 && y % 5 is >= 2 and < 5;
                var index = y / 5 * 2 + x / 6;
                Assert.Equal(inside && index < 3 ? (index + 1) * 10 : 0, At(x, y));
            }
        }
        Assert.Same(images[0], ImageGrid.Make([images[0]], 5));
        Assert.Equal(3 * 6 + 2, ImageGrid.Make(images, 8).Width);
        Assert.Throws<EaselException>(() => ImageGrid.Make([], 1));
        Assert.Throws<EaselException>(() => ImageGrid.Make(images, 0));
        Assert.Throws<EaselException>(() => ImageGrid.Make([images[0], new RgbImage(3, 3)], 2));
    }
}
