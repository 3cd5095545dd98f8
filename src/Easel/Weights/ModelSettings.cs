using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>What a configuration file says that tensors cannot: heads, what is predicted, the noise schedule, the latent scale. Every member is null where the
/// files are silent. Read from the original YAML and from transformers' and diffusers' JSON; never required.</summary>
internal sealed record ModelSettings
{
    public string? Parameterization { get; init; }
    public double? BetaStart { get; init; }
    public double? BetaEnd { get; init; }
    public string? BetaSchedule { get; init; }
    public bool? ZeroTerminalSnr { get; init; }
    public double? LatentScale { get; init; }
    public IReadOnlyList<int>? Heads { get; init; }
    public int? HeadWidth { get; init; }
    public IReadOnlyList<bool>? DisabledSelfAttention { get; init; }
    public IReadOnlyDictionary<string, TextSettings> Texts { get; init; } = new Dictionary<string, TextSettings>();
    public int? MaxNoiseLevel { get; init; }
    public int? NativeSize { get; init; }
    public double? GuidanceScale { get; init; }
    public int? Steps { get; init; }
    public int? VaeNormGroups { get; init; }

    /// <summary>Whether the autoencoder's numbers grow too large for fp16 (diffusers' force_upcast).</summary>
    public bool? VaeOverflows { get; init; }

    /// <summary>What the model calls itself.</summary>
    public string? Title { get; init; }

    /// <summary>The class of its scheduler in diffusers.</summary>
    public string? Scheduler { get; init; }

    /// <summary>What is said of a text encoder: by its place in the model, by the name that files give it among several, or of the only one.</summary>
    public TextSettings Text(string place, string? key) =>
        Texts.GetValueOrDefault(place) ?? (key is null ? null : Texts.GetValueOrDefault(key)) ?? Texts.GetValueOrDefault("") ?? new TextSettings();

