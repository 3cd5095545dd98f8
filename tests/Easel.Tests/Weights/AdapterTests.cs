using Easel.Tests.Support;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that every make of adapter changes weights as LyCORIS itself changes them, and that how a file stores one makes no difference.</summary>
public sealed class AdapterTests(AdapterTests.Model model) : IClassFixture<AdapterTests.Model>, IDisposable
{
    private const string Query = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.";
    private const string OfQuery = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight";
    private static readonly Dictionary<string, string> Trained = new() { ["ss_network_module"] = "lycoris.kohya" };

    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Generator _generator = new(3, CPU);
    private readonly LoraMerge _merge = model.Micro.Loras();

    /// <summary>The model, which each test leaves as it was.</summary>
    public sealed class Model : IDisposable
    {
        internal Micro Micro { get; } = new();

        public void Dispose() => Micro.Dispose();
    }

    public void Dispose()
    {
        _merge.Set([]);
        _generator.Dispose();
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Merge_as_LyCORIS_merges_them()
    {
        var (adapters, goldens) = (Goldens.Tensors("lycoris/adapters.safetensors"), Goldens.Tensors("lycoris/goldens.safetensors"));
        var kinds = adapters.GroupBy(a => a.Key.Split('/')[0]).ToList();
        Assert.Equal(15, kinds.Count);
        foreach (var kind in kinds)
        {
            Use(Write(kind.Key, kind.Select(a => (a.Key[(kind.Key.Length + 1)..], a.Value))), 0.8);
            foreach (var (name, expected) in goldens.Where(g => g.Key.StartsWith(kind.Key + "/")))
                Close.Absolute(expected, Parameter(name[(kind.Key.Length + 1)..])[..8], 1e-5, name);
        }
    }

    /// <summary>A file that says how it was trained is scaled as in training: once.</summary>
    [Fact]
    public void Count_alpha_once_where_a_trainer_wrote_them()
    {
        var before = Parameter(OfQuery).clone();
        var (a, b, c, d) = (Random(32, 4), Random(4, 32), Random(32, 4), Random(4, 32));
        Use(Write("loha", Trained, (Query + "hada_w1_a", a), (Query + "hada_w1_b", b), (Query + "hada_w2_a", c), (Query + "hada_w2_b", d),
            (Query + "alpha", tensor(1f))), 1);
        Close.Absolute(before + a.matmul(b) * c.matmul(d) / 4, Parameter(OfQuery), 1e-6);
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void Are_read_in_any_precision(ScalarType type)
    {
        var before = Parameter(OfQuery).clone();
        var (first, second) = (Random(4, 4).to(type), Random(8, 8).to(type));
        Use(Write("lokr", Trained, (Query + "lokr_w1", first), (Query + "lokr_w2", second), (Query + "alpha", tensor(2f).to(type))), 0.5);
        // alpha has no meaning where neither factor is decomposed
        Close.Absolute(before + 0.5 * kron(first.to(ScalarType.Float32), second.to(ScalarType.Float32)), Parameter(OfQuery), 1e-6);
    }

    /// <summary>A decomposed first factor, a core of Tucker's between, and a convolution stored as a matrix.</summary>
    [Fact]
    public void Compose_LoKr_of_any_factoring()
    {
        const string Convolution = "lora_unet_down_blocks_0_resnets_0_conv1.", Own = "down_blocks.0.resnets.0.conv1.weight";
        var before = Parameter(Own).clone();
        var (a, b, core, c, d) = (Random(4, 2), Random(2, 4), Random(3, 3, 3, 3), Random(3, 8), Random(3, 8));
        Use(Write("tucker", Trained, (Convolution + "lokr_w1_a", a), (Convolution + "lokr_w1_b", b), (Convolution + "lokr_t2", core),
            (Convolution + "lokr_w2_a", c), (Convolution + "lokr_w2_b", d), (Convolution + "alpha", tensor(6f))), 1);
        var second = einsum("abkl,ao,bi->oikl", core, c, d);
        Close.Absolute(before + 2 * kron(a.matmul(b)[.., .., TensorIndex.None, TensorIndex.None], second.contiguous()), Parameter(Own), 1e-5);

        var (w1, left, right) = (Random(4, 4), Random(8, 2), Random(2, 72));
        Use(Write("flat", Trained, (Convolution + "lokr_w1", w1), (Convolution + "lokr_w2_a", left), (Convolution + "lokr_w2_b", right)), 1);
        Close.Absolute(before + kron(w1[.., .., TensorIndex.None, TensorIndex.None], left.matmul(right).view(8, 8, 3, 3)), Parameter(Own), 1e-5);
    }

    /// <summary>PEFT's lengths are those of rows, and at full strength every row has its length.</summary>
    [Fact]
    public void Bring_rows_to_the_lengths_of_DoRA()
    {
        var lengths = rand(32, generator: _generator) + 1;
        const string Peft = "base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.";
        Use(Write("peft", Trained, (Peft + "lora_A.weight", Random(4, 32)), (Peft + "lora_B.weight", Random(32, 4)),
            (Peft + "lora_magnitude_vector", lengths)), 1);
        Close.Absolute(lengths, Parameter(OfQuery).square().sum(1).sqrt(), 1e-5);
    }

    [Fact]
    public void Add_to_biases_and_norms()
    {
        const string Norm = "mid_block.attentions.0.norm";
        var before = (Weight: Parameter(Norm + ".weight").clone(), Bias: Parameter(Norm + ".bias").clone(), Out: Parameter("conv_out.bias").clone());
        var (weight, bias, last) = (Random(32), Random(32), Random(4));
        Use(Write("norms", Trained, ("lora_unet_mid_block_attentions_0_norm.w_norm", weight), ("lora_unet_mid_block_attentions_0_norm.b_norm", bias),
            ("lora_unet_conv_out.lora_down.weight", Random(2, 32, 3, 3)), ("lora_unet_conv_out.lora_up.weight", Random(4, 2, 1, 1)),
            ("lora_unet_conv_out.diff_b", last)), 0.5);
        Close.Absolute(before.Weight + weight / 2, Parameter(Norm + ".weight"), 1e-6);
        Close.Absolute(before.Bias + bias / 2, Parameter(Norm + ".bias"), 1e-6);
        Close.Absolute(before.Out + last / 2, Parameter("conv_out.bias"), 1e-6);
        _merge.Set([]);
        Close.Absolute(before.Bias, Parameter(Norm + ".bias"), 0);
    }

    /// <summary>Several count together, each by the model's own numbers.</summary>
    [Fact]
    public void Add_up()
    {
        var before = Parameter(OfQuery).clone();
        var (difference, factor) = (Random(32, 32), Random(32));
        var full = Write("full", Trained, (Query + "diff", difference));
        var ia3 = Write("ia3", Trained, (Query + "on_input", tensor(1)), (Query + "weight", factor));
        _merge.Set([new LoraUse(full, 1, 1), new LoraUse(ia3, 2, 1)]);
        Close.Absolute(before + difference + 2 * before * factor, Parameter(OfQuery), 1e-6);
    }

    [Fact]
    public void Count_by_blocks()
    {
        var before = (Middle: Parameter(OfQuery).clone(), First: Parameter("conv_in.weight").clone());
        var difference = Random(32, 32);
        var full = Write("full", Trained, (Query + "diff", difference), ("lora_unet_conv_in.diff", Random(32, 4, 3, 3)));
        _merge.Set([new LoraUse(full, 0.5, 1) { Blocks = BlockWeights.TryParse("MIDD") }]);
        Close.Absolute(before.Middle + difference / 2, Parameter(OfQuery), 1e-6);
        Close.Absolute(before.First, Parameter("conv_in.weight"), 0);
    }

    [Theory]
    [InlineData(12, 20)]
    [InlineData(17, 17)]
    public void Refuse_blocks_of_the_wrong_width(int outputs, int inputs)
    {
        Write("oft", Trained, (Query + "oft_blocks", Random(outputs, 4, 4))).Dispose();
        using var lora = LoraFile.Open(_folder.Path("oft.safetensors"));
        Assert.Contains($"[{outputs * 4}, -1]", Assert.Throws<CheckpointException>(() => _merge.Set([new LoraUse(lora, 1, 1)])).Message);
        Assert.Contains("do not go together", Assert.Throws<CheckpointException>(() => Write("torn", Trained,
            (Query + "lokr_w1", Random(4, 4)), (Query + "lokr_w2_a", Random(8, inputs)), (Query + "lokr_w2_b", Random(2, 8)))).Message);
    }

    private Tensor Random(params long[] shape) => randn(shape, generator: _generator) / 8;

    private Tensor Parameter(string name) => Micro.Parameter(model.Micro.UNet, name);

    private void Use(LoraFile lora, double strength) => _merge.Set([new LoraUse(lora, strength, strength)]);

    private LoraFile Write(string name, IEnumerable<(string Key, Tensor Value)> tensors) => Write(name, [], [.. tensors]);

    private LoraFile Write(string name, Dictionary<string, string> metadata, params (string Key, Tensor Value)[] tensors)
    {
        var path = _folder.Path(name + ".safetensors");
        SafeTensorsWriter.Write(path, tensors.ToDictionary(t => t.Key, t => t.Value), metadata: metadata);
        return LoraFile.Open(path);
    }
}
