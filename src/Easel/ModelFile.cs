using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using Easel.Weights.Names;

namespace Easel;

/// <summary>A network inside a checkpoint.</summary>
/// <param name="Name">"UNet", "autoencoder", "text encoder".</param>
/// <param name="Values">The number of its weights.</param>
/// <param name="Shape">Its shape in words; null where the checkpoint lacks it.</param>
public sealed record NetworkInfo(string Name, long Values, string? Shape);

/// <summary>A tensor in a model file.</summary>
/// <param name="Name">What the file calls it.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Format">Its number format as safetensors spells it: "F16".</param>
public sealed record StoredTensor(string Name, IReadOnlyList<long> Shape, string Format);

/// <summary>A model on disk, told by its tensors, none of which is read; and what can be made of it without drawing.</summary>
public sealed partial record ModelFile
{
    private ModelFile(string path, ModelKind kind) => (Path, Kind) = (path, kind);

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>What it is good for.</summary>
    public ModelKind Kind { get; private init; }

    /// <summary>What people call it: a checkpoint's family, or a phrase to follow "is"; null where nothing in it is known.</summary>
    public string? Description { get; private init; }

    /// <summary>Why it cannot be drawn with, as a sentence; null for a checkpoint that can, and for what serves a checkpoint or pictures.</summary>
    public string? Problem { get; private init; }

    /// <summary>What a checkpoint takes and decides; null for everything else.</summary>
    public ModelInfo? Model { get; private init; }

    /// <summary>The networks that a checkpoint holds or should; empty for everything else.</summary>
    public IReadOnlyList<NetworkInfo> Networks { get; private init; } = [];

    /// <summary>The number formats of its tensors; of a checkpoint those of the UNet.</summary>
    public IReadOnlyList<string> Formats { get; private init; } = [];

    /// <summary>The number of its values.</summary>
    public long Values { get; private init; }

    /// <summary>The tensors in the file's own order.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; private init; } = [];

    /// <summary>How many vectors a textual inversion has and how wide they are; null for everything else.</summary>
    public (int Count, int Width)? Vectors { get; private init; }

    /// <summary>The texts in its header, by name, as trainers write them; empty where it has none.</summary>
    public IReadOnlyDictionary<string, string> Texts { get; private init; } = new Dictionary<string, string>();

    /// <summary>The family of models that a LoRA is for; null where nothing tells, and for everything else.</summary>
    public string? For { get; private init; }

    /// <summary>What was noticed and set aside: training state, averaged copies, tensors that no network has a place for.</summary>
    public IReadOnlyList<string> Remarks { get; private init; } = [];

    /// <summary>Tells what a model is.</summary>
    /// <param name="path">A file of tensors of whatever kind, or a diffusers folder.</param>
    /// <param name="options">Where its configuration is and whether its averaged weights count; the rest plays no part. Null for the defaults.</param>
    /// <exception cref="CheckpointException">It is no file of tensors, or a damaged one; the message says what is wrong with it.</exception>
    public static ModelFile Read(string path, LoadOptions? options = null)
    {
        try
        {
            using var checkpoint = Checkpoint.Open(path, options?.Config, options?.Ema ?? false);
            return Of(checkpoint);
        }
        catch (CheckpointException unknown) when (File.Exists(path))
        {
            using var file = TensorFile.Open(path); // one that is not sound throws here again
            return Of(file, unknown.Message);
        }
    }

    /// <summary>The LoRAs that prompts can call out of folders (<see cref="LoadOptions.LoraFolders"/>): name and path of each, by name.</summary>
    /// <param name="folders">The folders; one that does not exist is an empty one.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> LorasIn(IReadOnlyList<string> folders) => NamedFiles.Loras(folders).All;

    /// <summary>The textual inversions that prompts can call out of folders (<see cref="LoadOptions.EmbeddingFolders"/>): name and path of each, by
    /// name.</summary>
    /// <param name="folders">The folders; one that does not exist is an empty one.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> EmbeddingsIn(IReadOnlyList<string> folders) => NamedFiles.Embeddings(folders).All;

    /// <summary>The networks of control in folders (<see cref="LoadOptions.ControlFolders"/>): name and path of each, by name.</summary>
    /// <param name="folders">The folders; one that does not exist is an empty one.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> ControlsIn(IReadOnlyList<string> folders) => NamedFiles.Controls(folders).All;

    /// <summary>The formats that <see cref="Convert"/> can store numbers in, by name; all but "fp32", "fp16" and "bf16" are ggml's, which GGUF alone
    /// holds.</summary>
    public static IReadOnlyList<string> WrittenFormats { get; } = [.. ModelConversion.Formats.Select(format => format.Name)];

    private static ModelFile Of(Checkpoint checkpoint)
    {
        var (values, unet) = (checkpoint.ParameterCounts, checkpoint.UNet);
        return new ModelFile(checkpoint.Path, ModelKind.Checkpoint)
        {
            Description = checkpoint.Family.Name,
            Problem = checkpoint.Problem,
            Model = ModelInfo.Of(checkpoint.Family, checkpoint.Prediction),
            Networks =
            [
                new("UNet", values.UNet,
                    $"{unet.InChannels} channels in, {unet.OutChannels} out, levels of {List(unet.Channels)}, context of {unet.ContextWidth}"),
                new("autoencoder", values.Autoencoder, checkpoint.Autoencoder is { } coder
                    ? $"{coder.LatentChannels} latent channels, {coder.Factor} pixels per latent, levels of {List(coder.Channels)}" : null),
                new("text encoder", values.Text, checkpoint.Texts.Count == 0 ? null
                    : string.Join(" and ", checkpoint.Texts.Select(text => $"{text.Config.Layers} layers of {text.Config.Width}"))),
            ],
            Formats = [.. checkpoint.StoredTypes],
            Values = values.UNet + values.Autoencoder + values.Text,
            Tensors = [.. checkpoint.Files.SelectMany(TensorsOf)],
            Remarks = [.. checkpoint.Remarks],
        };

        static string List(IEnumerable<int> channels) => string.Join(", ", channels);
    }

    private static ModelFile Of(TensorFile file, string notCheckpoint)
    {
        var known = FileKind.Of(file) is { Kind: not ModelKind.Checkpoint } found ? found : null;
        var refused = (string?)null;
        try
        {
            if (known is { Kind: ModelKind.Upscaler } && !UpscalerFile.IsIn(file)) known = null;
        }
        catch (CheckpointException why)
        {
            (known, refused) = (null, why.Message);
        }
        return new ModelFile(file.Path, known?.Kind ?? ModelKind.Other)
        {
            Description = known?.What,
            Problem = known is null ? refused ?? notCheckpoint : known.Kind == ModelKind.Other ? $"it is {known.What}." : null,
            Formats = [.. file.Tensors.Values.Select(tensor => tensor.Stored).Distinct()],
            Values = file.Tensors.Values.Sum(tensor => tensor.ElementCount),
            Tensors = [.. TensorsOf(file)],
            Vectors = known?.Kind == ModelKind.Embedding ? TextualInversion.SizeIn(file) : null,
            Remarks = file.Remarks,
            Texts = file.Metadata,
            For = known?.Kind == ModelKind.Lora ? LoraFile.FamilyIn(file) : null,
        };
    }

    private static IEnumerable<StoredTensor> TensorsOf(TensorFile file) =>
        file.Tensors.Select(tensor => new StoredTensor(tensor.Key, tensor.Value.Shape, tensor.Value.Stored));
}