    /// <summary>The settings for a single-file checkpoint: the file named, or those lying beside the checkpoint.</summary>
    /// <param name="config">A YAML file named by the user, or null.</param>
    /// <exception cref="CheckpointException">A file that was named does not exist, or one that was found cannot be read.</exception>
    public static ModelSettings Beside(string checkpoint, string? config)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(checkpoint))!;
        if (config is not null && !File.Exists(config)) throw new CheckpointException($"The configuration file {config} does not exist.");

        var yaml = config ?? First(Path.ChangeExtension(checkpoint, ".yaml"), Path.ChangeExtension(checkpoint, ".yml"), Path.Combine(folder, "config.yaml"));
        var settings = yaml is null ? new ModelSettings() : FromYaml(yaml);
        var json = First(Path.Combine(folder, "text_config.json"), Path.Combine(folder, "config.json"));
        if (json is null) return settings;
        var texts = SettingsFile.Json(json);
        var several = texts.EnumerateObject().Where(part => part is { Name: "clip_l" or "clip_g", Value.ValueKind: JsonValueKind.Object }).ToList();
        return several.Count == 0 ? settings.WithText("", texts) : several.Aggregate(settings, (all, part) => all.WithText(part.Name, part.Value));

        static string? First(params string[] candidates) => candidates.FirstOrDefault(File.Exists);
    }

    /// <summary>Those of a text encoder in a folder of its own.</summary>
    public static ModelSettings OfTextEncoder(string folder) =>
        File.Exists(Path.Combine(folder, "config.json")) ? new ModelSettings().WithText("", SettingsFile.Json(Path.Combine(folder, "config.json"))) : new();

    public static ModelSettings InFolder(string folder)
    {
        var settings = new ModelSettings();
        foreach (var place in CheckpointLayout.Diffusers.Where(part => part.Network == CheckpointNetwork.Text).Select(part => part.Place))
            if (Find(place + "/config.json") is { } text) settings = settings.WithText(place, SettingsFile.Json(text));
        if (Find("unet/config.json") is { } unet) settings = settings.WithUNet(SettingsFile.Json(unet));
        if (Find("vae/config.json") is { } vae) settings = settings.WithVae(SettingsFile.Json(vae));
        if (Find("scheduler/scheduler_config.json") is { } scheduler) settings = settings.WithScheduler(SettingsFile.Json(scheduler));
        return settings.Checked(folder);

        string? Find(string name) => File.Exists(Path.Combine(folder, name)) ? Path.Combine(folder, name) : null;
    }

    /// <summary>Attention heads and activation of the vision tower in a folder; null where no configuration says them.</summary>
    public static (int? Heads, string? Activation) OfVision(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "config.json"))) return default;
        var json = SettingsFile.Json(Path.Combine(folder, "config.json"));
        if (Object(json, "vision_config") is { } nested) json = nested;
        return ((int?)Number(json, "num_attention_heads"), Text(json, "hidden_act"));
    }

    /// <summary>What a single file says of itself, unless a configuration said otherwise: the empty tensors "v_pred" and "ztsnr" by which people mark such
    /// models, and the texts of Stability AI's ModelSpec; "easel.guidance_scale", "easel.steps" and "vae.norm_num_groups", for which there is no
    /// custom.</summary>
    public ModelSettings WithMarks(TensorFile file)
    {
        var predictsV = file.Tensors.ContainsKey("v_pred") || file.Metadata.GetValueOrDefault("modelspec.prediction_type") is "v";
        var sides = file.Metadata.GetValueOrDefault("modelspec.resolution")?.Split('x');
        return this with
        {
            Title = file.Metadata.GetValueOrDefault("modelspec.title"),
            Parameterization = Parameterization ?? (predictsV ? "v" : null),
            ZeroTerminalSnr = ZeroTerminalSnr ?? (file.Tensors.ContainsKey("ztsnr") ? true : null),
            NativeSize = sides is [var width, var height] && width == height && int.TryParse(width, out var side) && side is >= 64 and <= 4096
                && side % 64 == 0 ? side : null,
            Steps = int.TryParse(file.Metadata.GetValueOrDefault("easel.steps"), out var steps) && steps is >= 1 and <= 1000 ? steps : null,
            GuidanceScale = double.TryParse(file.Metadata.GetValueOrDefault("easel.guidance_scale"), NumberStyles.Float, CultureInfo.InvariantCulture,
                out var scale)
                && scale is >= 1 and <= 30 ? scale : null,
            VaeNormGroups = VaeNormGroups
                ?? Groups(double.TryParse(file.Metadata.GetValueOrDefault("vae.norm_num_groups"), NumberStyles.Float, CultureInfo.InvariantCulture,
                out var groups) ? groups : null),
        };
    }

    public static bool IsMark(string name) => name is "v_pred" or "ztsnr";

    /// <summary>Whether a model sees noise as in EDM (Karras et al. 2022) and not as Stable Diffusion: by the marks of a file, or by its scheduler.</summary>
    public static bool IsEdm(IEnumerable<string> names, string? scheduler) =>
        names.Any(name => name is "edm_mean" or "edm_std" || name.StartsWith("edm_vpred.", StringComparison.Ordinal))
        || scheduler?.StartsWith("EDM", StringComparison.Ordinal) == true;

    private static ModelSettings FromYaml(string path)
    {
        if (SettingsFile.Yaml(path) is not { } root) return new ModelSettings();
        var parameters = At(root, "model", "params");
        var unet = At(parameters, "unet_config", "params") ?? At(parameters, "network_config", "params"); // generative-models' name for it
        // generative-models say what is predicted by the class that scales it.
        var scaling = At(parameters, "denoiser_config", "params", "scaling_config", "target") as string;
        var predicted = scaling is null ? null : scaling.EndsWith("VScaling", StringComparison.Ordinal) ? "v" : "eps";
        return new ModelSettings
        {
            // The original's default where it is not given
            Parameterization = At(parameters, "parameterization") as string ?? predicted ?? (parameters is null ? null : "eps"),
            BetaStart = NumberAt(parameters, "linear_start"),
            BetaEnd = NumberAt(parameters, "linear_end"),
            LatentScale = NumberAt(parameters, "scale_factor"),
            Heads = (int?)NumberAt(unet, "num_heads") is > 0 and { } heads ? [heads] : null,
            HeadWidth = (int?)NumberAt(unet, "num_head_channels") is > 0 and { } width ? width : null,
            DisabledSelfAttention = At(unet, "disable_self_attentions") is List<object> list
                ? [.. list.Select(item => item is string text && bool.TryParse(text, out var isSo) && isSo)] : null,
            MaxNoiseLevel = (int?)NumberAt(parameters, "low_scale_config", "params", "max_noise_level"),
        }.Checked(path);

        static object? At(object? value, params ReadOnlySpan<string> names)
        {
            foreach (var name in names) value = (value as Dictionary<string, object>)?.GetValueOrDefault(name);
            return value;
        }

        static double? NumberAt(object? value, params ReadOnlySpan<string> names) =>
            double.TryParse(At(value, names) as string, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>Refuses numbers with which nothing can be computed.</summary>
    private ModelSettings Checked(string path)
    {
        Check("first beta", BetaStart, beta => beta is > 0 and < 1);
        Check("last beta", BetaEnd, beta => beta is > 0 and < 1);
        Check("latent scale", LatentScale, scale => scale is > 0 and < 1000);
        Check("highest noise level", MaxNoiseLevel, level => level is >= 0 and < 10_000);
        if (Heads is { Count: 0 }) throw new CheckpointException($"The configuration of {path} lists no numbers of heads where there should be some.");
        return this;

        void Check(string what, double? value, Func<double, bool> isPossible)
        {
            if (value is { } number && !isPossible(number))
                throw new CheckpointException(
                    string.Create(CultureInfo.InvariantCulture, $"The configuration of {path} says that the {what} is {number}, which cannot be."));
        }
    }

    private ModelSettings WithText(string which, JsonElement json)
    {
        // transformers' CLIPTextConfig, one inside a CLIPConfig, or open_clip's model configuration.
        if (Object(json, "text_config") is { } nested) json = nested;
        var openClip = Object(json, "open_clip_text_cfg") ?? Object(json, "text_cfg");
        var heads = openClip is { } o ? Number(o, "heads") : Number(json, "num_attention_heads") ?? Number(json, "heads");
        var settings = new TextSettings
        {
            Heads = (int?)heads,
            Activation = Text(json, "hidden_act") ?? Text(json, "activation"),
            Layers = Count(json, "num_hidden_layers"),
            TowerLayers = openClip is { } tower ? Count(tower, "layers") : null,
        };
        return this with { Texts = new Dictionary<string, TextSettings>(Texts) { [which] = settings } };

        static int? Count(JsonElement json, string name) => Number(json, name) is >= 1 and <= 256 and var count ? (int)count : null;
    }

    private ModelSettings WithUNet(JsonElement json)
    {
        // diffusers calls the number of heads attention_head_dim, as its own comments regret; num_attention_heads came later and wins.
        var heads = Numbers(json, "num_attention_heads") ?? Numbers(json, "attention_head_dim");
        return this with { Heads = heads?.Select(h => (int)h).ToList(), Title = Text(json, "_name_or_path") };
    }

    private ModelSettings WithVae(JsonElement json) =>
        this with
        {
            LatentScale = Number(json, "scaling_factor"),
            VaeNormGroups = Groups(Number(json, "norm_num_groups")),
            VaeOverflows = json.TryGetProperty("force_upcast", out var upcast) && upcast.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? upcast.GetBoolean() : null,
        };

    /// <summary>Those of an autoencoder in a folder of its own.</summary>
    public static ModelSettings OfVae(string folder) =>
        File.Exists(Path.Combine(folder, "config.json")) ? new ModelSettings().WithVae(SettingsFile.Json(Path.Combine(folder, "config.json"))) : new();

    /// <summary>A number of groups that norms can have; null otherwise.</summary>
    private static int? Groups(double? number) => number is 1 or 2 or 4 or 8 or 16 or 32 ? (int)number : null;

    private ModelSettings WithScheduler(JsonElement json) => this with
    {
        Parameterization = Text(json, "prediction_type") switch { "epsilon" => "eps", "v_prediction" => "v", "sample" => "x0", var other => other },
        BetaStart = Number(json, "beta_start"),
        BetaEnd = Number(json, "beta_end"),
        BetaSchedule = Text(json, "beta_schedule"),
        Scheduler = Text(json, "_class_name"),
        ZeroTerminalSnr = json.TryGetProperty("rescale_betas_zero_snr", out var zero) && zero.ValueKind == JsonValueKind.True,
    };

    private static JsonElement? Object(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static IReadOnlyList<double>? Numbers(JsonElement json, string name)
    {
        if (Number(json, name) is { } one) return [one];
        return json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(n =>
            n.ValueKind == JsonValueKind.Number)
            ? [.. list.EnumerateArray().Select(n => n.GetDouble())]
            : null;
    }
}

/// <summary>What a configuration file says of a text encoder; null where it is silent.</summary>
internal sealed record TextSettings
{
    public int? Heads { get; init; }
    public string? Activation { get; init; }

    /// <summary>Layers as transformers counts them: those that its file has or had, which diffusers may have cut.</summary>
    public int? Layers { get; init; }

    /// <summary>Layers of the whole tower, as open_clip counts them.</summary>
    public int? TowerLayers { get; init; }
}
