using Easel.Models;
using Easel.Weights.Names;

namespace Easel.Weights.Lora;

/// <summary>A LoRA and how strongly it is to count.</summary>
/// <param name="Lora">The LoRA, open while it is in use.</param>
/// <param name="UNetScale">Multiplier of its changes to the UNet; 1 as trained, 0 for none, negative for the opposite.</param>
/// <param name="TextScale">Multiplier of its changes to the text encoder.</param>
internal readonly record struct LoraUse(LoraFile Lora, double UNetScale, double TextScale)
{
    /// <summary>Multipliers of the parts of the model; null where all count 1.</summary>
    public BlockWeights? Blocks { get; init; }

    /// <summary>How many of the channels between count at most; null for all.</summary>
    public int? Rank { get; init; }

    public double ScaleOf(LoraTarget target) => target.IsText ? TextScale * (Blocks?.Base ?? 1) : UNetScale * (Blocks?.Of(target.Original) ?? 1);
}

/// <summary>A change that is to be made, and how strongly.</summary>
internal readonly record struct LoraChange(LoraLayer Layer, double Scale, int? Rank);

/// <summary>A parameter that LoRAs can change, and where the checkpoint has it.</summary>
/// <param name="Description">What people call it.</param>
/// <param name="Original">The layer's name in the original layout.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Parameter">The parameter's name in it.</param>
internal sealed record LoraTarget(string Description, string Original, bool IsText, Layer Layer, string Parameter, Slot Slot)
{
    public long[] Shape { get; } = Layer.named_parameters().Single(p => p.name == Parameter).parameter.shape;

    /// <summary>The checkpoint's values with changes made to them, in fp32; as they are stored where there are none.</summary>
    public Tensor Changed(IReadOnlyList<LoraChange> changes, Device device)
    {
        using var scope = NewDisposeScope();
        var value = Slot.View().reshape(Shape);
        if (changes.Count == 0) return value.MoveToOuterDisposeScope();
        value = value.to(ScalarType.Float32, device);
        Apply(changes, value);
        return value.MoveToOuterDisposeScope();
    }

    /// <summary>Makes changes to the checkpoint's values.</summary>
    /// <param name="value">The values in fp32, of <see cref="Shape"/>; written to.</param>
    public static void Apply(IReadOnlyList<LoraChange> changes, Tensor value)
    {
        using var scope = NewDisposeScope();
        var original = changes.Any(change => change.Layer.LooksAtOriginal) ? value.clone() : value;
        foreach (var (layer, scale, rank) in changes) layer.AddTo(value, original, scale, rank);
    }

    public bool Equals(LoraTarget? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}

/// <summary>The parameters of a model that LoRAs can change, by the names that LoRAs call them.</summary>
/// <param name="slots">The model's networks; their files must stay open.</param>
/// <param name="family">What people call models of its kind.</param>
internal sealed class LoraTargets(IEnumerable<NetworkSlot> slots, string family)
{
    private readonly IReadOnlyList<Network> _networks = [.. slots.Where(slot => slot.LoraNames is not null).Select(slot => new Network(slot))];

    /// <summary>The parameters of a model that is not loaded; of its networks there are the shapes alone.</summary>
    public static LoraTargets Of(Checkpoint checkpoint)
    {
        var slots = new List<NetworkSlot>
        {
            new("UNet", new UNet(checkpoint.UNet), checkpoint.UNetTensors, loraNames: UNetNames.Original(checkpoint.UNet)),
        };
        slots.AddRange(checkpoint.Texts.Select(text =>
            new NetworkSlot("text encoder", new ClipTextModel(text.Config), text.Tensors, loraNames: new NameTable())));
        return new LoraTargets(slots, checkpoint.Family.Name);
    }

    /// <summary>Every parameter that has a matrix or a convolution, with the name that kohya-ss/sd-scripts gives its layer.</summary>
    public IEnumerable<(string Name, LoraTarget Target)> Matrices()
    {
        var texts = _networks.Where(network => network.IsText).ToList();
        return _networks.SelectMany(network =>
        {
            var prefix = !network.IsText ? "lora_unet_" : texts.Count == 1 ? "lora_te_" : $"lora_te{texts.IndexOf(network) + 1}_";
            return network.Own.Where(own => own.Target is { Parameter: "weight", Shape.Length: 2 or 4, Layer: not Models.Embedding })
                .Select(own => (prefix + own.Name.Replace('.', '_'), own.Target));
        });
    }

