using System.Text.Json;
using Easel.Models;
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
    /// <param name="name">sd15, sd21 or x4.</param>
    public static string Folder(string name)
    {
        var folder = Path.Combine(Path.GetTempPath(), "easel-benchmarks", name);
        if (File.Exists(Path.Combine(folder, "model_index.json"))) return folder;

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

        void Json(string file, object content)
        {
            var path = Path.Combine(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, JsonSerializer.Serialize(content));
        }
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
