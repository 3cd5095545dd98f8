using System.Text.RegularExpressions;
using Easel.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards UNets of other shapes than Stable Diffusion's own: without a middle, with fewer blocks, told the guidance scale. Their tensors
/// tell.</summary>
public sealed partial class UNetShapeTests
{
    [Fact]
    public void WithoutAMiddleAndWithOneBlockALevel()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var file = TensorFile.Open(Goldens.Unpacked("extras/nomid_unet/diffusion_pytorch_model.safetensors"));
        using var unet = Loaded(file);
        Assert.Equal((0, 1, 3), (unet.Config.MiddleBlocks, unet.Config.BlocksPerLevel, unet.Config.Channels.Count));
        var golden = Goldens.Tensors("extras/nomid_unet.goldens.safetensors");
        Close.Relative(golden["out"], unet.call(golden["x"], golden["t"].to(ScalarType.Float32), golden["context"], null), 1e-4);
    }

    /// <summary>A latent consistency model answers otherwise for each guidance scale, and as it does where it is told none.</summary>
    [Fact]
    public void ToldTheGuidanceScale()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var file = TensorFile.Open(Goldens.Unpacked("extras/lcm_unet/diffusion_pytorch_model.safetensors"));
        using var unet = Loaded(file);
        var golden = Goldens.Tensors("extras/lcm_unet.goldens.safetensors");
        var width = unet.Config.GuidanceWidth;
        for (var row = 0; row < 2; row++)
        {
            var scale = 1 + golden["w"][row].item<float>();
            Close.Absolute(golden["embedding"][row..(row + 1)], TimestepEmbedding.GuidanceSinusoids(scale, width, CPU), 1e-4, "embedding");
            Close.Relative(golden["out"][row..(row + 1)], Asked(row, scale), 1e-4, "told");
            Close.Relative(golden["out_none"][row..(row + 1)], Asked(row, null), 1e-4, "not told");
        }

        Tensor Asked(int row, double? scale) => unet.Predict(golden["x"][row..(row + 1)], golden["t"][row..(row + 1)].to(ScalarType.Float32),
            new ContextKeys(golden["context"][row..(row + 1)]) { GuidanceScale = scale }, null, null);
    }

    /// <summary>Scripts that turn a diffusers folder into a single file number three places a level, however many blocks there are.</summary>
    [Theory]
    [InlineData("nomid_unet")]
    [InlineData("lcm_unet")]
    public void NumbersMayBeLeftOutInASingleFile(string name)
    {
        using var file = TensorFile.Open(Goldens.Unpacked($"extras/{name}/diffusion_pytorch_model.safetensors"));
        var stored = file.Tensors.Keys.ToDictionary(Original);
        var table = UNetNames.Of([.. stored.Keys]);
        foreach (var (original, own) in stored) Assert.Equal(own, table.Own(original).Single().Name);

        string Original(string own)
        {
            foreach (var (from, to) in Parts) own = own.Replace(from, to);
            if (own.Contains("resnets") || own.Contains("middle_block.0") || own.Contains("middle_block.2"))
                foreach (var (from, to) in Resnet) own = own.Replace(from, to);
            own = Down().Replace(own, m => $"input_blocks.{3 * int.Parse(m.Groups[1].Value) + int.Parse(m.Groups[3].Value) + 1}.{Kind(m)}.");
            own = Up().Replace(own, m => $"output_blocks.{3 * int.Parse(m.Groups[1].Value) + int.Parse(m.Groups[3].Value)}.{Kind(m)}.");
            own = Downsampler().Replace(own, m => $"input_blocks.{3 * (int.Parse(m.Groups[1].Value) + 1)}.0.op.");
            return Upsampler().Replace(own, m => $"output_blocks.{3 * int.Parse(m.Groups[1].Value) + 2}.{(m.Groups[1].Value == "0" ? 1 : 2)}.conv.");
        }

        static int Kind(Match match) => match.Groups[2].Value == "resnets" ? 0 : 1;
    }

    /// <summary>Blocks of a level that differ, as a smaller SDXL has them, and a middle of one block alone.</summary>
    [Fact]
    public void TransformersOfOtherDepthOnTheWayUp()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var level = new AttentionLevel(2, 2, SelfAttention: true);
        var config = new UNetConfig
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [32, 64],
            BlocksPerLevel = 1,
            ContextWidth = 48,
            LinearProjections = false,
            Attention = [level with { Depth = 0 }, level],
            MiddleAttention = level with { Depth = 0 },
            MiddleBlocks = 1,
            UpDepths = [[0, 0], [1, 3]],
        };
        using var made = new UNet(config);
        var tensors = made.named_parameters().ToDictionary(p => p.name, p => zeros(p.parameter.shape));
        var path = folder.Path("unet.safetensors");
        SafeTensorsWriter.Write(path, tensors);
        using var file = TensorFile.Open(path);
        using var unet = Loaded(file);
        Assert.Equal([0, 2], unet.Config.Attention.Select(one => one.Depth));
        Assert.Equal([[0, 0], [1, 3]], unet.Config.UpDepths);
        Assert.Equal((1, 0), (unet.Config.MiddleBlocks, unet.Config.MiddleAttention.Depth));

        // And in the original's names, there and back.
        var names = UNetNames.Original(config);
        var stored = UNetNames.Of([.. tensors.Keys.Select(own => names.Stored(own).Name)]);
        foreach (var own in tensors.Keys) Assert.Equal(own, stored.Own(names.Stored(own).Name).Single().Name);
    }

    private static readonly (string, string)[] Parts =
    [
        ("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2"), ("time_embedding.cond_proj", "time_embed.cond_proj"),
        ("conv_in", "input_blocks.0.0"), ("conv_norm_out", "out.0"), ("conv_out", "out.2"),
        ("mid_block.resnets.0", "middle_block.0"), ("mid_block.resnets.1", "middle_block.2"), ("mid_block.attentions.0", "middle_block.1"),
    ];

    private static readonly (string, string)[] Resnet =
    [
        ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("time_emb_proj", "emb_layers.1"), ("norm2.", "out_layers.0."), ("conv2.", "out_layers.3."),
        ("conv_shortcut", "skip_connection"),
    ];

    private static UNet Loaded(TensorFile file)
    {
        var tensors = new StateDict();
        var names = UNetNames.Of([.. file.Tensors.Keys]);
        foreach (var key in file.Tensors.Keys) Assert.True(tensors.Add(names, key, file, key), key);
        var unet = new UNet(Shapes.UNet(tensors, new ModelSettings { Heads = [8] }, ModelFamily.All, file.Path).Config);
        tensors.Load(unet, "UNet", ScalarType.Float32, CPU);
        return unet;
    }

    [GeneratedRegex(@"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.")]
    private static partial Regex Down();

    [GeneratedRegex(@"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.")]
    private static partial Regex Up();

    [GeneratedRegex(@"down_blocks\.(\d+)\.downsamplers\.0\.conv\.")]
    private static partial Regex Downsampler();

    [GeneratedRegex(@"up_blocks\.(\d+)\.upsamplers\.0\.conv\.")]
    private static partial Regex Upsampler();
}
