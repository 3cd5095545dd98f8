namespace Easel.Weights.Formats;

/// <summary>A file of named tensors, of whatever format, open and not yet read: safetensors, GGUF, or a checkpoint of PyTorch's, zip or older.
/// Opening it parses and checks everything but the values; nothing in the file is ever executed.</summary>
internal abstract class TensorFile(string path) : IDisposable
{
    /// <summary>The path as the caller gave it.</summary>
    public string Path { get; } = path;

    /// <summary>The tensors in the file's own order. Those of nested dictionaries have dotted names; those of a state dict inside have their own.</summary>
    public abstract IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The texts that a safetensors file carries.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>The plain values beside the tensors: integers (long), numbers (double), truth values and short strings, as "global_step" or "name".</summary>
    public IReadOnlyDictionary<string, object?> Extras { get; init; } = new Dictionary<string, object?>();

    /// <summary>What was knowingly left aside, for a person to read.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Whether the file at the path is another by now than the one that was opened.</summary>
    public abstract bool IsOutdated { get; }

    /// <summary>Reads the tensor called <paramref name="name"/>, on the CPU, in the type the file stores (<see cref="TensorInfo.DType"/>). The caller owns
    /// it.</summary>
    /// <exception cref="CheckpointException">The file has no such tensor, nothing can hold its type, or it was changed since it was opened.</exception>
    public Tensor View(string name) => View(name, 0, 1);

    /// <summary>Reads one of several equal parts of a tensor along its first dimension.</summary>
    /// <inheritdoc cref="View(string)"/>
    public abstract Tensor View(string name, int part, int parts);

    /// <summary>Closes the file.</summary>
    public abstract void Dispose();

    /// <summary>Opens the model file at <paramref name="path"/>. What it is, its content says; its name plays no part.</summary>
    /// <exception cref="CheckpointException">It is damaged, hostile, or something else than a model file.</exception>
    public static TensorFile Open(string path)
    {
        var file = ModelBytes.Open(path);
        try
        {
            return FileFormats.Of(file) switch
            {
                FileFormat.SafeTensors => EightBitTensors.Over(ScaledTensors.Over(SafeTensors.Read(file))),
                FileFormat.Gguf => Gguf.Read(file),
                FileFormat.TorchZip => TorchZip.Read(file),
                _ => LegacyTorch.Read(file),
            };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A part of a tensor in memory of its own.</summary>
    protected static Tensor Narrowed(Tensor whole, int part, int parts)
    {
        if (parts == 1) return whole;
        using var scope = NewDisposeScope();
        var rows = whole.shape[0] / parts;
        return whole.narrow(0, part * rows, rows).clone().MoveToOuterDisposeScope();
    }
}
