using System.Text.RegularExpressions;
using Easel.Cli;
using Easel.Imaging;
using Easel.Models.Upscaling;
using Easel.Tests.Cli;
using Easel.Tests.Support;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>
/// Guards the plain upscalers: small networks of each kind against the original code, every layout of one network, tiles, sizes and refusals.
/// </summary>
public sealed class EsrganTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-upscalers").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors(Goldens.Unpacked("upscalers/upscalers.goldens.safetensors"));

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("x4", 4)]
    [InlineData("x2", 2)]
    [InlineData("x1", 1)]
    [InlineData("compact-x4", 4)]
    [InlineData("compact-x2", 2)]
    public void Enlarges_as_the_original(string kind, int scale)
    {
        using var upscaler = Load(Network(kind));
        Assert.Equal(scale, upscaler.Scale);

        // The network itself on numbers that no picture has; then a picture through it, against the rounding of the same numbers.
        var x = (_goldens[kind + ".x"] * 255).round();
        Close.Relative(_goldens[kind + ".y"], upscaler.Network.call(_goldens[kind + ".x"]), 1e-4, kind);
        var expected = (upscaler.Network.call(x / 255).clamp(0, 1) * 255).round();
        Close.Absolute(expected, Tensor(upscaler.Upscale(Picture(x))), 1, kind);
    }

    /// <summary>From a file to a file, against the network's own numbers, which have goldens.</summary>
    [Fact]
    public void Enlarges_from_the_command_line()
    {
        using var upscaler = Load(Network("x4"));
        var x = (_goldens["x4.x"] * 255).round();
        var (small, large) = (Path.Combine(_folder, "small.png"), Path.Combine(_folder, "large.png"));
        ImageFile.Save(small, Picture(x));
        var (code, output, error) = Command.Run("upscale", "-i", small, "-m", Path.Combine(_folder, "network.safetensors"), "-o", large, "-q");
        Assert.True(code == ExitCodes.Ok, error);
        Assert.Equal(large, output.Trim());
        Close.Absolute((upscaler.Network.call(x / 255).clamp(0, 1) * 255).round(), Tensor(ImageFile.Load(large)), 1, "picture");
    }

    [Theory]
    [InlineData("oldest")]
    [InlineData("middle")]
    public void Loads_every_layout_alike(string layout)
    {
        using var modern = Load(Network("x4"));
        var picture = Picture((_goldens["x4.x"] * 255).round());
        using var other = Load(Network("x4"), name => layout == "oldest" ? Oldest(name, blocks: 2) : Middle(name));
        Assert.Equal(modern.Upscale(picture).Pixels, other.Upscale(picture).Pixels);
    }

    [Fact]
    public void Reads_other_scales_off_the_oldest_layout()
    {
        var network = Network("x4");
        foreach (var name in network.Keys.Where(name => name.StartsWith("conv_up2")).ToList()) network.Remove(name);
        using var x2 = Load(network, name => Oldest(name, blocks: 2, doublings: 1));
        Assert.Equal(2, x2.Scale);
        var picture = x2.Upscale(new RgbImage(9, 7));
        Assert.Equal((18, 14), (picture.Width, picture.Height));
    }

    [Theory]
    [InlineData("x2", 33, 21)] // odd sides, which do not divide into the squares that the network stacks
    [InlineData("x1", 5, 3)]
    [InlineData("x4", 1, 1)]
    [InlineData("compact-x4", 7, 2)]
    public void Takes_any_size(string kind, int width, int height)
    {
        using var upscaler = Load(Network(kind));
        var picture = upscaler.Upscale(new RgbImage(width, height));
        Assert.Equal((width * upscaler.Scale, height * upscaler.Scale), (picture.Width, picture.Height));
    }

    [Fact]
    public void Takes_the_averaged_weights_out_of_their_wrapper()
    {
        using var bare = Load(Network("compact-x2"));
        using var wrapped = UpscalerFile.Load(Goldens.Path("upscalers/compact-x2.wrapped.pth"), ScalarType.Float32, CPU);
        var picture = Picture((_goldens["x4.x"] * 255).round());
        Assert.Equal(bare.Upscale(picture).Pixels, wrapped.Upscale(picture).Pixels);
    }

    [Theory]
    [InlineData("x4", 1)]
    [InlineData("x2", 2)] // which sees twice as far
    public void Tiles_join_without_seams(string kind, int wide)
    {
        using var upscaler = Load(Network(kind));
        var picture = Picture((rand([1, 3, 24, 160 * wide], generator: new Generator(2, CPU)) * 255).round());
        var steps = new List<(int Done, int All)>();
        var whole = Tensor(upscaler.Upscale(picture, tile: 1000));
        var tiled = Tensor(upscaler.Upscale(picture, tile: 96 * wide, (done, all) => steps.Add((done, all))));
        Assert.Equal([(1, 2), (2, 2)], steps);

        // These networks see some 35 positions to each side. Farther than that from where tiles end there is no difference, and nearer only what the blend
        // leaves of the edges.
        var scale = upscaler.Scale * wide;
        Close.Absolute(whole[.., .., .., ..(56 * scale)], tiled[.., .., .., ..(56 * scale)], 1);
        Close.Absolute(whole[.., .., .., (104 * scale)..], tiled[.., .., .., (104 * scale)..], 1);
        Assert.True((whole - tiled).abs().mean().item<float>() < 1);
    }

    [Fact]
    public void Stops_when_told()
    {
        using var upscaler = Load(Network("compact-x2"));
        using var cancel = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => upscaler.Upscale(new RgbImage(100, 40), tile: 32, (_, _) => cancel.Cancel(), cancel.Token));
    }

    [Fact]
    public void Explains_what_it_cannot_do()
    {
        using var upscaler = Load(Network("compact-x2"));
        Assert.Equal("tile", Assert.Throws<InvalidRequestException>(() => upscaler.Upscale(new RgbImage(8, 8), tile: 8)).Field);

        Assert.Contains("but a MiDaS depth estimator", Refusal(("scratch.refinenet1.out_conv.weight", ones(1))));
        var block = ("body.0.rdb1.conv1.weight", ones(2, 4, 3, 3));
        Assert.Contains("takes 1 channels", Refusal(("conv_first.weight", ones(4, 1, 3, 3)), block, ("conv_last.weight", ones(1, 4, 3, 3))));
        Assert.Contains("missing", Refusal(("conv_first.weight", ones(4, 3, 3, 3)), block, ("conv_last.weight", ones(3, 4, 3, 3))));

        string Refusal(params (string Key, Tensor Value)[] tensors) =>
            Assert.Throws<CheckpointException>(() => Load(tensors.ToDictionary(t => t.Key, t => t.Value))).Message;
    }

    private Dictionary<string, Tensor> Network(string kind) =>
        _goldens.Where(g => g.Key.StartsWith(kind + ".net.")).ToDictionary(g => g.Key[(kind.Length + 5)..], g => g.Value);

    private TiledUpscaler Load(Dictionary<string, Tensor> network, Func<string, string>? rename = null)
    {
        var path = Path.Combine(_folder, "network.safetensors");
        SafeTensorsWriter.Write(path, network.ToDictionary(t => rename?.Invoke(t.Key) ?? t.Key, t => t.Value));
        return UpscalerFile.Load(path, ScalarType.Float32, CPU);
    }

    /// <summary>The first layout: everything numbered, with gaps for what has no weights.</summary>
    private static string Oldest(string name, int blocks, int doublings = 2)
    {
        var end = name[(name.LastIndexOf('.') + 1)..];
        var block = Regex.Match(name, @"^body\.(\d+)\.rdb(\d)\.conv(\d)\.");
        if (block.Success) return block.Result("model.1.sub.$1.RDB$2.conv$3.0.") + end;
        return name[..name.IndexOf('.')] switch
        {
            "conv_first" => "model.0." + end,
            "conv_body" => $"model.1.sub.{blocks}.{end}",
            "conv_up1" => "model.3." + end,
            "conv_up2" => "model.6." + end,
            "conv_hr" => $"model.{2 + 3 * doublings}.{end}",
            _ => $"model.{4 + 3 * doublings}.{end}",
        };
    }

    private static string Middle(string name) => Regex.Replace(name, @"^body\.(\d+)\.rdb(\d)\.", "RRDB_trunk.$1.RDB$2.")
        .Replace("conv_body.", "trunk_conv.").Replace("conv_up", "upconv").Replace("conv_hr.", "HRconv.");

    private static RgbImage Picture(Tensor values) => // [1, 3, h, w], 0..255
        new((int)values.shape[3], (int)values.shape[2], values[0].permute(1, 2, 0).contiguous().to(ScalarType.Byte).data<byte>().ToArray());

    private static Tensor Tensor(RgbImage picture) =>
        tensor(picture.Pixels, [picture.Height, picture.Width, 3]).permute(2, 0, 1).unsqueeze(0).to(ScalarType.Float32);
}
