using Easel.Weights.Formats;

namespace Easel.Weights.Lora;

/// <summary>A small change to a model's weights: for each layer it touches two narrow matrices whose product, scaled, is added to the layer's weight. "LoRA:
/// Low-Rank Adaptation of Large Language Models", arXiv 2106.09685; convolutions as in LyCORIS' LoCon, arXiv 2309.14859. The file is open, and read only when
/// the change is made.</summary>
internal sealed class LoraFile : IDisposable
{
    private const int LongestSettings = 1 << 20;
    private readonly TensorFile _file;

    private LoraFile(TensorFile file) => _file = file;

    /// <summary>What prompts call it: the file's name without extension.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(_file.Path);

    public string Path => _file.Path;

    public IReadOnlyList<LoraLayer> Layers { get; private set; } = [];

    /// <summary>What was knowingly left aside.</summary>
    public IReadOnlyList<string> Remarks { get; private set; } = [];

    /// <summary>Opens a LoRA in the layout of kohya-ss/sd-scripts, of diffusers (its present one and its older ones) or of PEFT.</summary>
    /// <exception cref="CheckpointException">It is something else, another kind of adapter, or damaged.</exception>
    public static LoraFile Open(string path)
    {
        var file = TensorFile.Open(path);
        try
        {
            var lora = new LoraFile(file);
            lora.Read();
            return lora;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private void Read()
    {
        if (FileKind.Of(_file) is { Kind: ModelKind.Other }) throw FileKind.IsNo(_file, "LoRA");

        var layers = new OrderedDictionary<(bool Text, string Layer), Dictionary<LoraPart, string>>();
        var unknown = new List<string>();
        foreach (var key in _file.Tensors.Keys)
        {
            if (LoraKeys.Parse(key) is not { } part)
            {
                unknown.Add(key);
                continue;
            }
            if (!layers.TryGetValue((part.Text, part.Layer), out var parts)) layers.Add((part.Text, part.Layer), parts = []);
            parts[part.Part] = key;
        }
        if (!layers.Values.Any(parts => parts.ContainsKey(LoraPart.Down)))
            throw FileKind.IsNo(_file, "LoRA");

        var alphas = (UNet: SettingsAlpha("unet"), Text: SettingsAlpha("text_encoder"));
        Layers = [.. layers.Select(l => LoraLayer.Of(_file, l.Key.Text, l.Key.Layer, l.Value, l.Key.Text ? alphas.Text : alphas.UNet))];
        if (unknown.Count == 0) return;
        var more = unknown.Count > 1 ? ", ..." : "";
        Remarks = [$"{Name}: {unknown.Count} tensors are no part of a LoRA and were left aside ({Quoted.Name(unknown[0])}{more})"];
    }

    /// <summary>The alpha that PEFT and diffusers write not as tensors but as settings: in the file's metadata, or in adapter_config.json beside it. Null where
    /// nothing says.</summary>
    private double? SettingsAlpha(string network)
    {
        if (_file.Metadata.TryGetValue("lora_adapter_metadata", out var metadata)) return Alpha(metadata, network + ".lora_alpha");
        if (!_file.Tensors.Keys.First().StartsWith("base_model.model.", StringComparison.Ordinal)) return null;
        var beside = new FileInfo(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path) ?? "", "adapter_config.json"));
        return beside is { Exists: true, Length: < LongestSettings } ? Alpha(File.ReadAllText(beside.FullName), "lora_alpha") : null;

        double? Alpha(string json, string name)
        {
            try
            {
                using var settings = JsonDocument.Parse(json);
                if (settings.RootElement.ValueKind != JsonValueKind.Object || !settings.RootElement.TryGetProperty(name, out var alpha)) return null;
                return alpha.ValueKind == JsonValueKind.Number ? alpha.GetDouble() : null;
            }
            catch (JsonException e)
            {
                throw new CheckpointException($"The settings of {Path} are not well formed, so that its strength is not known.", e);
            }
        }
    }
}

