using System.Text;
using Easel.Farm;
using Easel.Hub;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Tests.Weights;
using Easel.Text;
using Easel.Text.Prompts;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using static TorchSharp.torch;

namespace Easel.Tests.Fuzzing;

/// <summary>The table of readers that are fed damaged input, by the tests a little and by tests/Easel.Fuzz a lot. To add a reader, add a row: what is sound,
/// how it is damaged, and how it is read.</summary>
internal sealed class FuzzedReaders(string goldens, int seed) : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"easel-fuzz-{Guid.NewGuid():N}");
    private readonly Lazy<Mutations> _models = new(() => new Mutations(goldens, seed));
    private readonly Lazy<ShapeMutations> _networks = new(() => new ShapeMutations(seed));
    private readonly ClipTokenizer _tokenizer = new();

    public IReadOnlyList<FuzzedReader> All =>
    [
        new("model", _ => _models.Value.Next(), bytes => Mutations.Survives(Written(bytes))),
        FuzzedReader.Of("gguf", Samples.Ggufs, (damage, sound) => damage.Bytes(sound), bytes => Read(Written(bytes))),
        FuzzedReader.Of("embedding", Samples.Embeddings, (damage, sound) => damage.Bytes(sound), bytes => TextualInversion.Read(Written(bytes)).Dispose()),
        FuzzedReader.Of("parts", [Samples.Parts], (damage, sound) => damage.Bytes(sound), bytes => Opened(Written(bytes), bytes.Length % 4)),
        FuzzedReader.Of("adapter", Adapters, (damage, sound) => damage.Bytes(sound), bytes => Merged(Written(bytes))),
        FuzzedReader.Of("tool", [Samples.Tool], (damage, sound) => damage.Bytes(sound), bytes => Viewed(Written(bytes))),
        FuzzedReader.Of("upscaler", [.. Samples.Upscalers(goldens), .. Samples.Restorers], (damage, sound) => damage.Bytes(sound),
            bytes => Enlarging(Written(bytes))),
        new("control", _ => _networks.Value.Next(), bytes => ShapeMutations.Survives(Written(bytes))),
        FuzzedReader.Of("picture", Pictures, (damage, sound) => damage.Picture(sound), bytes => ImageFile.Load(new MemoryStream(bytes), "case")),
        FuzzedReader.Of("metadata", Pictures, (damage, sound) => damage.Picture(sound),
            bytes => Told(ImageFile.ReadMetadata(new MemoryStream(bytes), "case"))),
        FuzzedReader.Of("exif", [Exif.Build(Metadata(Samples.Infotext)), Exif.Build(new ImageMetadata("short"))], (damage, sound) => damage.Bytes(sound),
            bytes => Told(new ImageMetadata(Exif.Parse(bytes).UserComment))),
        FuzzedReader.Of("infotext", Utf8(Samples.Infotexts), (damage, sound) => damage.Utf8(sound, Samples.SettingWords),
            bytes => Told(new ImageMetadata(Encoding.UTF8.GetString(bytes)))),
        FuzzedReader.Of("settings", Utf8(Samples.OtherPrograms.Select(sample => sample.Key + "\n" + sample.Value)),
            (damage, sound) => damage.Utf8(sound, Samples.SettingWords), bytes => Told(Keyed(Encoding.UTF8.GetString(bytes)))),
        FuzzedReader.Of("comfy", Utf8(Samples.Graphs), (damage, sound) => damage.Json(sound, Samples.GraphWords),
            bytes => Graphed(Encoding.UTF8.GetString(bytes))),
        FuzzedReader.Of("yaml", Utf8(Samples.Yamls), (damage, sound) => damage.Utf8(sound, Samples.YamlWords), bytes => SettingsFile.Yaml(Written(bytes))),
        FuzzedReader.Of("paths", Utf8(Samples.ExtraPaths), (damage, sound) => damage.Utf8(sound, Samples.PathWords),
            bytes => ExtraModelPaths.Read(Written(bytes))),
        FuzzedReader.Of("config", Utf8(Samples.Configs), (damage, sound) =>
            damage.Random.Next(2) == 0 ? damage.Utf8(sound, Samples.JsonWords) : damage.Json(sound, Samples.ConfigNames), Configured),
        FuzzedReader.Of("prompt", Utf8(Samples.Prompts), (damage, sound) => damage.Utf8(sound, Samples.PromptWords),
            bytes => Parsed(Encoding.UTF8.GetString(bytes))),
        new("farm", damage => damage.Random.Next(4) == 0 ? damage.Bytes(FarmFrame.Of(damage.Any(FarmNews), [1, 2, 3]))
            : FarmFrame.Of(damage.Json(damage.Any(FarmNews), "version", "outcome", "job"), [1, 2, 3]), bytes => FarmFrame.Read<FarmResult>(bytes) is { } result
                && result.Record.Job.Length > 0
            || FarmFrame.Read<FarmProgress>(bytes) is { } progress && progress.Record.Job.Length > 0),
        new("farm-record", damage => damage.Json(damage.Any(FarmRecords), "version", "needs", "models", "stamp"), bytes =>
            FarmProtocol.Read<FarmTask>(bytes) is { } task && task.Needs.ClassId.Length > 0 && task.Inputs.Count >= 0
            || FarmProtocol.Read<FarmWorkerInfo>(bytes) is { } worker && Needs.LackOf(worker) is not ""),
    ];

    private static FarmNeeds Needs { get; } = new(new FarmFile("a", "0123456789abcdef"), 1L << 30, [new FarmFile("b", "fedcba9876543210")]);

    private static IReadOnlyList<byte[]> FarmNews { get; } =
    [
        FarmProtocol.Write(new FarmResult("0123456789abcdef", 1, FarmOutcome.Done, "w") { Index = 1, Sha256 = "00", Remarks = ["said"] }),
        FarmProtocol.Write(new FarmProgress("0123456789abcdef", 1, "w", "sampling", 3, 20, 0.1, 7)),
    ];

    private static IReadOnlyList<byte[]> FarmRecords { get; } =
    [
        FarmProtocol.Write(new FarmTask("0123456789abcdef", 2, 1, Needs, "{}", [new FarmInput("init", "x-init", "00")])),
        FarmProtocol.Write(new FarmWorkerInfo { Id = "w-1", Name = "w", Memory = 1L << 33, Models = [Needs.Model], Others = Needs.Others, Rate = 1.5 }),
    ];

    public void Dispose()
    {
        File.Delete(_path);
        if (Directory.Exists(_path + ".folder")) Directory.Delete(_path + ".folder", recursive: true);
    }

    private IReadOnlyList<byte[]> Pictures { get; } = Samples.Pictures(goldens);

    private IReadOnlyList<byte[]> Adapters { get; } = Samples.Adapters(goldens);

    private string Written(byte[] bytes)
    {
        File.Delete(_path); // a file written over is flushed to the disk, and a new one is not
        File.WriteAllBytes(_path, bytes);
        return _path;
    }

    /// <summary>A damaged file as one of the tools that come with Easel, whose numbers are bytes with a range.</summary>
    private static void Viewed(string path)
    {
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(path);
        _ = UpscalerFile.IsIn(file);
        foreach (var (name, info) in file.Tensors)
            if (info.ElementCount < 10_000) _ = file.View(name);
    }

    /// <summary>A damaged file as an upscaler or a face restorer, of which most of the tensors are missing.</summary>
    private static void Enlarging(string path)
    {
        using var scope = NewDisposeScope();
        try
        {
            using var file = TensorFile.Open(path);
            if (FaceMenderFile.NameIn(file) is not null) FaceMenderFile.Load(file, ScalarType.Float32, CPU).Dispose();
            else UpscalerFile.Load(path, ScalarType.Float32, CPU).Dispose();
        }
        catch (CheckpointException e) when (e.Message.Contains("does not fit", StringComparison.Ordinal))
        {
            // The network was known and built, and all but what tells its shape is missing.
        }
    }

    /// <summary>A damaged file as a model, or as one of the parts that are named apart.</summary>
    private static void Opened(string path, int part)
    {
        if (part == 0) Checkpoint.Open(path).Dispose();
        else if (part == 1) TextEncoderFile.Open(path).Dispose();
        else if (part == 2) VaeFile.Open(path).Dispose();
        else
        {
            using var file = TensorFile.Open(path);
            _ = (FewSteps.OfLora(file), FileKind.Of(file));
        }
    }

    /// <summary>Every tensor of a file, to its last value.</summary>
    private static void Read(string path)
    {
        using var file = TensorFile.Open(path);
        foreach (var name in file.Tensors.Keys)
        {
            using var scope = NewDisposeScope();
            _ = file.View(name).sum();
        }
    }

    /// <summary>A graph in both of its forms, of which a file may hold one where the other belongs.</summary>
    private static void Graphed(string graph)
    {
        Told(new ImageMetadata((string?)null) { Others = [new("prompt", graph), new("workflow", graph)] });
        Told(new ImageMetadata((string?)null) { Others = [new("workflow", graph)] });
    }

    /// <summary>The same damaged text stands for all the settings of a model in the diffusers layout.</summary>
    private void Configured(byte[] text)
    {
        var folder = _path + ".folder";
        foreach (var name in (string[])["text_encoder/config.json", "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"])
        {
            Directory.CreateDirectory(Path.Combine(folder, Path.GetDirectoryName(name)!));
            File.WriteAllBytes(Path.Combine(folder, name), text);
        }
        _ = ModelSettings.InFolder(folder);
    }

    /// <summary>Every change that the file tells of is made, to a parameter that it fits; the words it brings are read.</summary>
    private static void Merged(string path)
    {
        using var scope = NewDisposeScope();
        using var lora = LoraFile.Open(path);
        foreach (var layer in lora.Layers)
        {
            var shape = layer.Shape.Select(side => side == -1 ? 4 : side).ToArray();
            if (shape.Aggregate(1.0, (product, side) => product * side) > 1 << 20 || !layer.Fits(shape)) continue;
            using var parameter = ones(shape);
            layer.AddTo(parameter, parameter.clone(), 0.5, 2);
        }
        foreach (var word in lora.Words) lora.Word(word).Dispose();
    }

    private static ImageMetadata Metadata(string parameters) => new(parameters) { Others = [new("Software", "Easel"), new("Artist", "somebody")] };

    private static byte[][] Utf8(IEnumerable<string> texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    /// <summary>The first line is the name under which the rest stands in the file.</summary>
    private static ImageMetadata Keyed(string text)
    {
        var end = text.IndexOf('\n');
        var (key, value) = end < 0 ? ("prompt", text) : (text[..end], text[(end + 1)..]);
        return key == "parameters" ? new ImageMetadata(value) : new ImageMetadata((string?)null) { Others = [new("Software", "NovelAI"), new(key, value)] };
    }

    private static void Told(ImageMetadata metadata)
    {
        if (metadata.Parameters is { } text) _ = Infotext.Parse(text).ToString();
        if (PictureSettings.Read(metadata) is not { } told) return;
        _ = told.NotUnderstood.Count();
        _ = (told.NeedsPicture, told.NeedsControlPictures);
        _ = told.IndexIn(told.ToRequest());
    }

    private void Parsed(string prompt)
    {
        foreach (var (part, _) in PromptParser.SplitComposition(PromptParser.ExtractLoras(prompt).Text))
        {
            foreach (var (_, text) in PromptParser.Schedule(part, 8))
                if (PromptChunks.Build(PromptParser.ParseWeights(text), _tokenizer.Encode, 0).Count == 0) throw new InvalidOperationException("no chunk");
        }
    }
}
