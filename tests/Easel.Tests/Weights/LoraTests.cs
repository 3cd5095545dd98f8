using System.Text.RegularExpressions;
using Easel.Tests.Support;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that LoRAs change a model as the reference does, in every layout, and leave no trace when taken out.</summary>
public sealed class LoraTests : IDisposable
{
    private static readonly string Kohya = Goldens.Path("layouts/lora-kohya.fp16.safetensors");
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-lora").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors("layouts/lora-kohya.goldens.safetensors");

    private double Multiplier => _goldens["multiplier"].item<float>();

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Merges_as_the_reference()
    {
        using var micro = new Micro();
        using var lora = LoraFile.Open(Kohya);
        Assert.Empty(Merge(micro).Set([new LoraUse(lora, Multiplier, Multiplier)]));

        foreach (var (name, expected) in _goldens.Where(g => g.Key.StartsWith("merged.")))
        {
            var isText = name.StartsWith("merged.text.");
            var own = isText ? name["merged.text.".Length..] : name["merged.unet.".Length..];
            Close.Absolute(expected, Micro.Parameter(isText ? micro.Text : micro.UNet, own), 1e-6, name);
        }
        Close.Absolute(_goldens["text.embedding"], micro.Text.call(_goldens["text.ids"]), 1e-4, "text");
        var noise = micro.UNet.call(_goldens["unet.x"], _goldens["unet.t"].to(ScalarType.Float32), _goldens["unet.context"], null);
        Close.Absolute(_goldens["unet.out"], noise, 1e-3, "UNet");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Leaves_no_trace(ScalarType type)
    {
        using var micro = new Micro(type);
        using var lora = LoraFile.Open(Kohya);
        using var again = LoraFile.Open(Kohya);
        var before = Bits(micro);
        var merge = Merge(micro);

        merge.Set([new LoraUse(lora, 0.7, 0.3)]);
        var once = Bits(micro);
        Assert.Contains(before.Keys, name => !before[name].SequenceEqual(once[name]));

        merge.Set([new LoraUse(lora, 0.35, 0.15), new LoraUse(again, 0.35, 0.15)]); // two halves make one whole, up to rounding
        merge.Set([new LoraUse(lora, 0.7, 0.3)]);
        Assert.All(Bits(micro), entry => Assert.Equal(once[entry.Key], entry.Value));

        merge.Set([]);
        Assert.All(Bits(micro), entry => Assert.Equal(before[entry.Key], entry.Value));
    }

    [Fact]
    public void Adds_up_and_scales_each_network_by_its_own()
    {
        using var micro = new Micro();
        using var lora = LoraFile.Open(Kohya);
        using var again = LoraFile.Open(Kohya);
        const string OfUNet = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight", OfText = "text_model.encoder.layers.0.mlp.fc1.weight";
        var (unet, text) = (Micro.Parameter(micro.UNet, OfUNet).clone(), Micro.Parameter(micro.Text, OfText).clone());

        var merge = Merge(micro);
        merge.Set([new LoraUse(lora, 1, 0)]);
        var change = Micro.Parameter(micro.UNet, OfUNet) - unet;
        Close.Absolute(text, Micro.Parameter(micro.Text, OfText), 0);

        merge.Set([new LoraUse(lora, 1, 0), new LoraUse(again, -3, 0)]);
        Close.Absolute(unet - 2 * change, Micro.Parameter(micro.UNet, OfUNet), 1e-6);
    }

    [Theory]
    [InlineData("original")]
    [InlineData("original-dotted")]
    [InlineData("diffusers")]
    [InlineData("diffusers-0.17")]
    [InlineData("processors")]
    [InlineData("peft")]
    public void Reads_every_layout(string layout)
    {
        using var micro = new Micro();
        var path = Path.Combine(_folder, "other.safetensors");
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (key, value) in Goldens.Tensors("layouts/lora-kohya.fp16.safetensors")) tensors[Renamed(key, layout, micro)] = value;
        SafeTensorsWriter.Write(path, tensors);

        using var lora = LoraFile.Open(path);
        Assert.Empty(Merge(micro).Set([new LoraUse(lora, Multiplier, Multiplier)]));
        var noise = micro.UNet.call(_goldens["unet.x"], _goldens["unet.t"].to(ScalarType.Float32), _goldens["unet.context"], null);
        Close.Absolute(_goldens["unet.out"], noise, 1e-3, "UNet");
        Close.Absolute(_goldens["text.embedding"], micro.Text.call(_goldens["text.ids"]), 1e-4, "text");
    }

