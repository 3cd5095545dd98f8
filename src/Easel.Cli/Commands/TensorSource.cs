using Easel.Models;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Cli.Commands;

/// <summary>The tensors that a conversion writes, under the names they are to have, each read when its turn comes.</summary>
internal sealed class TensorSource : IDisposable
{
    private readonly IDisposable _owner;
    private readonly OrderedDictionary<string, (TensorInfo Info, Slot Slot)> _tensors = [];
    private Slot? _last;

    private TensorSource(IDisposable owner, IReadOnlyDictionary<string, string> metadata) => (_owner, Metadata) = (owner, metadata);

    /// <summary>Texts that the file carries.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>What there is to write.</summary>
    public IEnumerable<(string Name, TensorInfo Info)> Tensors => _tensors.Select(tensor => (tensor.Key, tensor.Value.Info));

    /// <summary>A file, under its own names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="ema">Whether the averaged weights take the place of the live ones.</param>
    /// <exception cref="CheckpointException">It is no file of tensors, or holds no averaged weights.</exception>
    public static TensorSource OfFile(string path, bool ema)
    {
        const string Averages = "model_ema.", Live = "model.";
        if (!File.Exists(path)) throw new UsageException($"There is no model at {path}.");
        var file = TensorFile.Open(path);
        var source = new TensorSource(file, file.Metadata);
        if (ema && !file.Tensors.Keys.Any(key => key.StartsWith(Averages, StringComparison.Ordinal)))
        {
            source.Dispose();
            throw new CheckpointException($"{path} holds no averaged (EMA) weights, which were asked for.");
        }
        foreach (var (name, info) in file.Tensors)
        {
            if (ema && name.StartsWith(Averages, StringComparison.Ordinal)) continue;
            var average = name.StartsWith(Live, StringComparison.Ordinal) ? Averages + name[Live.Length..].Replace(".", "") : "";
            var key = ema && file.Tensors.ContainsKey(average) ? average : name;
            source._tensors.Add(name, (file.Tensors[key], new Slot(file, key)));
        }
        return source;
    }

    /// <summary>A diffusers folder, under the names of the original single file.</summary>
    /// <exception cref="CheckpointException">It is no model that Easel knows.</exception>
    /// <exception cref="UsageException">It has no averaged weights, or cannot be told in the original names.</exception>
    public static TensorSource OfFolder(string path, bool ema)
    {
        if (ema) throw new UsageException("A diffusers folder holds no averaged (EMA) weights beside the live ones.");
        var checkpoint = Checkpoint.Open(path);
        var source = new TensorSource(checkpoint, new Dictionary<string, string>());
        try
        {
            if (checkpoint.Text is not null && checkpoint.Family.TextEncoders[0].SkippedLayers > 0)
            {
                throw new UsageException($"{path} holds a Stable Diffusion 2 model; a diffusers folder lacks the last layer of its text encoder, "
                    + "without which the original file is not whole.");
            }
            var levels = checkpoint.AutoencoderTensors.CountChildren("decoder.up_blocks.");
            foreach (var (name, slot) in checkpoint.UNetTensors.Slots)
                source.Add("model.diffusion_model." + UNetName(name, checkpoint.UNet), slot, slot.Shape);
            foreach (var (name, slot) in checkpoint.AutoencoderTensors.Slots)
            {
                var shape = AutoencoderNames.IsProjection(name) ? Convolution(slot.Shape) : slot.Shape;
                source.Add("first_stage_model." + AutoencoderNames.Original(name, levels), slot, shape);
            }
            foreach (var (name, slot) in checkpoint.TextTensors.Slots)
                source.Add("cond_stage_model.transformer." + name, slot, slot.Shape);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>The original name of a parameter of the UNet.</summary>
    public static string UNetName(string name, UNetConfig config)
    {
        var leaf = name.LastIndexOf('.');
        return OriginalNames.UNetLayer(name[..leaf], config) + name[leaf..];
    }

    /// <summary>The tensor of a name; the caller owns it.</summary>
    public Tensor View(string name)
    {
        _last?.File.Release(_last.Value.Key); // its memory would otherwise count as ours until the system is short of it
        var (info, slot) = _tensors[name];
        _last = slot;
        return slot.File.View(slot.Key).reshape(info.Shape);
    }

    public void Dispose() => _owner.Dispose();

    private void Add(string name, Slot slot, long[] shape) => _tensors.Add(name, (slot.File.Tensors[slot.Key] with { Shape = shape }, slot));

    /// <summary>The autoencoder's projections are 1x1 convolutions in the original and plain matrices in newer folders.</summary>
    private static long[] Convolution(long[] shape) => shape.Length == 2 ? [.. shape, 1, 1] : shape;
}
