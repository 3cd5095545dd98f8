using Easel.Weights.Formats;

namespace Easel.Weights.Lora;

/// <summary>The difference of two checkpoints as a LoRA: of each layer's difference the part of a given rank that leaves least over (Eckart and Young), by the
/// eigenvectors of its smaller Gram matrix, which is far less work than the whole singular value decomposition and gives the same.</summary>
internal sealed class LoraExtraction(Checkpoint tuned, Checkpoint original, int rank)
{
    private readonly OrderedDictionary<string, (LoraTarget Tuned, LoraTarget Original)> _layers = [];
    private (string Name, Tensor Down, Tensor Up)? _last;

    /// <summary>Writes the LoRA in the names of kohya-ss/sd-scripts.</summary>
    /// <param name="output">Where to; a file that is there is replaced once the new one is whole.</param>
    /// <exception cref="CheckpointException">The two are not of one shape, or do not differ.</exception>
    public void Write(string output, ScalarType type, Action<double>? onProgress, CancellationToken cancel)
    {
        FindLayers(cancel);
        var infos = new OrderedDictionary<string, TensorInfo>();
        foreach (var (name, (target, _)) in _layers)
        {
            long[] kernel = target.Shape.Length == 4 ? target.Shape[2..] : [], one = [.. kernel.Select(_ => 1L)];
            var own = RankOf(target.Shape);
            infos.Add(name + ".alpha", TensorInfo.Of(type, []));
            infos.Add(name + ".lora_down.weight", TensorInfo.Of(type, [own, target.Shape[1], .. kernel]));
            infos.Add(name + ".lora_up.weight", TensorInfo.Of(type, [target.Shape[0], own, .. one]));
        }
        var done = 0;
        var metadata = new Dictionary<string, string>
        {
            ["ss_network_module"] = "networks.lora",
            ["ss_network_dim"] = $"{rank}",
            ["ss_output_name"] = Path.GetFileNameWithoutExtension(output),
        };
        try
        {
            SafeTensorsWriter.Write(output, infos, name => Open(name, infos[name].Shape), metadata, _ => onProgress?.Invoke((double)++done / infos.Count),
                cancel);
        }
        finally
        {
            Forget();
        }
    }

    private void FindLayers(CancellationToken cancel)
    {
        var before = LoraTargets.Of(original).Matrices().ToDictionary(layer => layer.Name, layer => layer.Target);
        foreach (var (name, target) in LoraTargets.Of(tuned).Matrices())
        {
            cancel.ThrowIfCancellationRequested();
            if (!before.TryGetValue(name, out var old) || !old.Shape.SequenceEqual(target.Shape))
                throw new CheckpointException($"{tuned.Path} is a {tuned.Family.Name} model and {original.Path} a {original.Family.Name} model; "
                    + $"a LoRA is made of two models of one shape ({target.Description} is [{string.Join(", ", target.Shape)}] "
                    + $"in {Path.GetFileName(tuned.Path)} and {(old is null ? "missing" : $"[{string.Join(", ", old.Shape)}]")} "
                    + $"in {Path.GetFileName(original.Path)}).");
            using var scope = NewDisposeScope();
            if (Difference(target, old).count_nonzero().item<long>() > 0) _layers.Add(name, (target, old));
        }
        if (_layers.Count == 0) throw new CheckpointException($"{tuned.Path} and {original.Path} do not differ in any layer that a LoRA could change.");
    }

    private Tensor Open(string name, long[] shape)
    {
        var layer = name[..name.IndexOf('.')];
        if (name.EndsWith(".alpha", StringComparison.Ordinal)) return tensor((float)RankOf(_layers[layer].Tuned.Shape));
        if (_last?.Name != layer)
        {
            Forget();
            var (down, up) = Decompose(_layers[layer].Tuned, _layers[layer].Original);
            _last = (layer, down, up);
        }
        return (name.EndsWith(".lora_up.weight", StringComparison.Ordinal) ? _last!.Value.Up : _last!.Value.Down).reshape(shape);
    }

    private (Tensor Down, Tensor Up) Decompose(LoraTarget target, LoraTarget before)
    {
        using var scope = NewDisposeScope();
        var difference = Difference(target, before).flatten(1).to(ScalarType.Float64);
        var (count, isWide) = (RankOf(target.Shape), difference.shape[0] <= difference.shape[1]);
        var gram = isWide ? difference.matmul(difference.t()) : difference.t().matmul(difference);
        var vectors = linalg.eigh(gram).Item2; // by rising eigenvalue
        vectors = vectors.narrow(1, vectors.shape[1] - count, count);
        var (down, up) = isWide ? (vectors.t().matmul(difference), vectors) : (vectors.t(), difference.matmul(vectors));
        return (down.to(ScalarType.Float32).contiguous().DetachFromDisposeScope(), up.to(ScalarType.Float32).contiguous().DetachFromDisposeScope());
    }

    private static Tensor Difference(LoraTarget target, LoraTarget before) =>
        target.Changed([], CPU).to(ScalarType.Float32).sub_(before.Changed([], CPU).to(ScalarType.Float32));

    private long RankOf(long[] shape) => Math.Min(rank, Math.Min(shape[0], shape.Skip(1).Aggregate(1L, (product, side) => product * side)));

    private void Forget()
    {
        _last?.Down.Dispose();
        _last?.Up.Dispose();
        _last = null;
    }
}
