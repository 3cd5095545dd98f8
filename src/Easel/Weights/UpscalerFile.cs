using Easel.Models.Upscaling;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A file with an upscaling network.</summary>
internal static class UpscalerFile
{
    /// <summary>The makes that are known, each read off the shapes of a file's tensors; null for what is no such network.</summary>
    private static readonly Func<StateDict, string, UpscalerSpec?>[] Makes =
        [Rrdb, ResidualDense, Span, Plksr, Compact, TransformerUpscalers.SwinIr, TransformerUpscalers.Hat, TransformerUpscalers.Dat, Cugan];

    /// <summary>Loads a network of any of the makes; bare or inside one of <see cref="FileKind.Wrappers"/>.</summary>
    /// <param name="path">A <c>.pth</c> or <c>.safetensors</c> file.</param>
    public static TiledUpscaler Load(string path, ScalarType type, Device device)
    {
        using var file = TensorFile.Open(path);
        var (tensors, spec) = Recognised(file) ?? throw FileKind.IsNo(file, "upscaler of a kind that Easel knows", ModelKind.Upscaler);
        var network = spec.Build();
        tensors.Load(network, "upscaler", type, device);
        return new TiledUpscaler(network, spec, type, device);
    }

    /// <summary>Whether a file holds such a network.</summary>
    /// <exception cref="CheckpointException">It holds one of a kind that Easel does not know.</exception>
    public static bool IsIn(TensorFile file) => Recognised(file) is not null;

    private static (StateDict Tensors, UpscalerSpec Spec)? Recognised(TensorFile file)
    {
        foreach (var keys in FileKind.Unwrapped(file))
        {
            var names = EsrganNames.Of([.. keys.Select(key => key.Name)]);
            var tensors = new StateDict();
            foreach (var (name, key) in keys) tensors.Add(names, name, file, key);
            if (Makes.Select(make => make(tensors, file.Path)).FirstOrDefault(spec => spec is not null) is { } spec) return (tensors, spec);
        }
        return null;
    }

    /// <summary>ESRGAN's, under BasicSR's names or the older ones, of any depth and scale.</summary>
    private static UpscalerSpec? Rrdb(StateDict tensors, string path)
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
        return new UpscalerSpec(() => new RrdbNet(config), scale) { Multiple = unshuffle };
    }

    /// <summary>Real-ESRGAN's compact one.</summary>
    private static UpscalerSpec? Compact(StateDict tensors, string path)
    {
        var layers = tensors.CountChildren("body.");
        if (tensors.Shape("body.0.weight") is not [var features, 3, 3, 3] || layers % 2 == 0) return null;
        if (tensors.Shape($"body.{layers - 1}.weight") is not { Length: 4 } last) return null;
        return Scale(last[0]) is { } scale ? new UpscalerSpec(() => new CompactUpscaler(scale, features, layers / 2 - 1), scale) : null;
    }

    /// <summary>Those that come with Easel.</summary>
    private static UpscalerSpec? ResidualDense(StateDict tensors, string path)
    {
        if (tensors.Shape("blocks.0.convs.0.weight") is not [var growth, var features, 3, 3] || tensors.Shape("blocks.0.fuse.weight") is null) return null;
        if (tensors.Shape("up3.weight") is not [var stacked, ..] || Scale(stacked) is not { } scale) return null;
        var config = new ResidualDenseConfig(scale, features, growth, tensors.CountChildren("blocks."), tensors.CountChildren("blocks.0.convs."));
        return new UpscalerSpec(() => new ResidualDenseNet(config), scale) { Reach = config.Reach, Tile = 512 };
    }

    private static UpscalerSpec? Span(StateDict tensors, string path)
    {
        if (tensors.Shape("conv_1.sk.weight") is not [var features, 3, 1, 1] || tensors.Shape("block_1.c1_r.sk.weight") is null) return null;
        if (tensors.Shape("upsampler.0.weight") is not [var stacked, ..] || Scale(stacked) is not { } scale) return null;
        var norms = tensors.Shape("no_norm") is null;
        return new UpscalerSpec(() => new SpanNet(scale, features, norms), scale) { Reach = 21 };
    }

    /// <summary>PLKSR and RealPLKSR, but for the kinds whose kernels cannot be told and those that end in DySample.</summary>
    private static UpscalerSpec? Plksr(StateDict tensors, string path)
    {
        if (tensors.Shape("feats.0.weight") is not [var features, 3, 3, 3]) return null;
        if (tensors.Shape("feats.1.lk.conv.weight") is not [var seen, _, var kernel, _]) return null;
        var isReal = tensors.Shape("feats.1.channel_mixer.0.weight") is not null;
        var mixer = isReal ? "feats.1.channel_mixer" : "feats.1.channe_mixer";
        if (tensors.Shape(mixer + ".0.weight") is not [_, _, var first, _] || tensors.Shape(mixer + ".2.weight") is not [_, _, var second, _]) return null;
        if (tensors.Shape("to_img.offset.weight") is not null || isReal && tensors.Shape("feats.1.norm.weight") is null) return null;
        var blocks = Enumerable.Range(1, NameTable.Most).TakeWhile(i => tensors.Shape($"feats.{i}.refine.weight") is not null).Count();
        if (tensors.Shape($"feats.{blocks + (isReal ? 2 : 1)}.weight") is not [var stacked, ..] || Scale(stacked) is not { } scale) return null;
        var config = new PlksrConfig(scale, features, blocks, seen, kernel, (first, second), tensors.Shape("feats.1.attn.f.0.weight") is not null, isReal);
        return new UpscalerSpec(() => new PlksrNet(config), scale);
    }

    /// <summary>Real-CUGAN's, for any of its scales, "pro" or not.</summary>
    private static UpscalerSpec? Cugan(StateDict tensors, string path)
    {
        if (tensors.Shape("unet1.conv1.conv.0.weight") is not [var width, var inputs, 3, 3]) return null;
        if (tensors.Shape("unet1.conv_bottom.weight") is not [_, _, var kernel, _]) return null;
        var ends = tensors.Shape("conv_final.weight");
        var isFast = ends is not null && inputs == 12;
        if (inputs != (isFast ? 12 : 3) || ends is not null and not [12, ..]) return null;
        var config = new CuganConfig(ends is null ? kernel == 5 ? 3 : 2 : isFast ? 2 : 4, width, tensors.Shape("pro") is not null, isFast);
        return new UpscalerSpec(() => new CuganNet(config), config.Scale);
    }

    /// <summary>The scale of a network whose last convolution gives all the pixels of which one becomes several as channels; null where they are
    /// none.</summary>
    internal static int? Scale(long channels)
    {
        var scale = (int)Math.Round(Math.Sqrt(channels / 3.0));
        return scale is > 0 and <= 16 && channels == 3L * scale * scale ? scale : null;
    }
}
