using System.Text.Json;
using Easel.Models;
using Easel.Models.Control;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Benchmarks;

/// <summary>
/// Writes a model of full size with random weights as a diffusers folder in fp16: speed and memory do not depend on the values. Every weight is drawn with the
/// variance that keeps activations in range, so that fp16 and bf16 behave as they do with trained weights.
/// </summary>
internal static class RandomModel
{
    private static readonly AutoencoderConfig Pixels = new() { Channels = [128, 256, 512, 512], LatentChannels = 4, BlocksPerLevel = 2 };

    /// <summary>The folder of a model, written if it is not there yet.</summary>
    /// <param name="name">sd15, sd21, x4 or sdxl.</param>
    public static string Folder(string name)
    {
        var folder = Path.Combine(Path.GetTempPath(), "easel-benchmarks", name);
        if (File.Exists(Path.Combine(folder, "model_index.json"))) return folder;

        if (name == "sdxl") return Sdxl(folder);
        var (sd2, upscaler) = (name != "sd15", name == "x4");
        var context = sd2 ? 1024 : 768;
        AttentionLevel Level(int channels) => new(1, sd2 && !upscaler ? channels / 64 : 8, SelfAttention: !upscaler);
        var unet = upscaler
            ? new UNetConfig
            {
                InChannels = 7,
                OutChannels = 4,
                Channels = [256, 512, 512, 1024],
                BlocksPerLevel = 2,
                ContextWidth = context,
                LinearProjections = true,
                ClassCount = 1000,
                Attention = [Level(256) with { Depth = 0 }, Level(512), Level(512), Level(1024) with { SelfAttention = true }],
                MiddleAttention = Level(1024) with { SelfAttention = true },
            }
            : new UNetConfig
            {
                InChannels = 4,
                OutChannels = 4,
                Channels = [320, 640, 1280, 1280],
                BlocksPerLevel = 2,
                ContextWidth = context,
                LinearProjections = sd2,
                Attention = [Level(320), Level(640), Level(1280), Level(1280) with { Depth = 0 }],
                MiddleAttention = Level(1280),
            };
        var text = new ClipTextConfig
        {
            Vocabulary = 49408,
            Positions = 77,
            Width = context,
            FeedForwardWidth = 4 * context,
            Layers = sd2 ? 23 : 12,
            Heads = context / 64,
            Activation = sd2 ? TextActivation.Gelu : TextActivation.QuickGelu,
        };
        Write(new UNet(unet), Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors"));
        Write(new Autoencoder(upscaler ? Pixels with { Channels = [128, 256, 512] } : Pixels),
            Path.Combine(folder, "vae", "diffusion_pytorch_model.safetensors"));
        Write(new ClipTextModel(text), Path.Combine(folder, "text_encoder", "model.safetensors"));
        Json("scheduler/scheduler_config.json", new
        {
            prediction_type = sd2 ? "v_prediction" : "epsilon",
            beta_start = upscaler ? 0.0001 : 0.00085,
            beta_end = upscaler ? 0.02 : 0.012,
            beta_schedule = "scaled_linear",
        });
        Json("model_index.json", new { _class_name = "StableDiffusionPipeline" });
        return folder;

        void Json(string file, object content) => RandomModel.Json(folder, file, content);
    }

    /// <summary>A ControlNet for sd15, as diffusers lays it.</summary>
    public static string Control()
    {
        var folder = Path.Combine(Path.GetTempPath(), "easel-benchmarks", "sd15-control");
        if (Directory.Exists(folder)) return folder;
        AttentionLevel Level(int depth) => new(depth, 8, SelfAttention: true);
        var half = new UNetConfig
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [320, 640, 1280, 1280],
            BlocksPerLevel = 2,
            ContextWidth = 768,
            LinearProjections = false,
            Attention = [Level(1), Level(1), Level(1), Level(0)],
            MiddleAttention = Level(1),
        };
        Write(new ControlNet(new(half, 3, [16, 32, 96, 256])), Path.Combine(folder, "diffusion_pytorch_model.safetensors"));
        return folder;
    }

    /// <summary>A tiny autoencoder.</summary>
    public static string Tiny()
    {
        var path = Path.Combine(Path.GetTempPath(), "easel-benchmarks", "tiny.safetensors");
        if (!File.Exists(path)) Write(new TinyAutoencoder(4), path);
        return path;
    }

    /// <summary>Stable Diffusion XL, with the names of its files' fp16 variant.</summary>
    private static string Sdxl(string folder)
    {
        AttentionLevel Level(int channels, int depth) => new(depth, channels / 64, SelfAttention: true);
        Write(new UNet(new()
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [320, 640, 1280],
            BlocksPerLevel = 2,
            ContextWidth = 2048,
            LinearProjections = true,
            VectorWidth = 2816,
            Attention = [Level(320, 0), Level(640, 2), Level(1280, 10)],
            MiddleAttention = Level(1280, 10),
        }), Path.Combine(folder, "unet", "diffusion_pytorch_model.fp16.safetensors"));
        Write(new Autoencoder(Pixels), Path.Combine(folder, "vae", "diffusion_pytorch_model.fp16.safetensors"));
        foreach (var (place, width, layers, pooled) in (ReadOnlySpan<(string, int, int, int)>)
            [("text_encoder", 768, 12, 0), ("text_encoder_2", 1280, 32, 1280)])
        {
            Write(new ClipTextModel(new()
            {
                Vocabulary = 49408,
                Positions = 77,
                Width = width,
                FeedForwardWidth = 4 * width,
                Layers = layers,
                UsedLayers = layers - 1,
                Heads = width / 64,
                Activation = width == 768 ? TextActivation.QuickGelu : TextActivation.Gelu,
                PooledWidth = pooled,
            }), Path.Combine(folder, place, "model.fp16.safetensors"));
            Json(folder, place + "/config.json", new { num_attention_heads = width / 64, num_hidden_layers = layers });
        }
        Json(folder, "scheduler/scheduler_config.json", new { prediction_type = "epsilon", beta_start = 0.00085, beta_end = 0.012 });
        Json(folder, "model_index.json", new { _class_name = "StableDiffusionXLPipeline" });
        return folder;
    }

    private static void Json(string folder, string file, object content)
    {
        var path = Path.Combine(folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(content));
    }

    private static void Write(nn.Module network, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var generator = new Generator(1);
        var shapes = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.shape);
        SafeTensorsWriter.Write(path, shapes.ToDictionary(s => s.Key, s => new TensorInfo(ScalarType.Float16, s.Value, "F16")),
            name => Random(name, shapes[name], generator));
    }

    private static Tensor Random(string name, long[] shape, Generator generator)
    {
        using var scope = NewDisposeScope();
        var isNorm = shape.Length == 1;
        var inputs = shape.Skip(1).Aggregate(1L, (product, side) => product * side);
        var values = isNorm
            ? name.EndsWith("weight", StringComparison.Ordinal) ? ones(shape) : zeros(shape)
            : randn(shape, generator: generator) * (0.7 / Math.Sqrt(inputs));
        return values.to(ScalarType.Float16).MoveToOuterDisposeScope();
    }
}
