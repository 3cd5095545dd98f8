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
    private readonly Dictionary<string, Tensor> _goldens = ((string[])["makes", "transformers", "cugan"])
        .SelectMany(name => Goldens.Tensors(Goldens.Unpacked($"upscalers/{name}.safetensors"))).ToDictionary();

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
    [InlineData("swinir-x4-classical", 4)]
    [InlineData("swinir-x3-classical", 3)]
    [InlineData("swinir-x2-light", 2)]
    [InlineData("swinir-x4-real", 4)]
    [InlineData("swinir-x1-noise", 1)]
    [InlineData("swinir-x1-jpeg", 1)]
    [InlineData("hat-x4", 4)]
    [InlineData("hat-x2", 2)]
    [InlineData("dat-x2", 2)]
    [InlineData("dat-x4-light", 4)]
    [InlineData("cugan-x2", 2)]
    [InlineData("cugan-x2-pro", 2)]
    [InlineData("cugan-x2-fast", 2)]
    [InlineData("cugan-x3", 3)]
    [InlineData("cugan-x4", 4)]
    public void Enlarges_as_the_original(string kind, int scale)
    {
        var path = Written(Network(kind));
        Assert.Equal(ModelKind.Upscaler, ModelFile.Read(path).Kind);
        using var upscaler = UpscalerFile.Load(path, ScalarType.Float32, CPU);
        Assert.Equal(scale, upscaler.Scale);
        Close.Relative(_goldens[kind + ".y"], upscaler.Network.call(_goldens[kind + ".x"]), 1e-4, kind);
        var picture = upscaler.Upscale(new RgbImage(50, 33), tile: 32);
        Assert.Equal((50 * scale, 33 * scale), (picture.Width, picture.Height));
        var smallest = upscaler.Upscale(new RgbImage(3, 1)); // smaller than what is mirrored at its edges
        Assert.Equal((3 * scale, scale), (smallest.Width, smallest.Height));
    }

    /// <summary>As trainers put them away.</summary>
    [Theory]
    [InlineData("swinir-x2-light", "params_ema.")]
    [InlineData("hat-x2", "params.")]
    [InlineData("dat-x4-light", "model.")]
    [InlineData("cugan-x3", "module.")]
    [InlineData("plksr-x2", "net.")]
    public void Wrapped_weights_are_found(string kind, string wrapper)
    {
        var bare = Network(kind);
        using var expected = UpscalerFile.Load(Written(bare), ScalarType.Float32, CPU);
        var wrapped = bare.ToDictionary(entry => wrapper + entry.Key, entry => entry.Value);
        wrapped["epoch"] = ones(1);
        var path = Written(wrapped);
        Assert.Equal(ModelKind.Upscaler, ModelFile.Read(path).Kind);
        using var upscaler = UpscalerFile.Load(path, ScalarType.Float32, CPU);
        Close.Absolute(expected.Network.call(_goldens[kind + ".x"]), upscaler.Network.call(_goldens[kind + ".x"]), 0);
    }

    /// <summary>What SwinIR's kin name otherwise when squares of pixels are stacked first.</summary>
    [Fact]
    public void Stacked_pixels_are_told_by_the_first_layer()
    {
        var network = Network("swinir-x4-real");
        var first = network["conv_first.weight"];
        network.Remove("conv_first.weight");
        network["conv_first.1.weight"] = cat([first, first, first, first], dim: 1);
        network["conv_first.1.bias"] = network["conv_first.bias"];
        network.Remove("conv_first.bias");
        using var upscaler = UpscalerFile.Load(Written(network), ScalarType.Float32, CPU);
        Assert.Equal(2, upscaler.Scale);
        Assert.Equal(34, upscaler.Upscale(new RgbImage(17, 9)).Width);
    }

    [Theory]
    [InlineData("conv_first.weight", 1, "of the kind SwinIR for grey pictures, which Easel does not read")]
    [InlineData("absolute_pos_embed", 3, "that knows one size of picture only")]
    public void What_is_refused_has_a_name(string tensor, int channels, string said)
    {
        var network = Network("swinir-x1-noise");
        network[tensor] = ones(12, channels, 3, 3);
        var path = Written(network);
        Assert.False(Upscaler.IsIn(path));
        Assert.Contains(said, ModelFile.Read(path).Problem);
        Assert.Contains(said, Assert.Throws<CheckpointException>(() => UpscalerFile.Load(path, ScalarType.Float32, CPU)).Message);
    }

    /// <summary>Whose last layer is another, or whose kernels do not tell what they are.</summary>
    [Theory]
    [InlineData("realplksr-x4", "to_img.offset.weight", null)]
    [InlineData("realplksr-x4", null, "feats.1.norm.weight")]
    [InlineData("plksr-x2", null, "feats.1.lk.conv.weight")]
    [InlineData("span-x2", null, "upsampler.0.weight")]
    [InlineData("hat-x4", null, "layers.0.residual_group.blocks.0.conv_block.cab.0.weight")]
    [InlineData("dat-x2", null, "layers.0.blocks.0.attn.attns.0.rpe_biases")]
    [InlineData("cugan-x4", null, "unet1.conv_bottom.weight")]
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
