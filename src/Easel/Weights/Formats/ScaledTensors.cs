namespace Easel.Weights.Formats;

/// <summary>A file whose weights are to be multiplied with scales that lie beside them, as ComfyUI writes eight-bit floats: "X.weight" with one number for all
/// of it, "X.scale_weight" or "X.weight_scale". The scales, and what is for arithmetic in eight bits, are no tensors of their own here.</summary>
internal sealed class ScaledTensors : TensorFile
{
    private static readonly string[] Scales = ["scale_weight", "weight_scale"];

    /// <summary>What is left aside: the scales of inputs, and marks that a file is such a one.</summary>
    private static readonly string[] Asides = ["scale_input", "input_scale", "scaled_fp8", "comfy_quant"];

    private readonly TensorFile _file;
    private readonly Dictionary<string, string> _scaleOf;

    private ScaledTensors(TensorFile file, Dictionary<string, string> scaleOf) : base(file.Path)
    {
        (_file, _scaleOf) = (file, scaleOf);
        (Metadata, Extras, Remarks) = (file.Metadata, file.Extras, file.Remarks);
        var tensors = new OrderedDictionary<string, TensorInfo>();
        foreach (var (name, info) in file.Tensors)
            if (!Scales.Contains(Last(name)) && !Asides.Contains(Last(name))) tensors.Add(name, info);
        Tensors = tensors;
    }

    public override IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The file itself where it has no scales.</summary>
    public static TensorFile Over(TensorFile file)
    {
        var scaleOf = new Dictionary<string, string>();
        foreach (var (name, info) in file.Tensors)
        {
            if (!Scales.Contains(Last(name))) continue;
            var weight = name[..^Last(name).Length] + "weight";
            if (!file.Tensors.ContainsKey(weight)) continue;
            if (info.ElementCount != 1 || info.DType is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16))
                throw new CheckpointException($"'{file.Path}' has a scale {Quoted.Name(name)} that is not one number, which Easel does not read.");
            scaleOf[weight] = name;
        }
        return scaleOf.Count == 0 ? file : new ScaledTensors(file, scaleOf);
    }

    public override bool IsOutdated => _file.IsOutdated;

    public override Tensor View(string name, int part, int parts)
    {
        if (!_scaleOf.TryGetValue(name, out var scale)) return _file.View(name, part, parts);
        using var scope = NewDisposeScope();
        return (_file.View(name, part, parts) * _file.View(scale).reshape([]).to(_file.Tensors[name].DType)).MoveToOuterDisposeScope();
    }

    public override void Dispose() => _file.Dispose();

    private static string Last(string name) => name[(name.LastIndexOf('.') + 1)..];
}
