using Easel.Cli;
using Easel.Imaging;
using Easel.Tests.Cli;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards the upscalers that come with Easel: against the original in TensorFlow.js, in tiles, and from the command line with nothing named.</summary>
public sealed class BuiltInUpscalerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-enlarging").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors(Goldens.Unpacked("tools/upscalers.safetensors"));

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("rdn-psnr-x2", "psnr", "a")]
    [InlineData("esrgan-slim-x2", "x2", "a")]
    [InlineData("esrgan-slim-x3", "x3", "a")]
    [InlineData("esrgan-slim-x4", "x4", "a")]
    [InlineData("esrgan-slim-x4", "x4", "b")]
    public void Enlarges_as_the_original(string tool, string golden, string picture)
    {
        using var upscaler = Upscaler.Load(BuiltInTool.Find(tool)!.Path);
        Assert.Equal(BuiltInTool.Find(tool)!.Scale, upscaler.Scale);
        var psnr = Closeness.Psnr(Picture(_goldens[$"{picture}.{golden}"]), upscaler.Upscale(Picture(_goldens[picture + ".x"])));
        Assert.True(psnr > 45, $"{psnr:0.0} dB");
    }

    [Fact]
    public void Gives_the_originals_numbers_before_rounding()
    {
        using var upscaler = UpscalerFile.Load(BuiltInTool.Find("esrgan-slim-x2")!.Path, ScalarType.Float32, CPU);
        var made = upscaler.Network.call(_goldens["a.x"].permute(2, 0, 1).unsqueeze(0).to(ScalarType.Float32) / 255)[0].permute(1, 2, 0) * 255;
        Close.Absolute(_goldens["a.x2.raw"], made, 0.5, "x2");
    }

    [Fact]
    public void Tiles_join_without_seams()
    {
        using var upscaler = Upscaler.LoadBuiltIn(4);
        var picture = Resampling.Resize(Picture(_goldens["b.x"]), 160, 48);
        var (whole, tiled) = (upscaler.Upscale(picture), upscaler.Upscale(picture, tile: 96));
        Assert.True(Closeness.Psnr(whole, tiled) > 50, $"{Closeness.Psnr(whole, tiled):0.0} dB");
        Assert.True(whole.Pixels.Zip(tiled.Pixels, (a, b) => Math.Abs(a - b)).Max() <= 8);
    }

    [Theory]
    [InlineData(null, 4, "x4")]
    [InlineData("2", 2, "rdn-psnr-x2")]
    [InlineData("2.5", 2.5, "x3")]
    [InlineData("6", 6, "x4")]
    [InlineData("0.5", 0.5, "rdn-psnr-x2")]
    public void Enlarges_from_the_command_line_with_nothing_named(string? times, double expected, string tool)
    {
        var (small, large) = (Path.Combine(_folder, "small.png"), Path.Combine(_folder, "large.png"));
        ImageFile.Save(small, new RgbImage(12, 8));
        string[] asked = times is null ? [] : ["--times", times];
        var (code, _, error) = Command.Run(["upscale", small, "-o", large, .. asked]);
        Assert.True(code == ExitCodes.Ok, error);
        Assert.Contains(tool, error);
        var made = ImageFile.Load(large);
        Assert.Equal(((int)(12 * expected), (int)(8 * expected)), (made.Width, made.Height));
    }

    [Fact]
    public void Says_what_cannot_be()
    {
        var small = Path.Combine(_folder, "small.png");
        ImageFile.Save(small, new RgbImage(12, 8));
        Assert.Contains("above 0 and at most 16", Command.Run("upscale", small, "--times", "17").Error);
        Assert.Contains("--times goes with upscale", Command.Run("img2img", "a cat", "-i", small, "--times", "2").Error);
    }

    private static RgbImage Picture(Tensor bytes) => new((int)bytes.shape[1], (int)bytes.shape[0], bytes.contiguous().data<byte>().ToArray());
}
