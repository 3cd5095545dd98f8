using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A model as a single safetensors file is to hold it: every tensor under the name it is to have, read when its turn comes.</summary>
internal sealed class ModelConversion : IDisposable
{
    private readonly IDisposable _owner;
    private readonly Dictionary<string, string> _metadata;
    private readonly OrderedDictionary<string, (TensorInfo Info, Source Source)> _tensors = [];
    private readonly Dictionary<string, Func<Tensor, Tensor>> _changes = [];

    private ModelConversion(IDisposable owner, string path, IReadOnlyDictionary<string, string>? metadata = null) =>
        (_owner, Path, _metadata) = (owner, path, new Dictionary<string, string>(metadata ?? new Dictionary<string, string>()));

    public string Path { get; }

    /// <summary>The names that the tensors are to have, and where each lies: in one place, or in several that are put below one another.</summary>
    public IEnumerable<(string Name, TensorInfo Info, IReadOnlyList<Slot> Slots)> Tensors =>
        _tensors.Select(tensor => (tensor.Key, tensor.Value.Info, tensor.Value.Source.Slots));

    /// <summary>Where the values of a tensor come from.</summary>
    /// <param name="Slots">One, or several that are put below one another.</param>
    /// <param name="IsTransposed">Whether a matrix is to have its sides exchanged.</param>
    private sealed record Source(IReadOnlyList<Slot> Slots, bool IsTransposed = false);

    /// <summary>Opens a model: a file keeps its names, a folder is given those of the original single file.</summary>
    /// <param name="path">A file of tensors, or a diffusers folder.</param>
    /// <param name="ema">Whether the UNet's averaged weights take the place of the live ones.</param>
    /// <exception cref="CheckpointException">It is no model, holds no averaged weights, or cannot be told in the original names.</exception>
    public static ModelConversion Of(string path, bool ema) => Directory.Exists(path) ? OfFolder(path, ema) : OfFile(path, ema);

    /// <summary>The formats that numbers can be stored in, by name. Those without a type are blocks of ggml's, which only GGUF holds.</summary>
    public static IReadOnlyList<(string Name, ScalarType? Type)> Formats { get; } =
    [
        ("fp32", ScalarType.Float32), ("fp16", ScalarType.Float16), ("bf16", ScalarType.BFloat16),
        .. GgmlType.All.Where(type => type.Narrow is not null).Select(type => (type.Name.ToLowerInvariant(), (ScalarType?)null)),
    ];

    /// <param name="output">Where to, GGUF where it ends so and safetensors otherwise; a file that is there is replaced once the new one is whole.</param>
    /// <param name="format">The name of the format to store numbers in; null for what they are stored in now.</param>
    /// <param name="onProgress">Told the share written.</param> <param name="cancel">Stops the writing; nothing is left behind.</param>
    public void Write(string output, string? format, Action<double>? onProgress, CancellationToken cancel)
    {
        var (_, floats) = Formats.FirstOrDefault(known => known.Name == format);
        if (IsGguf(output))
        {
            WriteGguf(output, floats, floats is null && format is not null ? GgmlType.Named(format.ToUpperInvariant()) : null, onProgress, cancel);
            return;
        }
        var infos = new OrderedDictionary<string, TensorInfo>();
        foreach (var (name, (info, _)) in _tensors) infos.Add(name, TensorInfo.Of(TypeOf(name, info, floats), info.Shape));
        var bytes = infos.Values.Sum(info => TensorRules.Bytes(info.Shape, StoredType.Of(info.DType)!) ?? 0);
        SafeTensorsWriter.Write(output, infos, View, _metadata, written => onProgress?.Invoke((double)written / Math.Max(1, bytes)), cancel);
    }

    /// <summary>Whether a file of that name is to be GGUF.</summary>
    public static bool IsGguf(string output) => output.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    public void Dispose() => _owner.Dispose();

    private void WriteGguf(string output, ScalarType? floats, GgmlType? blocks, Action<double>? onProgress, CancellationToken cancel)
    {
        var tensors = new OrderedDictionary<string, (GgmlType Type, long[] Shape)>();
        foreach (var (name, (info, _)) in _tensors)
        {
            var plain = TypeOf(name, info, floats);
            var type = blocks is not null && Narrows(name, info, blocks) ? blocks
                : GgmlType.Of(plain) ?? throw new CheckpointException($"GGUF has no type for {Quoted.Name(name)}, which is stored as {info.Stored}.");
            tensors.Add(name, (type, info.Shape));
        }
        var bytes = tensors.Values.Sum(tensor => tensor.Type.BytesOf(tensor.Shape)!.Value);
        GgufWriter.Write(output, tensors, View, _metadata, written => onProgress?.Invoke((double)written / Math.Max(1, bytes)), cancel);
    }

    /// <summary>Whether a tensor is stored in blocks, as stable-diffusion.cpp chooses them: rows must be whole blocks, and what costs little and matters much
    /// stays as it is.</summary>
    private static bool Narrows(string name, TensorInfo info, GgmlType blocks) =>
        info.DType is ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float64
        && name.Contains('.') && info.Shape.Length > 0 && info.ElementCount > 0 && info.Shape[^1] % blocks.Values == 0
        && !name.EndsWith(".bias", StringComparison.Ordinal)
        && !((string[])["time_embed.", "label_emb.", "embeddings.", "time_embedding.", "class_embedding."]).Any(name.Contains);

    /// <summary>What a tensor is; null where there is none of that name.</summary>
    public TensorInfo? Find(string name) => _tensors.TryGetValue(name, out var tensor) ? tensor.Info : null;

