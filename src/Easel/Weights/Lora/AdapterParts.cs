using Easel.Weights.Formats;

namespace Easel.Weights.Lora;

/// <summary>The tensors of a file that together make the change to one layer, by what they are to it ("lora_up", "alpha"), read when asked for.</summary>
internal sealed class AdapterParts(TensorFile file, string layer, IReadOnlyDictionary<string, string> keys)
{
    public TensorFile File => file;

    /// <summary>Which parts there are.</summary>
    public IEnumerable<string> Names => keys.Keys;

    public bool Has(string part) => keys.ContainsKey(part);

    /// <summary>The shape of a part; null where it is missing or empty.</summary>
    public long[]? Shape(string part) => keys.TryGetValue(part, out var key) && file.Tensors[key] is { ElementCount: > 0 } info ? info.Shape : null;

    /// <summary>A part that is one number; null where it is missing.</summary>
    /// <exception cref="CheckpointException">It is more than one.</exception>
    public double? Number(string part)
    {
        CheckNumber(part);
        if (!keys.TryGetValue(part, out var key)) return null;
        using var scope = NewDisposeScope();
        return file.View(key).to(ScalarType.Float64).item<double>();
    }

    /// <summary>That a part, where it is there, is one number.</summary>
    /// <exception cref="CheckpointException">It is more than one.</exception>
    public void CheckNumber(string part)
    {
        if (keys.TryGetValue(part, out var key) && file.Tensors[key].ElementCount != 1)
            throw new CheckpointException($"{file.Path} is damaged: {Quoted.Name(key)} is not one number.");
    }

    /// <summary>The values of a part in fp32.</summary>
    public Tensor Read(string part, Device device) => file.View(keys[part]).to(ScalarType.Float32, device);

    /// <summary>That the parts do not go together.</summary>
    public CheckpointException Misshaped() =>
        new($"{file.Path} is damaged: its parts for the layer {Quoted.Name(layer)} have shapes that do not go together "
            + $"({string.Join(", ", keys.Values.Select(key => $"[{string.Join(", ", file.Tensors[key].Shape)}]"))}).");
}

/// <summary>The values of some parts in fp32 on a device.</summary>
internal readonly record struct AdapterValues(AdapterParts Parts, Device Device)
{
    public Tensor this[string part] => Parts.Read(part, Device);

    public bool Has(string part) => Parts.Has(part);

    /// <summary>A part, or the product of the two that it is decomposed into; as a matrix.</summary>
    public Tensor Whole(string part) => Has(part) ? this[part].flatten(1) : this[part + "_a"].flatten(1).matmul(this[part + "_b"].flatten(1));
}
