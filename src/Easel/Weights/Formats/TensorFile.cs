namespace Easel.Weights.Formats;

/// <summary>A file of named tensors, of whatever format, mapped and not yet read: safetensors, or a checkpoint of PyTorch's in its zip or its older form.
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

    /// <summary>The tensor called <paramref name="name"/>, on the CPU, in the type the file stores (<see cref="TensorInfo.DType"/>). Where the file allows it
    /// the tensor lies over the mapped file itself: it must not be written to and is valid until this object is disposed. The caller owns it.</summary>
    /// <exception cref="CheckpointException">The file has no such tensor, or nothing can hold its type.</exception>
    public abstract Tensor View(string name);

    /// <summary>Lets the system take back the memory that reading the tensor has filled. Views of it stay valid.</summary>
    public abstract void Release(string name);

    /// <summary>Closes the file; views of it are invalid from here on.</summary>
    public abstract void Dispose();

    /// <summary>Opens the model file at <paramref name="path"/>. What it is, its content says; its name plays no part.</summary>
    /// <exception cref="CheckpointException">It is damaged, hostile, or something else than a model file.</exception>
    public static TensorFile Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return FileFormats.Of(file) switch
            {
                FileFormat.SafeTensors => SafeTensors.Read(file),
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
}
