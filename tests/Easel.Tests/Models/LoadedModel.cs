using Easel.Pipeline;
using Easel.Runtime;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>The tiny models of tests/goldens, loaded through the library's own door in fp32.</summary>
internal static class LoadedModel
{
    /// <summary>The checkpoint of an area, unpacked, beside its configuration.</summary>
    public static string Path(string area, string file = "model.fp16.safetensors", string? config = "config.yaml")
    {
        var model = Goldens.Unpacked($"{area}/{file}");
        var folder = System.IO.Path.GetDirectoryName(model)!;
        CopyBeside("text_config.json", "text_config.json");
        if (config is not null) CopyBeside(config, System.IO.Path.GetFileNameWithoutExtension(model) + ".yaml");
        return model;

        void CopyBeside(string name, string to)
        {
            var (from, target) = (Goldens.Path($"{area}/{name}"), System.IO.Path.Combine(folder, to));
            if (!File.Exists(from) || File.Exists(target)) return;
            var beside = target + "." + Guid.NewGuid().ToString("N");
            File.Copy(from, beside);
            File.Move(beside, target, overwrite: true);
        }
    }

    public static DiffusionModel Load(string path, bool ema = false)
    {
        var checkpoint = Checkpoint.Open(path, ema: ema);
        return DiffusionModel.Load(checkpoint, new LoadOptions(), new NumberFormat(ScalarType.Float32, ScalarType.Float32), CPU);
    }
}
