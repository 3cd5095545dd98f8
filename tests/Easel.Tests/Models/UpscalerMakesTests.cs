using Easel.Imaging;
using Easel.Tests.Support;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards the makes of upscalers beside ESRGAN: small networks of each against the original code, and what of a make is not read.</summary>
public sealed class UpscalerMakesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-makes").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors(Goldens.Unpacked("upscalers/makes.safetensors"));

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("span-x2", 2)]
    [InlineData("span-x4-plain", 4)]
    [InlineData("plksr-x2", 2)]
    [InlineData("plksr-x3-iccm", 3)]
    [InlineData("realplksr-x4", 4)]
    public void Enlarges_as_the_original(string kind, int scale)
    {
        var path = Written(Network(kind));
        Assert.Equal(ModelKind.Upscaler, ModelFile.Read(path).Kind);
        using var upscaler = UpscalerFile.Load(path, ScalarType.Float32, CPU);
        Assert.Equal(scale, upscaler.Scale);
        Close.Relative(_goldens[kind + ".y"], upscaler.Network.call(_goldens[kind + ".x"]), 1e-4, kind);
        var picture = upscaler.Upscale(new RgbImage(50, 33), tile: 32);
        Assert.Equal((50 * scale, 33 * scale), (picture.Width, picture.Height));
    }

    /// <summary>Whose last layer is another, or whose kernels do not tell what they are.</summary>
    [Theory]
    [InlineData("realplksr-x4", "to_img.offset.weight", null)]
    [InlineData("realplksr-x4", null, "feats.1.norm.weight")]
    [InlineData("plksr-x2", null, "feats.1.lk.conv.weight")]
    [InlineData("span-x2", null, "upsampler.0.weight")]
    public void What_is_not_read_is_said(string kind, string? added, string? without)
    {
        var network = Network(kind);
        if (added is not null) network.Add(added, ones(1, 1, 1, 1));
        if (without is not null) network.Remove(without);
        var path = Written(network);
        Assert.False(Upscaler.IsIn(path));
        Assert.Contains("but of a make that Easel does not read", Assert.Throws<CheckpointException>(() =>
            UpscalerFile.Load(path, ScalarType.Float32, CPU)).Message);
    }

    private Dictionary<string, Tensor> Network(string kind) =>
        _goldens.Where(golden => golden.Key.StartsWith(kind + ".net.")).ToDictionary(golden => golden.Key[(kind.Length + 5)..], golden => golden.Value);

    private string Written(Dictionary<string, Tensor> network)
    {
        var path = Path.Combine(_folder, "network.safetensors");
        SafeTensorsWriter.Write(path, network);
        return path;
    }
}