/// <summary>A LoRA's change to one layer.</summary>
internal sealed class LoraLayer
{
    private readonly TensorFile _file;
    private readonly string _down, _up;
    private readonly string? _mid;
    private readonly double _scale;

    private LoraLayer(TensorFile file, bool text, string layer, string down, string up, string? mid, double? alpha)
    {
        (_file, IsText, Layer, _down, _up, _mid) = (file, text, layer, down, up, mid);
        var (downShape, upShape) = (file.Tensors[down].Shape, file.Tensors[up].Shape);
        var midShape = mid is null ? null : file.Tensors[mid].Shape;
        if (downShape.Length is not (2 or 4) || upShape.Length is not (2 or 4) || downShape[0] == 0 || upShape[0] == 0)
            throw Misshaped();

        var rank = downShape[0];
        var fits = midShape is null
            ? file.Tensors[up].ElementCount == upShape[0] * rank
            : midShape.Length == 4 && midShape[0] == upShape[1] && midShape[1] == rank && file.Tensors[down].ElementCount == rank * downShape[1];
        if (!fits) throw Misshaped();
        Shape = [upShape[0], downShape[1], .. (midShape ?? downShape)[2..]];
        _scale = (alpha ?? rank) / rank;

        CheckpointException Misshaped() =>
            new($"{file.Path} is damaged: its parts for the layer {Quoted.Name(layer)} have shapes that do not go together ({string.Join(", ", Shapes())}).");

        IEnumerable<string> Shapes() => new[] { down, mid, up }.OfType<string>().Select(key => $"[{string.Join(", ", file.Tensors[key].Shape)}]");
    }

    /// <summary>Whether the layer is the text encoder's; otherwise it is the UNet's.</summary>
    public bool IsText { get; }

    /// <summary>The layer's name, "_" for "."; diffusers' names or the original's.</summary>
    public string Layer { get; }

    /// <summary>The shape of the change: [outputs, inputs] or [outputs, inputs, kernel, kernel].</summary>
    public long[] Shape { get; }

    /// <summary>The layer that some tensors of a file make.</summary>
    /// <param name="alpha">The alpha where no tensor has it; null for one equal to the number of channels between.</param>
    public static LoraLayer Of(TensorFile file, bool text, string layer, IReadOnlyDictionary<LoraPart, string> parts, double? alpha)
    {
        if (!parts.TryGetValue(LoraPart.Down, out var down) || !parts.TryGetValue(LoraPart.Up, out var up))
            throw new CheckpointException($"{file.Path} is damaged: of its parts for the layer {Quoted.Name(layer)} some are missing.");
        if (parts.TryGetValue(LoraPart.Alpha, out var key))
        {
            using var scope = NewDisposeScope();
            var stored = file.View(key);
            if (stored.numel() != 1) throw new CheckpointException($"{file.Path} is damaged: {Quoted.Name(key)} is not one number.");
            alpha = stored.to(ScalarType.Float64).item<double>();
        }
        return new LoraLayer(file, text, layer, down, up, parts.GetValueOrDefault(LoraPart.Mid), alpha);
    }

    /// <summary>alpha / rank · up · down in fp32, in <see cref="Shape"/>.</summary>
    public Tensor Change(Device device)
    {
        using var scope = NewDisposeScope();
        var (down, up) = (Read(_down), Read(_up));
        var change = _mid is null
            ? up.flatten(1).matmul(down.flatten(1))
            : einsum("nmkl,in,mj->ijkl", Read(_mid), up.flatten(1), down.flatten(1));
        return (change * _scale).reshape(Shape).MoveToOuterDisposeScope();

        Tensor Read(string key)
        {
            var tensor = _file.View(key).to(ScalarType.Float32, device, copy: true);
            _file.Release(key);
            return tensor;
        }
    }
}