    [Fact]
    public void Knows_the_original_name_of_every_layer()
    {
        using var micro = new Micro();
        var names = UNetNames.Original(micro.UNet.Config);
        foreach (var (name, slot) in micro.Checkpoint.UNetTensors.Slots)
            Assert.Equal(slot.Key, "model.diffusion_model." + names.Stored(name).Name);
    }

    [Fact]
    public void Composes_convolutions_and_linear_layers()
    {
        using var generator = new Generator(7, CPU);
        var (up, mid, down) = (randn([4, 3, 1, 1], generator: generator), randn([3, 2, 3, 3], generator: generator), randn([2, 5, 1, 1], generator: generator));
        // alpha 6 over rank 2; a convolution through three is one kernel.
        var cp = Single(("c.lora_down.weight", down), ("c.lora_mid.weight", mid), ("c.lora_up.weight", up), ("c.alpha", tensor(6f)));
        var expected = zeros(4, 5, 3, 3);
        for (var o = 0; o < 4; o++)
            for (var i = 0; i < 5; i++)
                for (var n = 0; n < 3; n++)
                    for (var m = 0; m < 2; m++) expected[o, i] += 3 * up[o, n, 0, 0] * down[m, i, 0, 0] * mid[n, m];
        Close.Absolute(expected, cp, 1e-5);

        // Without alpha the product counts as it is.
        var (wide, tall) = (randn([2, 5], generator: generator), randn([4, 2], generator: generator));
        Close.Absolute(tall.matmul(wide), Single(("l.lora_A.weight", wide), ("l.lora_B.weight", tall)), 1e-6);
    }

    [Theory]
    [InlineData("lora_adapter_metadata")]
    [InlineData("adapter_config.json")]
    public void Takes_alpha_from_settings(string place)
    {
        var inside = place == "lora_adapter_metadata";
        var path = Path.Combine(_folder, "settings.safetensors");
        var prefix = inside ? "unet." : "base_model.model.";
        var tensors = new Dictionary<string, Tensor> { [prefix + "conv_in.lora_A.weight"] = ones(2, 5), [prefix + "conv_in.lora_B.weight"] = ones(4, 2) };
        SafeTensorsWriter.Write(path, tensors,
            metadata: inside ? new Dictionary<string, string> { [place] = """{"unet.lora_alpha": 8, "unet.r": 2}""" } : null);
        if (!inside) File.WriteAllText(Path.Combine(_folder, place), """{"lora_alpha": 8, "r": 2}""");

        using var lora = LoraFile.Open(path);
        Close.Absolute(full([4, 5], 2 * 8f / 2), Change(lora), 0);
    }

    [Fact]
    public void Explains_a_lora_for_another_model()
    {
        using var micro = new Micro();
        var merge = Merge(micro);
        const string Layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k";
        Write("wide", (Layer + ".lora_down.weight", ones(4, 1024)), (Layer + ".lora_up.weight", ones(32, 4)));
        Write("alien", ("lora_unet_strange.lora_down.weight", ones(4, 8)), ("lora_unet_strange.lora_up.weight", ones(8, 4)));
        var before = Bits(micro);

        using var wide = Open("wide");
        Assert.Contains(
            "its change to the UNet's mid_block.attentions.0.transformer_blocks.0.attn2.to_k is [32, 1024], and this model's weight there is [32, 32]",
            Assert.Throws<CheckpointException>(() => merge.Set([new LoraUse(wide, 1, 1)])).Message);
        using var alien = Open("alien");
        Assert.Contains("none of the 1 layers", Assert.Throws<CheckpointException>(() => merge.Set([new LoraUse(alien, 1, 1)])).Message);
        Assert.All(Bits(micro), entry => Assert.Equal(before[entry.Key], entry.Value));
    }

    [Fact]
    public void Counts_what_fits_nothing()
    {
        using var micro = new Micro();
        Write("part", ("lora_unet_conv_in.lora_down.weight", ones(2, 4, 3, 3)), ("lora_unet_conv_in.lora_up.weight", ones(32, 2, 1, 1)),
            ("lora_unet_strange.lora_down.weight", ones(4, 8)), ("lora_unet_strange.lora_up.weight", ones(8, 4)), ("emb.weight", ones(1)));
        using var lora = Open("part");
        var remarks = Merge(micro).Set([new LoraUse(lora, 1, 1)]);
        Assert.Contains(remarks, remark => remark.Contains("1 of 2 layers are not in this model"));
        Assert.Contains(remarks, remark => remark.Contains("1 tensors are no part of a LoRA"));
    }

