using Easel.Models.Upscaling;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A file with an upscaler of the ESRGAN family.</summary>
internal static class UpscalerFile
{
    /// <summary>Loads a network: RRDBNet under BasicSR's names or the older ones, of any depth and scale, or Real-ESRGAN's compact network; bare or inside
    /// <c>params_ema</c> or <c>params</c>.</summary>
    /// <param name="path">A <c>.pth</c> or <c>.safetensors</c> file.</param>
    public static Esrgan Load(string path, ScalarType type, Device device)
    {
        using var file = TensorFile.Open(path);
        var tensors = Read(file);
        var (build, scale, unshuffle) = Recognised(tensors, path) ?? throw FileKind.IsNo(file, "upscaler of the ESRGAN family", ModelKind.Upscaler);
        var network = build();
        tensors.Load(network, "upscaler", type, device);
        return new Esrgan(network, scale, unshuffle, type, device);
    }

    /// <summary>Whether a file holds such a network.</summary>
    /// <exception cref="CheckpointException">It holds one of a kind that Easel does not know.</exception>
    public static bool IsIn(TensorFile file) => Recognised(Read(file), file.Path) is not null;

    private static StateDict Read(TensorFile file)
    {
        var names = EsrganNames.Of([.. file.Tensors.Keys]);
        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys) tensors.Add(names, key, file, key);
        return tensors;
    }

    private static (Func<Module<Tensor, Tensor>> Build, int Scale, int Unshuffle)? Recognised(StateDict tensors, string path) =>
        Rrdb(tensors, path) ?? Compact(tensors);

    private static (Func<Module<Tensor, Tensor>> Build, int Scale, int Unshuffle)? Rrdb(StateDict tensors, string path)
    {
        if (tensors.Shape("conv_first.weight") is not { Length: 4 } first) return null;
        if (tensors.Shape("body.0.rdb1.conv1.weight") is not { Length: 4 } growing) return null;
        var unshuffle = first[1] switch { 3 => 1, 12 => 2, 48 => 4, _ => 0 };
        var doublings = Enumerable.Range(1, 3).TakeWhile(i => tensors.Shape($"conv_up{i}.weight") is not null).Count();
        var scale = unshuffle == 0 ? 0 : (1 << doublings) / unshuffle;
        if (scale == 0 || tensors.Shape("conv_last.weight") is not [3, ..])
            throw new CheckpointException($"{path} is an ESRGAN upscaler of a kind that Easel does not know: its first layer takes {first[1]} channels "
                + $"(3, 12 or 48 are known) and its last gives {tensors.Shape("conv_last.weight")?.FirstOrDefault() ?? 0} (3 is known).");
        var config = new RrdbConfig(unshuffle, first[0], growing[0], tensors.CountChildren("body."), doublings);
        return (() => new RrdbNet(config), scale, unshuffle);
    }

    private static (Func<Module<Tensor, Tensor>> Build, int Scale, int Unshuffle)? Compact(StateDict tensors)
    {
        var layers = tensors.CountChildren("body.");
        if (tensors.Shape("body.0.weight") is not [var features, 3, 3, 3] || layers % 2 == 0) return null;
        if (tensors.Shape($"body.{layers - 1}.weight") is not { Length: 4 } last) return null;
        var scale = (int)Math.Round(Math.Sqrt(last[0] / 3.0));
        return last[0] == 3L * scale * scale ? (() => new CompactUpscaler(scale, features, layers / 2 - 1), scale, 1) : null;
    }
}
