using Easel.Models;

namespace Easel.Weights.Lora;

/// <summary>A LoRA and how strongly it is to count.</summary>
/// <param name="Lora">The LoRA, open while it is in use.</param>
/// <param name="UNetScale">Multiplier of its changes to the UNet; 1 as trained, 0 for none, negative for the opposite.</param>
/// <param name="TextScale">Multiplier of its changes to the text encoder.</param>
internal readonly record struct LoraUse(LoraFile Lora, double UNetScale, double TextScale);

/// <summary>Merges LoRAs into a model's weights and takes them out again. Every weight is computed from what the checkpoint says, in fp32, and rounded once to
/// the precision the model runs in: nothing adds up however often LoRAs change, and without any the weights are bit for bit what loading made them. That is why
/// the original weights are read from the checkpoint again and not kept: the file is mapped and costs no memory, while copies of all touched layers would hold
/// most of the UNet a second time.</summary>
internal sealed class LoraMerge
{
    private readonly IReadOnlyList<Network> _networks;
    private readonly HashSet<Target> _touched = [];
    private IReadOnlyList<LoraUse> _current = [];
    private Dictionary<Target, List<(LoraLayer Layer, double Scale)>> _changes = [];
    private IReadOnlyList<string> _remarks = [];

    /// <summary>Prepares a model that was loaded from these tensors; their files must stay open.</summary>
    public LoraMerge(IEnumerable<NetworkSlot> slots) => _networks = [.. slots.Where(slot => slot.LoraNames is not null).Select(slot => new Network(slot))];

    /// <summary>Makes the model what its checkpoint says with the changes of these LoRAs, and of no others, added. All are checked before the first weight is
    /// touched.</summary>
    /// <param name="loras">The LoRAs; none to have the original weights back.</param> <returns>What did not fit, for a person to read.</returns>
    /// <exception cref="CheckpointException">A LoRA is for another model.</exception>
    public IReadOnlyList<string> Set(IReadOnlyList<LoraUse> loras)
    {
        if (loras.SequenceEqual(_current)) return _remarks;
        var remarks = new List<string>();
        var changes = new Dictionary<Target, List<(LoraLayer Layer, double Scale)>>();
        foreach (var use in loras) Plan(use, changes, remarks);

        using var inference = inference_mode();
        var outdated = _touched.Union(changes.Keys).ToList();
        _touched.UnionWith(changes.Keys); // also of a change that fails half way
        _current = [];
        foreach (var target in outdated) target.Write(changes.GetValueOrDefault(target) ?? []);

        _touched.IntersectWith(changes.Keys);
        (_current, _changes, _remarks) = ([.. loras], changes, remarks);
        return remarks;
    }

    /// <summary>Makes the changes in force again in networks whose weights were loaded since.</summary>
    public void Restore(Module network)
    {
        using var inference = inference_mode();
        var layers = network.modules().OfType<Layer>().ToHashSet<Layer>(ReferenceEqualityComparer.Instance);
        foreach (var (target, changes) in _changes)
            if (layers.Contains(target.Layer)) target.Write(changes);
    }

    private void Plan(LoraUse use, Dictionary<Target, List<(LoraLayer, double)>> changes, List<string> remarks)
    {
        var lora = use.Lora;
        remarks.AddRange(lora.Remarks);
        var strangers = new List<LoraLayer>();
        foreach (var layer in lora.Layers)
        {
            var found = _networks.Where(network => network.IsText == layer.IsText).Select(network => network.Find(layer.Layer));
            if (found.FirstOrDefault(one => one is not null) is not { } target)
            {
                strangers.Add(layer);
                continue;
            }
            if (!target.Takes(layer.Shape))
                throw new CheckpointException($"The LoRA {lora.Name} is made for another model: "
                    + $"its change to {target.Description} is [{string.Join(", ", layer.Shape)}], "
                    + $"and this model's weight there is [{string.Join(", ", target.Shape)}].");
            var scale = layer.IsText ? use.TextScale : use.UNetScale;
            if (scale == 0) continue;
            if (!changes.TryGetValue(target, out var list)) changes.Add(target, list = []);
            list.Add((layer, scale));
        }

        if (strangers.Count == lora.Layers.Count)
            throw new CheckpointException($"The LoRA {lora.Name} is made for another model: "
                + $"none of the {lora.Layers.Count} layers it changes is in this one (such as {strangers[0].Layer}).");
        if (strangers.Count > 0)
            remarks.Add($"{lora.Name}: {strangers.Count} of {lora.Layers.Count} layers are not in this model and were left aside "
                + $"({strangers[0].Layer}{(strangers.Count > 1 ? ", ..." : "")})");
    }

    /// <summary>The layers of a network that have weights to change, by the names that LoRAs call them.</summary>
    private sealed class Network
    {
        private readonly Dictionary<string, Target> _targets = new(StringComparer.Ordinal);

        public Network(NetworkSlot slot)
        {
            IsText = slot.Module is ClipTextModel;
            foreach (var (name, module) in slot.Module.named_modules())
            {
                if (module is not Layer layer || slot.Tensors.Shape(name + ".weight") is not { Length: > 1 }) continue; // a norm has but a row
                var target = new Target($"{slot.Name}'s {name}", layer, slot.Tensors.Slots[name + ".weight"]);
                _targets[name.Replace('.', '_')] = target;
                _targets.TryAdd(slot.LoraNames!.Stored(name).Name.Replace('.', '_'), target);
            }
        }

        /// <summary>Whether it encodes text, which LoRAs tell apart from the rest.</summary>
        public bool IsText { get; }

        public Target? Find(string layer) => _targets.GetValueOrDefault(layer);
    }

    /// <summary>The weight of one layer and where the checkpoint has it.</summary>
    private sealed class Target(string description, Layer layer, Slot original)
    {
        public string Description => "the " + description;

        public Layer Layer => layer;

        public long[] Shape { get; } = layer.named_parameters().Single(p => p.name == "weight").parameter.shape;

        /// <summary>Whether a change of that shape can be added: a linear layer's may be written as that of a 1x1 convolution, and the other way
        /// round.</summary>
        public bool Takes(long[] change)
        {
            var own = Shape;
            return change[0] == own[0] && change[1] == own[1] && Kernel(change).SequenceEqual(Kernel(own));

            static IEnumerable<long> Kernel(long[] shape) => shape.Length == 4 ? shape[2..] : [1, 1];
        }

        /// <summary>A layer whose network is not in memory is left alone, see <see cref="Restore"/>.</summary>
        public void Write(IReadOnlyList<(LoraLayer Layer, double Scale)> changes)
        {
            if (layer.Placement.Device.type == TorchSharp.DeviceType.META) return;
            using var scope = NewDisposeScope();
            var (shape, (type, device)) = (Shape, layer.Placement);
            var weight = original.View().reshape(shape);
            if (changes.Count > 0)
            {
                weight = weight.to(ScalarType.Float32, device, copy: true);
                foreach (var (change, scale) in changes) weight.add_(change.Change(device).reshape(shape), scale);
            }
            layer.Assign("weight", weight.to(type, device, copy: true).contiguous().DetachFromDisposeScope());
            original.File.Release(original.Key);
        }
    }
}
