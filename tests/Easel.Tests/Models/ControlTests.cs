using Easel.Imaging;
using Easel.Imaging.Hints;
using Easel.Models;
using Easel.Models.Control;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Tests.Support;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards the networks that steer a UNet against what the original programs compute with them.</summary>
public sealed class ControlTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly List<IDisposable> _open = [];

    public void Dispose()
    {
        foreach (var one in _open) one.Dispose();
        _scope.Dispose();
    }

    /// <summary>The file of lllyasviel's layout, with and without its prefix, on the micro UNet.</summary>
    [Theory]
    [InlineData("control_model.")]
    [InlineData("")]
    public void AControlNetOfTheOriginalLayoutIsTheOriginals(string prefix)
    {
        using var inference = inference_mode();
        using var micro = new Micro();
        var goldens = Goldens.Tensors("control/original.goldens.safetensors");
        using var folder = new Weights.TemporaryFolder();
        var path = Goldens.Unpacked("control/original.fp16.pth");
        if (prefix.Length == 0)
        {
            using var original = TensorFile.Open(path);
            SafeTensorsWriter.Write(folder.Path("bare.safetensors"),
                original.Tensors.Keys.ToDictionary(key => key["control_model.".Length..], key => original.View(key).clone()));
            path = folder.Path("bare.safetensors");
        }
        var net = Load<ControlNet>(path, micro.UNet);
        var (x, t, context) = (goldens["x"], goldens["t"].to(ScalarType.Float32), new ContextKeys(goldens["context"]));

        var embedded = net.Embed(goldens["hint"]);
        Close.Relative(goldens["hint_embedding"], embedded, Tolerance, "hint");
        var (skips, middle) = net.Predict(x, t, context, embedded, []);
        for (var i = 0; i < 12; i++) Close.Relative(goldens[$"control.{i}"], skips[i], Tolerance, $"skip {i}");
        Close.Relative(goldens["control.12"], middle, Tolerance, "middle");

        Answers("out_no_control", null);
        Answers("out", new ControlSignals { Skips = skips, Middle = middle });
        Answers("out_only_mid", new ControlSignals { Middle = middle });
        Answers("out_scale_0.6", new ControlSignals { Skips = [.. skips.Select(skip => 0.6 * skip)], Middle = 0.6 * middle });
        var scales = goldens["guess_mode_scales"].data<float>().ToArray();
        Answers("out_guess_mode_scales", new ControlSignals { Skips = [.. skips.Select((skip, i) => scales[i] * skip)], Middle = scales[12] * middle });

        void Answers(string golden, ControlSignals? control) =>
            Close.Relative(goldens[golden], micro.UNet.Predict(x, t, context, null, null, control), Tolerance, golden);
    }

    [Fact]
    public void TwoControlNetsAddUpAsInDiffusers()
    {
        using var inference = inference_mode();
        var unet = Unet();
        var goldens = Goldens.Tensors("control/unet.goldens.safetensors");
        var (x, t, context) = (goldens["x"], goldens["t"], new ContextKeys(goldens["context"]));
        Close.Relative(goldens["out"], unet.Predict(x, t, context, null, null), Tolerance, "out");
        var scales = goldens["control.scales"].data<float>().ToArray();
        var added = new[] { 0, 1 }.Select(i =>
        {
            var net = Load<ControlNet>(Folder($"controlnet_{i}"), unet);
            var (skips, middle) = net.Predict(x, t, context, net.Embed(goldens[$"control.hint{i}"]), []);
            return (Skips: skips.Select(skip => scales[i] * skip).ToList(), Middle: scales[i] * middle);
        }).ToList();

        var first = new ControlSignals { Skips = added[0].Skips, Middle = added[0].Middle };
        Close.Relative(goldens["control.out_first"], unet.Predict(x, t, context, null, null, first), Tolerance, "first");
        var both = new ControlSignals
        {
            Skips = [.. added[0].Skips.Zip(added[1].Skips, (one, other) => one + other)],
            Middle = added[0].Middle + added[1].Middle,
        };
        Close.Relative(goldens["control.out_both"], unet.Predict(x, t, context, null, null, both), Tolerance, "both");
    }

    /// <summary>A ControlNet of SDXL is told the picture as a whole, as the UNet is; guess mode's scales are diffusers'.</summary>
    [Fact]
    public void AControlNetOfSdxlIsDiffusers()
    {
        const double tolerance = 2e-4; // sines of numbers as large as a picture's sides are not the same to the last digits
        using var inference = inference_mode();
        var goldens = Goldens.Tensors("control/sdxl.goldens.safetensors");
        using var model = LoadedModel.Load(LoadedModel.Path("sdxl"));
        var net = Load<ControlNet>(Folder("sdxl"), model.UNet);
        var facts = TimestepEmbedding.Sinusoids(goldens["time_ids"].flatten(), 256).view(2, -1);
        using var context = new ContextKeys(goldens["context"], cat([goldens["text_embeds"], facts], dim: 1));
        var (x, t) = (goldens["x"], goldens["t"].to(ScalarType.Float32));
        var (skips, middle) = net.Predict(x, t, context, net.Embed(goldens["hint"]), []);
        for (var i = 0; i < skips.Count; i++) Close.Relative(goldens[$"down.{i}"], skips[i], tolerance, $"skip {i}");
        Close.Relative(goldens["mid"], middle, tolerance, "middle");

        Answers("out_plain", _ => 0);
        Answers("out", _ => 1);
        Answers("out_0.6", _ => 0.6);
        Answers("out_guess_0.7", i => 0.7 * Math.Pow(10, (double)i / skips.Count - 1));

        void Answers(string golden, Func<int, double> scaleOf)
        {
            var control = new ControlSignals { Skips = [.. skips.Select((skip, i) => scaleOf(i) * skip)], Middle = scaleOf(skips.Count) * middle };
            Close.Relative(goldens[golden], model.UNet.Predict(x, t, context, null, null, control), tolerance, golden);
        }
    }

    [Theory]
    [InlineData("full_adapter", false)]
    [InlineData("light_adapter", false)]
    [InlineData("full_adapter", true)]
    [InlineData("light_adapter", true)]
    public void T2iAdaptersAddTheirFeatures(string name, bool asTencentArc)
    {
        using var inference = inference_mode();
        var unet = Unet();
        var goldens = Goldens.Tensors("control/unet.goldens.safetensors");
        using var folder = new Weights.TemporaryFolder();
        var path = Folder(name);
        if (asTencentArc)
        {
            using var file = DiffusersFolder.OpenComponent(path, "");
            path = folder.Path("t2iadapter.safetensors");
            SafeTensorsWriter.Write(path, file.Tensors.Keys.ToDictionary(key => TencentArc(key["adapter.".Length..]), key => file.View(key).clone()));
        }
        var adapter = Load<T2iAdapter>(path, unet);
        var features = adapter.Features(goldens[$"{name}.hint"]);
        for (var i = 0; i < features.Count; i++) Close.Relative(goldens[$"{name}.feature.{i}"], features[i], Tolerance, $"feature {i}");
        var (x, t, context) = (goldens["x"], goldens["t"], new ContextKeys(goldens["context"]));
        Close.Relative(goldens[$"{name}.out"], unet.Predict(x, t, context, null, null, new ControlSignals { Levels = features }), Tolerance, "out");
        var less = new ControlSignals { Levels = [.. features.Select(feature => 0.4 * feature)] };
        Close.Relative(goldens[$"{name}.out_0.4"], unet.Predict(x, t, context, null, null, less), Tolerance, "out_0.4");

        // A full adapter's blocks are one row there, a light one's are called otherwise.
        string TencentArc(string key)
        {
            var parts = key.Split('.');
            if (parts[0] != "body") return key;
            if (name == "light_adapter") return key.Replace(".resnets.", ".body.");
            var level = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
            return parts[2] == "in_conv" ? $"body.{2 * level}.in_conv.{parts[3]}"
                : $"body.{2 * level + int.Parse(parts[3], System.Globalization.CultureInfo.InvariantCulture)}.{parts[4]}.{parts[5]}";
        }
    }

    [Theory]
    [InlineData("ip_adapter")]
    [InlineData("ip_adapter_plus")]
    public void APictureIsAPrompt(string name)
    {
        using var inference = inference_mode();
        var unet = Unet();
        var goldens = Goldens.Tensors($"control/{name}.goldens.safetensors");
        var adapter = Load<IpAdapter>(Goldens.Path($"control/{name}.safetensors"), unet);
        var tokens = adapter.Tokens(goldens["image_embeds"]);
        Close.Relative(goldens["tokens"], tokens, Tolerance, "tokens");
        var layers = unet.CrossAttentions.Select((layer, i) => (layer, Own: adapter.Layer(i))).ToDictionary(pair => pair.layer, pair => pair.Own);
        foreach (var scale in (double[])[1, 0.6])
        {
            var golden = $"out_{scale.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture)}";
            var control = new ControlSignals { Pictures = [new PicturePrompt(layers, tokens, scale, this)] };
            using var context = new ContextKeys(goldens["context"], keeps: true); // a picture's keys are kept beside the prompt's
            for (var twice = 0; twice < 2; twice++)
                Close.Relative(goldens[golden], unet.Predict(goldens["x"], goldens["t"], context, null, null, control), Tolerance, golden);
        }
    }

    [Fact]
    public void TheVisionTowerSeesWhatOpenClipsSees()
    {
        using var inference = inference_mode();
        var goldens = Goldens.Tensors("control/vision.goldens.safetensors");
        using var tower = ClipVisionFile.Load(Folder("image_encoder"), ScalarType.Float32, CPU);
        var (whole, patches) = tower.Look(ControlRun.Square(Picture(goldens["image"]), 224));
        Close.Relative(goldens["image_embeds"], whole, Tolerance, "whole");
        Close.Relative(goldens["penultimate"], patches, Tolerance, "patches");
    }

    [Theory]
    [InlineData("p1", 5, 20)]
    [InlineData("p1", 30, 90)]
    [InlineData("p1", 100, 200)]
    [InlineData("blurred", 10, 30)]
    [InlineData("blurred", 40, 80)]
    [InlineData("blurred", 100, 200)]
    public void CannyIsOpenCvs(string name, int low, int high)
    {
        var goldens = Goldens.Tensors("control/canny.goldens.safetensors");
        var edges = Canny.Find(Picture(goldens[name]), low, high);
        Assert.Equal(goldens[$"{name}.canny.{low}_{high}"].bytes.ToArray(), edges.Pixels);
    }

    /// <summary>A network for another UNet is refused in a sentence that names both.</summary>
    [Fact]
    public void ANetworkForAnotherModelIsRefused()
    {
        using var micro = new Micro();
        foreach (var (path, what) in new[]
        {
            (Folder("controlnet_0"), "ControlNet"), (Folder("full_adapter"), "T2I-Adapter"), (Goldens.Path("control/ip_adapter.safetensors"), "IP-Adapter"),
        })
        {
            var refused = Assert.Throws<CheckpointException>(() => ControlFile.Open(path, micro.UNet, "m.ckpt is of Stable Diffusion 1"));
            Assert.Contains(what, refused.Message);
            Assert.Contains("m.ckpt is of Stable Diffusion 1", refused.Message);
        }
        Assert.Contains("is no network of control", Assert.Throws<CheckpointException>(() =>
            ControlFile.Open(Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"), micro.UNet, "m")).Message);
    }

    /// <summary>The parts of a union network, against torch's own attention: thirds of one projection, eight heads, the activation of CLIP.</summary>
    [Fact]
    public void AUnionNetworkWeighsItsHint()
    {
        using var inference = inference_mode();
        using var generator = new Generator(3, CPU);
        Tensor Random(params long[] shape) => randn(shape, generator: generator) * 0.3;
        const int Channels = 32, Types = 6;
        using var parts = new UnionParts(new UnionConfig(Types, 16, 1, 8), Channels, 4 * Channels);
        var weights = new Dictionary<string, Tensor>();
        foreach (var (name, module) in parts.named_modules())
        {
            if (module is not Layer layer) continue;
            foreach (var (own, parameter) in layer.named_parameters(recurse: false).ToList())
            {
                weights[$"{name}.{own}"] = Random(parameter.shape);
                layer.Assign(own, weights[$"{name}.{own}"].clone().DetachFromDisposeScope());
            }
        }
        var (seen, hint) = (Random(2, Channels, 5, 3), Random(1, Channels, 5, 3));

        Tensor Layer(string name, Tensor x) => nn.functional.linear(x, weights[name + ".weight"], weights[name + ".bias"]);
        Tensor Norm(string name, Tensor x) => nn.functional.layer_norm(x, [Channels], weights[name + ".weight"], weights[name + ".bias"]);
        const string First = "transformer_layes.0.";
        var tokens = stack([hint.mean([2, 3]).expand(2, -1) + weights["tasks.task_embedding"][3], seen.mean([2, 3])], dim: 1);
        var normal = Norm(First + "ln_1", tokens);
        Tensor Heads(string name) => Layer(First + name, normal).view(2, 2, 8, Channels / 8).transpose(1, 2);
        var attended = nn.functional.softmax(matmul(Heads("q_proj"), Heads("k_proj").transpose(-2, -1)) / Math.Sqrt(Channels / 8), -1).matmul(Heads("v_proj"));
        tokens = tokens + Layer(First + "out_proj", attended.transpose(1, 2).reshape(2, 2, Channels));
        var inner = Layer(First + "c_fc", Norm(First + "ln_2", tokens));
        tokens = tokens + Layer(First + "c_proj", inner * sigmoid(1.702 * inner));
        var expected = seen + hint + Layer("spatial_ch_projs", tokens[.., 0]).view(2, Channels, 1, 1);
        Close.Relative(expected, parts.Fused(seen, hint, [3]), Tolerance, "fused");

        // The kinds given, as sinusoids of 0 or 1 each: of 1 the cosines first.
        var waves = cat([.. Enumerable.Range(0, Types).Select(type => TimestepEmbedding.Sinusoids(tensor((float[])[type == 3 ? 1 : 0]), 16))], dim: 1);
        var embedded = Layer("control_add_embedding.linear_2", nn.functional.silu(Layer("control_add_embedding.linear_1", waves)));
        Close.Relative(embedded, parts.TypeEmbedding([3], seen), Tolerance, "kinds");
    }

    /// <summary>A part of a ControlNet-LLLite, written out, on the layers of the micro UNet.</summary>
    [Fact]
    public void ALlliteAddsToWhatLayersAreGiven()
    {
        using var inference = inference_mode();
        using var generator = new Generator(4, CPU);
        using var micro = new Micro();
        using var folder = new Weights.TemporaryFolder();
        Tensor Random(params long[] shape) => randn(shape, generator: generator) * 0.2;
        const string Fine = "lllite_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q",
            Coarse = "lllite_unet_input_blocks_7_1_transformer_blocks_0_attn2_to_q";
        var weights = new Dictionary<string, Tensor>();
        foreach (var (layer, convolutions) in new[] { (Fine, (long[][])[[4, 3, 4, 4], [8, 4, 2, 2]]), (Coarse, [[4, 3, 4, 4], [4, 4, 4, 4], [8, 4, 2, 2]]) })
        {
            for (var i = 0; i < convolutions.Length; i++)
            {
                weights[$"{layer}.conditioning1.{2 * i}.weight"] = Random(convolutions[i]);
                weights[$"{layer}.conditioning1.{2 * i}.bias"] = Random(convolutions[i][0]);
            }
            foreach (var (name, outputs, inputs) in new[] { ("down", 6, 32), ("mid", 6, 14), ("up", 32, 6) })
            {
                weights[$"{layer}.{name}.0.weight"] = Random(outputs, inputs);
                weights[$"{layer}.{name}.0.bias"] = Random(outputs);
            }
        }
        var path = folder.Path("lllite.safetensors");
        SafeTensorsWriter.Write(path, weights);
        var net = Load<ControlLllite>(path, micro.UNet);
        var hint = rand([1, 3, 128, 128], generator: generator);
        var seen = net.Embed(hint);
        Tensor Convolved(Tensor x, string name, int stride) =>
            nn.functional.conv2d(x, weights[$"{Fine}.{name}.weight"], weights[$"{Fine}.{name}.bias"], [stride, stride]);
        var plain = Convolved(nn.functional.relu(Convolved(2 * hint - 1, "conditioning1.0", 4)), "conditioning1.2", 2).flatten(2).transpose(1, 2);
        Close.Relative(plain, seen[0], Tolerance, "hint");
        var x = Random(2, 256, 32);
        Tensor Layer(string name, Tensor given) => nn.functional.linear(given, weights[$"{Fine}.{name}.0.weight"], weights[$"{Fine}.{name}.0.bias"]);
        var mid = nn.functional.relu(Layer("mid", cat([plain.expand(2, -1, -1), nn.functional.relu(Layer("down", x))], dim: 2)));
        Close.Relative(x + 0.7 * Layer("up", mid), net.Before(0, x, seen[0], 0.7), Tolerance, "added");

        var layers = ControlFile.LlliteLayers(micro.UNet);
        var control = new ControlSignals
        {
            Layers = [.. net.Config.Select((part, i) => (layers[part.Layer], (Func<Tensor, Tensor>)(given => net.Before(i, given, seen[i], 1))))],
        };
        var (latents, t, context) = (Random(2, 4, 16, 16), tensor((float[])[500, 500]), Random(2, 77, 32));
        Tensor Predict(ControlSignals? signals)
        {
            using var keys = new ContextKeys(context);
            return micro.UNet.Predict(latents, t, keys, null, null, signals);
        }
        var without = Predict(null);
        Assert.True((without - Predict(control)).abs().max().item<float>() > 1e-3);
        Assert.Equal(0, (without - Predict(null)).abs().max().item<float>()); // nothing of it stays
    }

    /// <summary>Whatever names and shapes a file has, it is a network or is refused in a sentence.</summary>
    [Fact]
    public void DamagedFilesAreRefused()
    {
        using var folder = new Weights.TemporaryFolder();
        var shapes = new Weights.ShapeMutations(1);
        for (var i = 0; i < 150; i++) Weights.ShapeMutations.Survives(folder.Write($"{i}.safetensors", shapes.Next()));
    }

    private static RgbImage Picture(Tensor pixels) => new((int)pixels.shape[1], (int)pixels.shape[0], pixels.bytes.ToArray());

    private T Load<T>(string path, UNet unet) where T : nn.Module
    {
        var file = ControlFile.Open(path, unet, "the model");
        _open.Add(file);
        file.Slot.Load(new NumberFormat(ScalarType.Float32, ScalarType.Float32), CPU, null, packs: false);
        return (T)file.Network;
    }

    private UNet Unet()
    {
        var file = DiffusersFolder.OpenComponent(Folder("unet"), "");
        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys) tensors.Add(key, new Slot(file, key));
        var (config, _) = Shapes.UNet(tensors, new ModelSettings { Heads = [8] }, ModelFamily.All, "unet");
        var unet = new UNet(config);
        tensors.Load(unet, "UNet", ScalarType.Float32, CPU);
        _open.AddRange([unet, file]);
        return unet;
    }

    /// <summary>A folder of the goldens, unpacked.</summary>
    private static string Folder(string name)
    {
        var packed = Directory.GetFiles(Goldens.Path($"control/{name}"), "*.gz").Single();
        var file = Path.GetFileNameWithoutExtension(packed);
        var unpacked = Path.GetDirectoryName(Goldens.Unpacked($"control/{name}/{file}"))!;
        File.Copy(Goldens.Path($"control/{name}/config.json"), Path.Combine(unpacked, "config.json"), overwrite: true);
        return unpacked;
    }
}
