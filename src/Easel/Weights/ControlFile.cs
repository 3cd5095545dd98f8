using Easel.Models;
using Easel.Models.Control;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using Linear = Easel.Models.Linear;

namespace Easel.Weights;

/// <summary>A file or a folder with a network that steers a UNet: a ControlNet, one that knows several kinds of hints (union), a T2I-Adapter or an IP-Adapter.
/// What it is and its shape are read off its tensors; what they do not say, the UNet that it is to steer does.</summary>
internal sealed class ControlFile : IDisposable
{
    private const string OriginalPrefix = "control_model.", AdapterPrefix = "adapter.", Embedding = "controlnet_cond_embedding.conv_in.weight";

    private readonly TensorFile _file;

    private ControlFile(string path, TensorFile file, UNet unet, string model)
    {
        (Path, _file) = (path, file);
        var names = file.Tensors.Keys.ToList();
        if (names.Any(name => name.StartsWith("lora_controlnet", StringComparison.Ordinal)))
            throw new CheckpointException($"{path} is a Control-LoRA, which Easel does not use; a ControlNet of its own does the same.");
        (What, Network, var tensors) = names switch
        {
            _ when names.Contains(Embedding) => ControlNet(Read("", ControlNames.Diffusers), unet),
            _ when names.Contains(OriginalPrefix + "input_hint_block.0.weight") => ControlNet(Read(OriginalPrefix, ControlNames.Original), unet),
            _ when names.Contains("input_hint_block.0.weight") => ControlNet(Read("", ControlNames.Original), unet),
            _ when ControlNames.LlliteLayers(names) is { Count: > 0 } layers => Lllite(Read("", ControlNames.LlliteParts), layers),
            _ when names.Any(IsPicturePrompt) => IpAdapter(Read("", ControlNames.IpAdapter)),
            _ when names.Any(name => name.EndsWith("body.0.block1.weight", StringComparison.Ordinal)
                || name.EndsWith("body.0.resnets.0.block1.weight", StringComparison.Ordinal)
                || name.EndsWith("body.0.body.0.block1.weight", StringComparison.Ordinal)) => Adapter(names),
            _ => throw FileKind.IsNo(file, "network of control (ControlNet, ControlNet-LLLite, T2I-Adapter or IP-Adapter)", ModelKind.Control),
        };
        Slot = new NetworkSlot(What, Network, tensors) { Steers = true };
        if (WhyNot(unet) is { } mismatch) throw new CheckpointException($"{path} is {Article(What)} {What} for {mismatch}, and {model}.");
    }

    public string Path { get; }

    /// <summary>Its name: the file's without its ending.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(Path));

    /// <summary>What people call its kind: "ControlNet".</summary>
    public string What { get; }

    public Module Network { get; }

    public NetworkSlot Slot { get; }

    /// <summary>Opens a file, or a folder in the layout of diffusers. Nothing of it is loaded.</summary>
    /// <param name="unet">The UNet that it is to steer.</param> <param name="model">What that is, for an error: "m.ckpt is of Stable Diffusion 1".</param>
    /// <exception cref="CheckpointException">It is no such network, or one for UNets of another shape.</exception>
    public static ControlFile Open(string path, UNet unet, string model)
    {
        var file = Directory.Exists(path) ? DiffusersFolder.OpenComponent(path, "") : TensorFile.Open(path);
        try
        {
            return new ControlFile(path, file, unet, model);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Slot.Dispose();
        _file.Dispose();
    }

    private static bool IsPicturePrompt(string name) => name.StartsWith("ip_adapter.", StringComparison.Ordinal);

    private static string Article(string what) => what.StartsWith('I') ? "an" : "a";

    private StateDict Read(string prefix, Func<IReadOnlyCollection<string>, NameTable> namesOf)
    {
        var keys = _file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        var (tensors, names) = (new StateDict(), namesOf([.. keys.Select(key => key[prefix.Length..])]));
        foreach (var key in keys) tensors.Add(names, key[prefix.Length..], _file, key);
        return tensors;
    }

    private (string, Module, StateDict) ControlNet(StateDict tensors, UNet unet)
    {
        var config = ControlShapes.ControlNet(tensors, unet.Config, Path);
        return (config.Union is null ? "ControlNet" : "union ControlNet", new ControlNet(config), tensors);
    }

    private (string, Module, StateDict) Adapter(IReadOnlyCollection<string> names)
    {
        var prefix = names.All(name => name.StartsWith(AdapterPrefix, StringComparison.Ordinal)) ? AdapterPrefix : "";
        // TencentARC's full adapters have one row of blocks, in which a level begins where there is a convolution for more channels, or after two blocks.
        var tensors = Read(prefix, inner => ControlNames.Adapter(inner, blocks: 2));
        return ("T2I-Adapter", new T2iAdapter(ControlShapes.Adapter(tensors, Path)), tensors);
    }

    private (string, Module, StateDict) Lllite(StateDict tensors, IReadOnlyList<string> layers) =>
        ("ControlNet-LLLite", new ControlLllite(ControlShapes.Lllite(tensors, layers, Path)), tensors);

    /// <summary>The layers of a UNet by the names that files of ControlNet-LLLites have for them.</summary>
    public static IReadOnlyDictionary<string, Linear> LlliteLayers(UNet unet)
    {
        var names = UNetNames.Original(unet.Config);
        return unet.named_modules().Where(inner => inner.module is Linear)
            .ToDictionary(inner => names.Stored(inner.name).Name.Replace('.', '_'), inner => (Linear)inner.module);
    }

    private (string, Module, StateDict) IpAdapter(StateDict tensors) => ("IP-Adapter", new IpAdapter(ControlShapes.IpAdapter(tensors, Path)), tensors);

    /// <summary>For what other UNets the network is made; null where it is made for one of this shape.</summary>
    private string? WhyNot(UNet unet)
    {
        var own = unet.Config;
        return Network switch
        {
            ControlNet { Config.Encoder: var made } => made.ContextWidth == own.ContextWidth && made.VectorWidth == own.VectorWidth
                && made.Channels.SequenceEqual(own.Channels) && made.BlocksPerLevel == own.BlocksPerLevel ? null : ControlShapes.FamilyOf(made),
            T2iAdapter { Config: var made } => made.Channels.Take(own.Channels.Count).SequenceEqual(own.Channels)
                && made.Shrink == (own.Attention[0].Depth == 0 ? 16 : 8)
                ? null : $"{(made.Shrink == 16 ? "Stable Diffusion XL" : "Stable Diffusion 1")} (levels of {string.Join(", ", made.Channels)})",
            IpAdapter { Config: var made } => made.ContextWidth == own.ContextWidth
                && made.LayerWidths.SequenceEqual(unet.CrossAttentions.Select(layer => layer.Width))
                ? null : ControlShapes.FamilyOf(made),
            ControlLllite { Config: var parts } => LlliteLayers(unet) is var layers && parts.All(part => layers.TryGetValue(part.Layer, out var layer)
                && layer.Inputs == part.Inputs) ? null : $"another model ({parts.Count} layers, the first of them of {parts[0].Inputs})",
            _ => null,
        };
    }
}
