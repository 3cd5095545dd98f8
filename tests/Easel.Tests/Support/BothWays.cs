using Easel.Cli;
using Easel.Imaging;
using Easel.Tests.Cli;
using Easel.Tests.Weights;

namespace Easel.Tests.Support;

/// <summary>A request through the library, and in words through the command line.</summary>
internal static class BothWays
{
    /// <summary>The library's pictures in full precision; fails unless the command line's are the same to the bit.</summary>
    public static IReadOnlyList<RgbImage> Draw(string model, LoadOptions options, GenerationRequest request, params string[] line)
    {
        var pictures = Draw(model, options, request);
        using var folder = new TemporaryFolder();
        var (code, output, error) = Command.Run([.. line, "--ckpt", model, "--precision", "full", "--no-watermark", "--outdir", folder.Path("out"), "-q"]);
        Assert.True(code == ExitCodes.Ok, error);
        var files = output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(pictures.Select(picture => picture.Pixels), files.Select(file => ImageFile.Load(file).Pixels));
        return pictures;
    }

    /// <summary>The library's pictures in full precision.</summary>
    public static IReadOnlyList<RgbImage> Draw(string model, LoadOptions options, GenerationRequest request)
    {
        using var generator = ImageGenerator.Load(model, options with { Precision = Precision.Full });
        return [.. generator.Generate(request with { Watermark = false }).Images.Select(made => made.Image)];
    }
}
