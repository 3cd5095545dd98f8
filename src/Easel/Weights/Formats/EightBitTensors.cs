namespace Easel.Weights.Formats;

/// <summary>A file whose numbers are stored as bytes, as the tools that come with Easel are: beside "X", whose values are unsigned bytes, lies "X.range"
/// with the width of a step and the least number. What is read is bytes times step plus least, in fp32, as TensorFlow.js has it.</summary>
internal sealed class EightBitTensors : TensorFile
{
    /// <summary>What follows a tensor's name in that of its step and least number.</summary>
    public const string Range = ".range";

    private readonly TensorFile _file;
    private readonly HashSet<string> _stored = [];

    private EightBitTensors(TensorFile file) : base(file.Path)
    {
        _file = file;
        (Metadata, Extras, Remarks) = (file.Metadata, file.Extras, file.Remarks);
        var tensors = new OrderedDictionary<string, TensorInfo>();
        foreach (var (name, info) in file.Tensors)
        {
            if (name.EndsWith(Range, StringComparison.Ordinal) && file.Tensors.ContainsKey(name[..^Range.Length])) continue;
            var isStored = file.Tensors.ContainsKey(name + Range);
            if (isStored) _stored.Add(name);
            tensors.Add(name, isStored ? TensorInfo.Of(ScalarType.Float32, info.Shape) with { Stored = info.Stored } : info);
        }
        Tensors = tensors;
    }

    public override IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    public override bool IsOutdated => _file.IsOutdated;

    /// <summary>The file itself where it holds no such numbers.</summary>
    /// <exception cref="CheckpointException">A range is no pair of numbers, or what it belongs to no bytes.</exception>
    public static TensorFile Over(TensorFile file)
    {
        var has = false;
        foreach (var (name, info) in file.Tensors)
        {
            if (!name.EndsWith(Range, StringComparison.Ordinal) || !file.Tensors.TryGetValue(name[..^Range.Length], out var values)) continue;
            if (info.ElementCount != 2 || info.DType != ScalarType.Float64 || values.DType != ScalarType.Byte)
                throw new CheckpointException($"'{file.Path}' has a range {Quoted.Name(name)} that is no pair of numbers of double precision beside bytes.");
            has = true;
        }
        return has ? new EightBitTensors(file) : file;
    }

    public override Tensor View(string name, int part, int parts)
    {
        if (!_stored.Contains(name)) return _file.View(name, part, parts);
        using var scope = NewDisposeScope();
        var range = _file.View(name + Range);
        return (_file.View(name, part, parts).to(ScalarType.Float64) * range[0] + range[1]).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    public override void Dispose() => _file.Dispose();
}
