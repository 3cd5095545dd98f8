using Easel.Models;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>Where the values of one parameter are: a tensor of a file, one of several equal parts of it along the first dimension, or a matrix with its sides
/// exchanged.</summary>
internal readonly record struct Slot(TensorFile File, string Key, int Part = 0, int Parts = 1, bool IsTransposed = false)
{
    public long[] Shape
    {
        get
        {
            var shape = File.Tensors[Key].Shape.ToArray();
            if (Parts > 1 && shape.Length > 0) shape[0] /= Parts;
            return IsTransposed && shape is [var rows, var columns] ? [columns, rows] : shape;
        }
    }

    /// <summary>Reads the values as they are stored.</summary>
    public Tensor View()
    {
        var stored = File.View(Key, Part, Parts);
        return IsTransposed && stored.dim() == 2 ? stored.t() : stored;
    }
}

/// <summary>The tensors of one network under the network's own parameter names, wherever and under whatever names they are stored.</summary>
internal sealed class StateDict
{
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, Slot> Slots => _slots;

    public int Count => _slots.Count;

    /// <summary>What files call the tensors that the network loaded from here had no place for.</summary>
    public IReadOnlyList<string> Strangers { get; private set; } = [];

    public void Add(string name, Slot slot) => _slots[name] = slot;

    /// <summary>Adds what our parameters have of a stored tensor. Of two that claim one parameter that of the layout's own name has it.</summary>
    /// <param name="names">How the file names the network's tensors.</param>
    /// <param name="stored">What it calls this one, without what stands before all of the network's.</param>
    /// <param name="key">The tensor to take the values from.</param>
    /// <returns>Whether the tensor has a place, or is known to need none.</returns>
    public bool Add(NameTable names, string stored, TensorFile file, string key)
    {
        var has = names.Knows(stored);
        foreach (var (name, row) in names.Own(stored))
        {
            var slot = new Slot(file, key, row.Part, row.Parts, row.IsTransposed);
            if (_slots.TryAdd(name, slot)) continue;
            if (names.Stored(name).Name == stored) _slots[name] = slot;
            has = false; // one of the two is a stranger
        }
        return has;
    }

    /// <summary>Leaves a tensor aside that the network turned out to have no place for.</summary>
    public void Remove(string name) => _slots.Remove(name);

    /// <summary>The shape of a parameter, or null where there is none of that name.</summary>
    public long[]? Shape(string name) => _slots.TryGetValue(name, out var slot) ? slot.Shape : null;

    /// <summary>How many numbers follow one another from 0 in names that go on as <paramref name="prefix"/> + number + ".".</summary>
    public int CountChildren(string prefix)
    {
        var numbers = new HashSet<int>();
        foreach (var name in _slots.Keys)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            var end = name.IndexOf('.', prefix.Length);
            if (end > 0 && int.TryParse(name.AsSpan(prefix.Length, end - prefix.Length), out var number)) numbers.Add(number);
        }
        var count = 0;
        while (numbers.Contains(count)) count++;
        return count;
    }

    public long ParameterCount => _slots.Values.Sum(slot => slot.Shape.Aggregate(1L, (product, side) => product * side));

    /// <summary>Gives every parameter of <paramref name="network"/> its values, tensor by tensor, in the asked precision and place. Nothing is loaded where one
    /// is missing or mis-shaped: the error lists them. Tensors that the network has no place for are passed over, and told by
    /// <see cref="Strangers"/>.</summary>
    /// <param name="network">A network whose parameters are still without memory.</param>
    /// <param name="what">How to call the network in an error: "UNet".</param> <param name="onTensor">Told after each tensor.</param>
    /// <param name="packs">Whether layers lay their weights out for the processor, see <see cref="Layer.Packs"/>.</param>
    /// <param name="rests">How layers' weights rest while they do not run, see <see cref="Layer.Provide"/>.</param>
    /// <exception cref="CheckpointException">The tensors do not fit the network, or a file is damaged.</exception>
    public void Load(Module network, string what, ScalarType type, Device device, Action? onTensor = null, bool packs = false,
        LayToRest? rests = null)
    {
        // A layer may have others within it, and the whole network may be one.
        var layers = network.named_modules().Append((name: "", module: network)).Where(m => m.module is Layer).DistinctBy(m => m.module)
            .Select(m => (m.name, Layer: (Layer)m.module)).ToList();
        var wanted = layers.SelectMany(l => l.Layer.named_parameters(recurse: false).Select(p =>
            (Name: l.name.Length == 0 ? p.name : $"{l.name}.{p.name}", l.Layer, Own: p.name, Shape: p.parameter.shape))).ToList();
        Check(what, wanted.Select(w => (w.Name, w.Shape)));

        foreach (var (name, layer, own, shape) in wanted)
        {
            var slot = _slots[name];
            layer.Packs = packs;
            layer.Provide(own, type, device, () => slot.View().reshape(shape), rests);
            onTensor?.Invoke();
        }
    }

    private void Check(string what, IEnumerable<(string Name, long[] Shape)> wanted)
    {
        var missing = new List<string>();
        var misshaped = new List<string>();
        var expected = new HashSet<string>();
        foreach (var (name, shape) in wanted)
        {
            expected.Add(name);
            if (Shape(name) is not { } stored) missing.Add(name);
            else if (!Fits(stored, shape)) misshaped.Add($"{_slots[name].Key} is [{string.Join(", ", stored)}] and should be [{string.Join(", ", shape)}]");
        }
        Strangers = [.. _slots.Where(s => !expected.Contains(s.Key)).Select(s => s.Value.Key)];
        if (missing.Count + misshaped.Count == 0) return;

        var file = _slots.Count > 0 ? _slots.Values.First().File.Path : "the file";
        throw new CheckpointException($"The {what} in {file} does not fit: " + string.Join("; ", new[]
        {
            Describe("missing", missing), Describe("unexpected", [.. Strangers]), Describe("mis-shaped", misshaped),
        }.Where(part => part.Length > 0)) + ".");
    }

    /// <summary>A linear layer may be stored as a 1x1 convolution and the other way round.</summary>
    private static bool Fits(long[] stored, long[] wanted) => Trim(stored).SequenceEqual(Trim(wanted));

    private static IEnumerable<long> Trim(long[] shape)
    {
        var length = shape.Length;
        while (length > 2 && shape[length - 1] == 1) length--;
        return shape.Take(length);
    }

    private static string Describe(string kind, List<string> names)
    {
        const int Shown = 12;
        if (names.Count == 0) return "";
        var more = names.Count > Shown ? $" and {names.Count - Shown} more" : "";
        return $"{names.Count} {kind} ({string.Join(", ", names.Take(Shown))}{more})";
    }
}
