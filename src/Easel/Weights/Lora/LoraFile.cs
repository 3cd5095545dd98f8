using Easel.Weights.Formats;

namespace Easel.Weights.Lora;

/// <summary>A small change to a model's weights: for each layer it touches a few tensors, of which the change to the layer is made (<see cref="AdapterMake"/>);
/// a LoRA in the narrow sense, or one of the adapters that people use in its place. The file is open, and read only when the change is made.</summary>
internal sealed class LoraFile : IDisposable
{
    /// <summary>How wide the contexts are that layers of cross-attention look at, by which adapters are told apart.</summary>
    private static readonly (long Width, string Family)[] Contexts =
        [(768, "Stable Diffusion 1"), (1024, "Stable Diffusion 2"), (2048, "Stable Diffusion XL"), (1280, "the refiner of Stable Diffusion XL")];

    private readonly TensorFile _file;
    private string? _leftAside;

    private LoraFile(TensorFile file) => _file = file;

    /// <summary>What prompts call it: the file's name without extension.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(_file.Path);

    public string Path => _file.Path;

    /// <summary>The changes, each to one parameter of a layer.</summary>
    public IReadOnlyList<LoraLayer> Layers { get; private set; } = [];

    /// <summary>The family of models that it is for; null where nothing tells.</summary>
    public string? Family { get; private set; }

    /// <summary>The words that it brings along ("pivotal tuning"): the names of embeddings.</summary>
    public IReadOnlyList<string> Words { get; private set; } = [];

    /// <summary>What is to be told of it: that its scale counts twice, and what was knowingly left aside.</summary>
    public IEnumerable<string> Remarks
    {
        get
        {
            if (Layers.Any(change => change.CountsTwice))
                yield return $"{Name}: no trainer is named in it, so that alpha / rank counts twice, as where LyCORIS merges such a file itself; "
                    + "stored in fp16, or with a trainer's metadata, it counts once.";
            if (_leftAside is { } sentence) yield return sentence;
        }
    }

    /// <summary>The name that it was trained under, by which prompts may call it too (AUTOMATIC1111's alias); null where it says none.</summary>
    public string? Alias => AliasIn(_file);

    /// <summary>The hash of its tensors that its trainer wrote into it; null where it says none.</summary>
    public string? StoredHash => HashIn(_file);

    /// <summary>Whether it is nothing but fp32 tensors, without a word of a trainer, as LyCORIS' own tools hand adapters on: it is then merged as these merge,
    /// whose LoHa and LoKr count alpha / rank twice. Everything else, LyCORIS in training included, counts it once.</summary>
    public bool IsBare { get; private set; }

    /// <summary>Opens an adapter in the layout of kohya-ss/sd-scripts and LyCORIS, of diffusers (its present one and its older ones) or of PEFT.</summary>
    /// <exception cref="CheckpointException">It is something else, or damaged.</exception>
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

    /// <summary>The name that the file of a LoRA was trained under; null where it says none.</summary>
    public static string? AliasIn(TensorFile file) => file.Metadata.GetValueOrDefault("ss_output_name") is { Length: > 0 } name ? name : null;

    /// <summary>The family of models that a LoRA is for; null where nothing tells.</summary>
    /// <param name="file">Its file, which stays open.</param>
    /// <exception cref="CheckpointException">It is no LoRA, or damaged.</exception>
    public static string? FamilyIn(TensorFile file)
    {
        var lora = new LoraFile(file);
        lora.Read();
        return lora.Family;
    }