    /// <summary>What some LoRAs change.</summary>
    /// <param name="remarks">Told what does not fit, for a person to read.</param>
    /// <exception cref="CheckpointException">One is for another model.</exception>
    public Dictionary<LoraTarget, List<LoraChange>> Plan(IReadOnlyList<LoraUse> uses, List<string> remarks)
    {
        var changes = new Dictionary<LoraTarget, List<LoraChange>>();
        foreach (var use in uses) Plan(use, changes, remarks);
        return changes;
    }

    private void Plan(LoraUse use, Dictionary<LoraTarget, List<LoraChange>> changes, List<string> remarks)
    {
        var lora = use.Lora;
        remarks.AddRange(lora.Remarks);
        var strangers = new List<LoraLayer>();
        foreach (var layer in lora.Layers)
        {
            if (Find(layer) is not { } target)
            {
                strangers.Add(layer);
                continue;
            }
            if (!layer.Fits(target.Shape))
                throw new CheckpointException($"{Made(lora)}: its change to {target.Description} is [{string.Join(", ", layer.Shape)}], "
                    + $"and this model's {target.Parameter} there is [{string.Join(", ", target.Shape)}].");
            var scale = use.ScaleOf(target);
            if (scale == 0) continue;
            if (!changes.TryGetValue(target, out var list)) changes.Add(target, list = []);
            list.Add(new LoraChange(layer, scale, use.Rank));
        }

        if (strangers.Count == lora.Layers.Count)
            throw new CheckpointException($"{Made(lora)}: none of the {lora.Layers.Count} layers it changes is in this one (such as {strangers[0].Layer}).");
        if (strangers.Count > 0)
            remarks.Add($"{lora.Name}: {strangers.Count} of {lora.Layers.Count} layers are not in this model and were left aside "
                + $"({string.Join(", ", strangers.Take(3).Select(stranger => stranger.Layer))}{(strangers.Count > 3 ? ", ..." : "")})");
    }

    private string Made(LoraFile lora) => lora.Family is { } other && !family.StartsWith(other, StringComparison.Ordinal)
        ? $"The LoRA {lora.Name} is made for {other}, and this model is {family}"
        : $"The LoRA {lora.Name} is made for another model";

    private LoraTarget? Find(LoraLayer layer)
    {
        var texts = _networks.Where(network => network.IsText).ToList();
        var of = layer.Place switch
        {
            LoraPlace.UNet => _networks.FirstOrDefault(network => !network.IsText),
            LoraPlace.Text => texts.FirstOrDefault(),
            _ => texts.LastOrDefault(),
        };
        return of?.Find(layer.Layer, layer.Parameter);
    }

    /// <summary>The parameters of one network by the names of their layers.</summary>
    private sealed class Network
    {
        private readonly Dictionary<(string Layer, string Parameter), LoraTarget> _targets = [];

        public Network(NetworkSlot slot)
        {
            IsText = slot.Module is ClipTextModel;
            foreach (var (name, module) in slot.Module.named_modules())
            {
                if (module is not Layer layer) continue;
                var stored = slot.LoraNames!.Stored(name).Name;
                foreach (var parameter in (string[])["weight", "bias"])
                {
                    if (!slot.Tensors.Slots.TryGetValue($"{name}.{parameter}", out var place)) continue;
                    var target = new LoraTarget($"the {slot.Name}'s {name}", stored, IsText, layer, parameter, place);
                    Own.Add((name, target));
                    _targets[(name.Replace('.', '_'), parameter)] = target;
                    _targets.TryAdd((stored.Replace('.', '_'), parameter), target);
                }
            }
        }

        /// <summary>Whether it encodes text, which LoRAs tell apart from the rest.</summary>
        public bool IsText { get; }

        /// <summary>All of them, by our own names of their layers.</summary>
        public List<(string Name, LoraTarget Target)> Own { get; } = [];

        public LoraTarget? Find(string layer, string parameter) => _targets.GetValueOrDefault((layer, parameter));
    }
}