    [Theory]
    [InlineData("lora_unet_x.hada_w1_a", "some are missing")]
    [InlineData("lora_unet_x.lokr_w1", "some are missing")]
    [InlineData("lora_unet_x.oft_diag", "older kind of OFT")]
    [InlineData("lora_unet_double_blocks_0_x.lora_down.weight", "a LoRA for Flux")]
    [InlineData("model.diffusion_model.input_blocks.0.0.weight", "is no LoRA")]
    [InlineData("lora_unet_x.lora_down.weight", "some are missing")]
    public void Refuses_what_is_no_whole_lora_by_name(string key, string reason)
    {
        Write("other", (key, ones(2, 2)));
        Assert.Contains(reason, Assert.Throws<CheckpointException>(() => Open("other")).Message);
    }

    [Fact]
    public void Refuses_parts_that_do_not_go_together()
    {
        Write("torn", ("lora_unet_x.lora_down.weight", ones(2, 5)), ("lora_unet_x.lora_up.weight", ones(4, 3)));
        Assert.Contains("do not go together ([2, 5], [4, 3])", Assert.Throws<CheckpointException>(() => Open("torn")).Message);
    }

    private static LoraMerge Merge(Micro micro) => micro.Loras();

    private static Dictionary<string, byte[]> Bits(Micro micro) => new[] { ("unet.", (nn.Module)micro.UNet), ("text.", micro.Text) }
        .SelectMany(n => n.Item2.named_parameters().Select(p => (Name: n.Item1 + p.name, Bits: p.parameter.bytes.ToArray())))
        .ToDictionary(p => p.Name, p => p.Bits);

    private Tensor Single(params (string Key, Tensor Value)[] tensors)
    {
        Write("single", [.. tensors.Select(t => ("lora_unet_" + t.Key, t.Value))]);
        using var lora = Open("single");
        return Change(lora);
    }

    /// <summary>What the one layer of a LoRA is changed by.</summary>
    private static Tensor Change(LoraFile lora)
    {
        var layer = Assert.Single(lora.Layers);
        var parameter = zeros(layer.Shape);
        layer.AddTo(parameter, parameter, 1, null);
        return parameter;
    }

    private void Write(string name, params (string Key, Tensor Value)[] tensors) =>
        SafeTensorsWriter.Write(Path.Combine(_folder, name + ".safetensors"), tensors.ToDictionary(t => t.Key, t => t.Value));

    private LoraFile Open(string name) => LoraFile.Open(Path.Combine(_folder, name + ".safetensors"));

    /// <summary>What another layout calls a tensor of the kohya file.</summary>
    private static string Renamed(string key, string layout, Micro micro)
    {
        var isText = key.StartsWith("lora_te_");
        var dot = key.IndexOf('.');
        var (flat, part) = (key[(isText ? 8 : 10)..dot], key[dot..]);
        var network = (nn.Module)(isText ? micro.Text : micro.UNet);
        var name = network.named_modules().Select(m => m.name).Single(n => n.Replace('.', '_') == flat);
        var (down, up) = (part == ".lora_down.weight", part == ".lora_up.weight");
        switch (layout)
        {
            case "original":
                return isText ? key : "lora_unet_" + UNetNames.Original(micro.UNet.Config).Stored(name).Name.Replace('.', '_') + part;
            case "original-dotted":
                return isText ? key : "diffusion_model." + UNetNames.Original(micro.UNet.Config).Stored(name).Name + part;
            case "diffusers":
                return (isText ? "text_encoder." : "unet.") + name + (down ? ".lora_A.weight" : up ? ".lora_B.weight" : part);
            case "diffusers-0.17":
                return (isText ? "text_encoder." : "unet.") + name + (part == ".alpha" ? part : (isText ? ".lora_linear_layer" : ".lora") + Old());
            case "peft":
                return "base_model.model." + name + (down ? ".lora_A.default.weight" : up ? ".lora_B.default.weight" : part);
            default: // attention processors: only attention has names of its own
                var attention = name[(name.LastIndexOf(".attn", StringComparison.Ordinal) + 1)..];
                if (isText && name.Contains("self_attn")) return "text_encoder." + Regex.Replace(name, @"(\w+)_proj$", "to_$1") + "_lora" + Old();
                if (!isText && attention.Length < name.Length && attention[6..] is "to_q" or "to_k" or "to_v" or "to_out.0")
                    return name[..^attention.Length] + attention[..6] + "processor." + attention[6..].Replace(".0", "") + "_lora" + Old();
                return (isText ? "text_encoder." : "unet.") + name + ".lora" + Old();

                string Old() => down ? ".down.weight" : up ? ".up.weight" : part;
        }
    }
}