    /// <summary>The hash of a LoRA's file; null where it is none that can be read.</summary>
    /// <param name="hash">Makes it, given the one that the file itself says, if it does.</param>
    public static string? HashOf(string path, Func<string?, string> hash)
    {
        try
        {
            using var file = TensorFile.Open(path);
            return hash(HashIn(file));
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static string? HashIn(TensorFile file) => file.Metadata.GetValueOrDefault("sshs_model_hash");

    /// <summary>An embedding that it brings along.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public TextualInversion Word(string name) => TextualInversion.In(_file, $"{LoraKeys.Embedding}{name}.", name);

    /// <summary>Whether there is another file at its path by now, or none.</summary>
    public bool IsOutdated => _file.IsOutdated;

    public void Dispose() => _file.Dispose();

    private void Read()
    {
        if (FileKind.Of(_file) is { Kind: ModelKind.Other or ModelKind.Checkpoint }) throw FileKind.IsNo(_file, "LoRA", ModelKind.Lora);
        IsBare = _file.Metadata.Keys.All(key => key == "format") && _file.Tensors.Values.All(info => info.Stored == "F32");

        var layers = new OrderedDictionary<(LoraPlace Place, string Layer), Dictionary<string, string>>();
        var unknown = new List<string>();
        foreach (var key in _file.Tensors.Keys)
        {
            if (key.StartsWith(LoraKeys.Embedding, StringComparison.Ordinal)) continue;
            if (LoraKeys.Parse(key) is not { } part)
            {
                unknown.Add(key);
                continue;
            }
            if (!layers.TryGetValue((part.Place, part.Layer), out var parts)) layers.Add((part.Place, part.Layer), parts = []);
            parts[part.Part] = key;
        }

        var settings = (UNet: SettingsAlpha("unet"), Text: SettingsAlpha("text_encoder"));
        var changes = new List<LoraLayer>();
        foreach (var ((place, layer), keys) in layers)
        {
            var parts = new AdapterParts(_file, layer, keys);
            var makes = AdapterMake.All.Where(make => make.IsIn(parts)).ToList();
            changes.AddRange(makes.Select(make => new LoraLayer(this, place, layer, make, parts, place == LoraPlace.UNet ? settings.UNet : settings.Text)));
            var rest = keys.Keys.Except(makes.SelectMany(make => make.Parts)).ToList();
            // Half of what makes a change is damage; a tensor beside it, or one that makes nothing by itself, is passed over.
            if (makes.Count == 0 && rest.Find(part => AdapterMake.All.Any(make => make.Needs.Length > 1 && part != "weight" && make.Parts.Contains(part)
                && part is not ("alpha" or "scale" or "scalar"))) is not null)
                throw new CheckpointException($"{Path} is damaged: of its parts for the layer {Quoted.Name(layer)} some are missing.");
            unknown.AddRange(rest.Select(part => keys[part]));
        }
        Words = [.. _file.Tensors.Keys.Where(key => key.StartsWith(LoraKeys.Embedding, StringComparison.Ordinal))
            .Select(key => key[LoraKeys.Embedding.Length..].Split('.')[0]).Where(name => name.Length > 0).Distinct()];
        if (changes.Count == 0) throw FileKind.IsNo(_file, "LoRA", ModelKind.Lora);
        (Layers, Family) = (changes, FamilyOf(changes));
        if (unknown.Count == 0) return;
        var more = unknown.Count > 3 ? ", ..." : "";
        _leftAside = $"{Name}: {unknown.Count} tensors are no part of a LoRA and were left aside "
            + $"({string.Join(", ", unknown.Take(3).Select(Quoted.Name))}{more})";
    }

    private static string? FamilyOf(List<LoraLayer> layers)
    {
        if (layers.Any(layer => layer.Place == LoraPlace.SecondText)) return "Stable Diffusion XL";
        var looks = layers.Find(layer =>
            layer is { Place: LoraPlace.UNet, Shape.Length: > 1 } && layer.Layer.EndsWith("attn2_to_k", StringComparison.Ordinal));
        return looks is null ? null : Contexts.FirstOrDefault(context => context.Width == looks.Shape[1]).Family;
    }

    /// <summary>The alpha that PEFT and diffusers write not as tensors but as settings: in the file's metadata, or in adapter_config.json beside it. Null where
    /// nothing says.</summary>
    private SettingsScale? SettingsAlpha(string network)
    {
        if (_file.Metadata.TryGetValue("lora_adapter_metadata", out var metadata)) return Alpha(metadata, network + ".");
        if (!_file.Tensors.Keys.First().StartsWith("base_model.model.", StringComparison.Ordinal)) return null;
        var beside = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path) ?? "", "adapter_config.json");
        return File.Exists(beside) ? ScaleIn(SettingsFile.Json(beside), "") : null;

        SettingsScale? Alpha(string json, string prefix)
        {
            try
            {
                return ScaleIn(SettingsFile.JsonObject(Encoding.UTF8.GetBytes(json)), prefix);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw new CheckpointException($"The settings of {Path} are not well formed, so that its strength is not known.", e);
            }
        }

        static SettingsScale? ScaleIn(JsonElement? settings, string prefix)
        {
            if (settings is not { } root || !root.TryGetProperty(prefix + "lora_alpha", out var alpha) || alpha.ValueKind != JsonValueKind.Number) return null;
            var rootOfRank = root.TryGetProperty(prefix + "use_rslora", out var stabilised) && stabilised.ValueKind == JsonValueKind.True;
            return new SettingsScale(alpha.GetDouble(), rootOfRank);
        }
    }
}

/// <summary>What PEFT's settings say of the scale of a LoRA.</summary>
/// <param name="RootOfRank">Whether alpha is divided by the root of the rank ("rank-stabilized LoRA", arXiv 2312.03732).</param>
internal readonly record struct SettingsScale(double Alpha, bool RootOfRank)
{
    public double For(long rank) => Alpha / (RootOfRank ? Math.Sqrt(rank) : rank);
}
