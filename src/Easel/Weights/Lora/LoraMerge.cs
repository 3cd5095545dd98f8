using Easel.Models;

namespace Easel.Weights.Lora;

/// <summary>Merges LoRAs into a loaded model's weights and takes them out again. Every weight is computed from what the checkpoint says, in fp32, and rounded
/// once to the precision the model runs in: nothing adds up however often LoRAs change, and without any the weights are bit for bit what loading made them.
/// That is why the original weights are read from the checkpoint again and not kept: copies of all touched layers would hold most of the UNet a second
/// time.</summary>
/// <param name="targets">What there is to change.</param>
internal sealed class LoraMerge(LoraTargets targets)
{
    private readonly HashSet<LoraTarget> _touched = [];
    private IReadOnlyList<LoraUse> _current = [];
    private Dictionary<LoraTarget, List<LoraChange>> _changes = [];
    private IReadOnlyList<string> _remarks = [];
    private bool _isTorn; // a change failed half way, so that what is in force is not known

    /// <summary>Makes the model what its checkpoint says with the changes of these LoRAs, and of no others, added. All are checked before the first weight is
    /// touched; weights whose changes are those in force already are left alone.</summary>
    /// <param name="loras">The LoRAs; none to have the original weights back.</param> <returns>What did not fit, for a person to read.</returns>
    /// <exception cref="CheckpointException">A LoRA is for another model.</exception>
    public IReadOnlyList<string> Set(IReadOnlyList<LoraUse> loras)
    {
        if (loras.SequenceEqual(_current)) return _remarks;
        var remarks = new List<string>();
        var changes = targets.Plan(loras, remarks);

        using var inference = inference_mode();
        var outdated = _touched.Union(changes.Keys).Where(target => _isTorn || !Of(_changes, target).SequenceEqual(Of(changes, target))).ToList();
        _touched.UnionWith(changes.Keys);
        (_current, _isTorn) = ([], true);
        foreach (var target in outdated) Write(target, Of(changes, target));

        _touched.IntersectWith(changes.Keys);
        (_current, _changes, _remarks, _isTorn) = ([.. loras], changes, remarks, false);
        return remarks;
    }

    /// <summary>Makes the changes in force again in networks whose weights were loaded since.</summary>
    public void Restore(Module network)
    {
        using var inference = inference_mode();
        var layers = network.modules().OfType<Layer>().ToHashSet<Layer>(ReferenceEqualityComparer.Instance);
        foreach (var (target, changes) in _changes)
            if (layers.Contains(target.Layer)) Write(target, changes);
    }

    private static IReadOnlyList<LoraChange> Of(Dictionary<LoraTarget, List<LoraChange>> changes, LoraTarget target) =>
        changes.TryGetValue(target, out var list) ? list : [];

    /// <summary>A layer whose network is not in memory is left alone, see <see cref="Restore"/>.</summary>
    private static void Write(LoraTarget target, IReadOnlyList<LoraChange> changes)
    {
        if (target.Layer.Placement.Device.type == TorchSharp.DeviceType.META) return;
        var (type, device) = target.Layer.Placement;
        target.Layer.Provide(target.Parameter, type, device, () => target.Changed(changes, device), target.Layer.Rests);
    }
}