    /// <summary>A tensor as it lies in the file, in fp32.</summary>
    public Tensor Read(string name)
    {
        using var scope = NewDisposeScope();
        return Unchanged(name).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Has a tensor changed when its turn comes: it is given as it lies in the file.</summary>
    public void Change(string name, Func<Tensor, Tensor> change) =>
        _changes[name] = _changes.TryGetValue(name, out var before) ? value => change(before(value)) : change;

    /// <summary>Puts another tensor in the place of one, as it lies in its file.</summary>
    public void Replace(string name, Slot slot)
    {
        _changes.Remove(name);
        _tensors[name] = (slot.File.Tensors[slot.Key] with { Shape = _tensors[name].Info.Shape }, new([slot]));
    }

    /// <summary>Says something in the file's own words.</summary>
    public void Say(string key, string text) => _metadata[key] = text;

    private static ModelConversion OfFile(string path, bool ema)
    {
        var file = TensorFile.Open(path);
        var conversion = new ModelConversion(file, path, file.Metadata);
        if (ema && !file.Tensors.Keys.Any(key => key.StartsWith(CheckpointLayout.Averages, StringComparison.Ordinal)))
        {
            file.Dispose();
            throw new CheckpointException($"{path} holds no averaged (EMA) weights, which were asked for.");
        }
        foreach (var name in file.Tensors.Keys)
        {
            if (ema && name.StartsWith(CheckpointLayout.Averages, StringComparison.Ordinal)) continue;
            var key = ema && CheckpointLayout.Averaged(name) is { } average && file.Tensors.ContainsKey(average) ? average : name;
            conversion.Add(name, new Slot(file, key), file.Tensors[key].Shape);
        }
        return conversion;
    }

    private static ModelConversion OfFolder(string path, bool ema)
    {
        if (ema) throw new CheckpointException($"{path} holds no averaged (EMA) weights: a diffusers folder has none beside the live ones.");
        var checkpoint = Checkpoint.Open(path);
        var conversion = new ModelConversion(checkpoint, path);
        try
        {
            if (checkpoint.Family.TextEncoders.Any(text => text.IsCutByDiffusers))
                throw new CheckpointException($"{path} holds a {checkpoint.Family.Name} model; a diffusers folder lacks the last layer of its text encoder, "
                    + "without which the original file is not whole.");
            conversion.Add(CheckpointNetwork.UNet, checkpoint.UNetTensors, UNetNames.Original(checkpoint.UNet));
            if (checkpoint.Autoencoder is { } autoencoder)
                conversion.Add(CheckpointNetwork.Autoencoder, checkpoint.AutoencoderTensors, AutoencoderNames.Original(autoencoder));
            foreach (var (text, number) in checkpoint.Texts.Select((text, number) => (text, number)))
            {
                var (place, names) = CheckpointLayout.TextPlace(checkpoint.Family, number, text.Tensors.CountChildren("text_model.encoder.layers."));
                conversion.Add(place, text.Tensors, names);
            }
            return conversion;
        }
        catch
        {
            conversion.Dispose();
            throw;
        }
    }

    private void Add(CheckpointNetwork network, StateDict tensors, NameTable names)
    {
        foreach (var (own, slot) in tensors.Slots)
        {
            var (name, shape) = CheckpointLayout.ToOriginal(network, names, own, slot.Shape);
            Add(name, slot, shape);
        }
    }

    /// <summary>A text encoder, whose names may join several of our tensors in one.</summary>
    private void Add(string place, StateDict tensors, NameTable names)
    {
        foreach (var stored in tensors.Slots.Select(tensor => (tensor.Key, Slot: tensor.Value, Place: names.Place(tensor.Key)))
            .GroupBy(tensor => tensor.Place?.Name ?? tensor.Key))
        {
            var parts = stored.OrderBy(tensor => tensor.Place?.Row.Part).ToList();
            var (shape, row) = ((long[])parts[0].Slot.Shape.Clone(), parts[0].Place?.Row ?? default);
            if (row.Parts > 1 && parts.Count != row.Parts) throw new CheckpointException($"{Path} lacks a part of {Quoted.Name(stored.Key)}.");
            if (row.IsTransposed && shape is [var rows, var columns]) shape = [columns, rows];
            if (parts.Count > 1) shape[0] *= parts.Count;
            _tensors.Add(place + stored.Key, (parts[0].Slot.File.Tensors[parts[0].Slot.Key] with { Shape = shape },
                new([.. parts.Select(part => part.Slot)], row.IsTransposed)));
        }
    }

    private void Add(string name, Slot slot, long[] shape) => _tensors.Add(name, (slot.File.Tensors[slot.Key] with { Shape = shape }, new([slot])));

    private Tensor View(string name)
    {
        var value = Unchanged(name);
        return _changes.TryGetValue(name, out var change) ? change(value) : value;
    }

    private Tensor Unchanged(string name)
    {
        var (info, (slots, isTransposed)) = _tensors[name];
        var value = slots.Count == 1 ? slots[0].View() : cat([.. slots.Select(slot => slot.View())], dim: 0);
        return isTransposed ? value.t().contiguous() : value.reshape(info.Shape);
    }

    /// <summary>Lone vectors without a part of the model before their name are the training schedule's, in which fp16 would lose what matters.</summary>
    private static ScalarType TypeOf(string name, TensorInfo info, ScalarType? floats)
    {
        var isFloat = info.DType is ScalarType.Float64 or ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16;
        var isSchedule = info.Shape.Length <= 1 && !name.Contains('.');
        return isFloat && !isSchedule ? floats ?? info.DType : info.DType;
    }
}
