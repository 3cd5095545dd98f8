using System.Diagnostics.CodeAnalysis;
using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Json;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>
/// The settings of AUTOMATIC1111's web UI. Some decide what is drawn here too; some change pictures there in ways that Easel does not know, and are told and
/// passed over where they are not at the value that changes nothing; some concern files and previews and are merely kept.
/// </summary>
internal sealed class SdapiOptions(ModelLibrary library, PictureFolder folder)
{
    private const string Automatic = "Automatic";

    private static readonly JsonObject Honoured = Table("""
        {
          "sd_model_checkpoint": "", "sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1, "randn_source": "CPU", "samples_format": "png",
          "jpeg_quality": 80, "webp_lossless": false, "enable_pnginfo": true, "eta_ancestral": 1, "eta_ddim": 0, "eta_noise_seed_delta": 0,
          "rho": 0, "s_churn": 0, "s_min_uncond": 0, "s_noise": 1, "s_tmax": 0, "s_tmin": 0, "sigma_max": 0, "sigma_min": 0, "tiling": false,
          "initial_noise_multiplier": 1, "img2img_fix_steps": false, "face_restoration_model": "CodeFormer", "code_former_weight": 0.5, "return_grid": true,
          "sdxl_refiner_high_aesthetic_score": 6.0, "sdxl_refiner_low_aesthetic_score": 2.5
        }
        """);

    private static readonly JsonObject Fixed = Table("""
        {
          "always_discard_next_to_last_sigma": false, "ddim_discretize": "uniform", "emphasis": "Original",
          "img2img_background_color": "#ffffff", "img2img_color_correction": false, "img2img_extra_noise": 0,
          "inpainting_mask_weight": 1, "return_mask": false, "return_mask_composite": false,
          "sd_hypernetwork": "None", "sgm_noise_multiplier": false, "use_old_emphasis_implementation": false, "use_old_karras_scheduler_sigmas": false
        }
        """);

    private static readonly JsonObject Kept = Table("""
        {
          "do_not_show_images": false, "face_restoration": false, "grid_format": "png", "grid_save": true,
          "interrogate_clip_max_length": 48, "live_preview_refresh_period": 1000, "live_previews_enable": true,
          "live_previews_image_format": "png", "outdir_img2img_samples": "", "outdir_samples": "", "outdir_txt2img_samples": "",
          "samples_filename_pattern": "", "samples_save": true, "save_images_add_number": true, "save_txt": false,
          "sd_checkpoint_cache": 0, "sd_checkpoints_keep_in_cpu": true, "sd_checkpoints_limit": 1, "sd_vae_checkpoint_cache": 0,
          "send_seed": true, "send_size": true, "show_progress_every_n_steps": 10, "show_progress_grid": true,
          "show_progress_type": "Approx NN", "show_progressbar": true,
          "sd_unet": "Automatic", "token_merging_ratio": 0, "token_merging_ratio_hr": 0, "token_merging_ratio_img2img": 0
        }
        """);

    /// <summary>The options that are knobs of a request, by the names that a body has for them too.</summary>
    private static readonly IReadOnlyList<Knob> Turns =
        [.. Knobs.All.Where(knob => knob.SdapiName is { } name && Honoured.ContainsKey(name)), Knobs.Find(nameof(GenerationRequest.ClipSkip))!];

    private static readonly Knob EtaKnob = Knobs.Find(nameof(GenerationRequest.Eta))!;

    private readonly Lock _lock = new();
    private readonly JsonObject _changed = Read(FileIn(folder));

    /// <summary>Everything there is to set, as it stands.</summary>
    public JsonObject All()
    {
        var all = new JsonObject();
        foreach (var (name, value) in Honoured.Concat(Fixed).Concat(Kept).OrderBy(option => option.Key, StringComparer.Ordinal))
            all[name] = (Changed(name) ?? value)?.DeepClone();
        var model = Checkpoint([]) is { Length: > 0 } named ? library.Find(named, ModelUse.Checkpoint) : library.Default;
        all["sd_model_checkpoint"] = model is null ? null : TitleOf(model);
        all["sd_checkpoint_hash"] = model?.Sha256 ?? "";
        return all;
    }

    /// <summary>Changes settings, all or none, and keeps them for the next start.</summary>
    /// <returns>What was passed over, a sentence each.</returns>
    /// <exception cref="ServerException">The value of a setting is nothing that Easel can honour (422).</exception>
    public IReadOnlyList<string> Set(JsonObject changes)
    {
        var notes = Check(changes);
        lock (_lock)
        {
            foreach (var (name, value) in changes.Where(change => IsKnown(change.Key) && !IsLacking(change.Key, change.Value)))
                _changed[name] = value?.DeepClone();
            Write();
        }
        return notes;
    }

    /// <summary>Writes the file whole or not at all.</summary>
    private void Write()
    {
        var path = FileIn(folder);
        try
        {
            File.WriteAllBytes(path + ".part", JsonSerializer.SerializeToUtf8Bytes(_changed));
            File.Move(path + ".part", path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"The settings cannot be kept in {path}: {e.Message}", e);
        }
    }

    /// <summary>Checks settings without changing them.</summary>
    /// <returns>What will be passed over, a sentence each: what nobody here knows, as there, and what only buys speed.</returns>
    public IReadOnlyList<string> Check(JsonObject changes)
    {
        var notes = new List<string>();
        foreach (var (name, value) in changes)
        {
            if (IsLacking(name, value))
            {
                notes.Add($"Easel does not do what the option {name} asks for; it was passed over, as if it were {Fixed[name]!.ToJsonString()}.");
            }
            else if (!IsKnown(name) && name != "sd_checkpoint_hash")
            {
                notes.Add($"There is no option \"{name}\" here; it was passed over.");
            }
            else if (name.StartsWith("token_merging", StringComparison.Ordinal) && value is not null && !IsSame(value, Kept[name]!))
            {
                notes.Add($"The option {name} was passed over: Easel merges no tokens.");
            }
        }
        if (Checkpoint(changes) is { Length: > 0 } model) _ = library.Checkpoint(model);
        _ = Vae(changes);
        _ = Turned(new GenerationRequest(), changes, new HashSet<string>());
        _ = Noise(changes);
        _ = FixesSteps(changes);
        _ = SendsGrid(changes);
        _ = Format(changes);
        return notes;
    }

    /// <summary>Settings for one request without the models that are not there: as there, what is loaded draws then.</summary>
    /// <param name="notes">Gets a sentence for each that is not.</param>
    public JsonObject Found(JsonObject overrides, ICollection<string> notes)
    {
        JsonObject found = overrides;
        foreach (var (name, find) in ((string, Func<string, ModelEntry>)[])[("sd_model_checkpoint", library.Checkpoint), ("sd_vae", library.Vae)])
        {
            if (overrides[name] is not JsonValue value || !value.TryGetValue<string>(out var wanted) || wanted is "" or Automatic or "None") continue;
            try
            {
                _ = find(wanted);
            }
            catch (ServerException e)
            {
                if (library.Default is null) throw;
                notes.Add($"{e.Message} The option {name} was passed over.");
                found = (JsonObject)found.DeepClone();
                found.Remove(name);
            }
        }
        return found;
    }

    /// <summary>What mends faces where a body only says that they be mended: that of the option, else any; null where there is none.</summary>
    public ModelEntry? FaceRestorer(JsonObject overrides)
    {
        var wanted = (overrides["face_restoration_model"] ?? Changed("face_restoration_model") ?? Honoured["face_restoration_model"])?.ToString();
        return wanted is { Length: > 0 } && (library.RestorerOf(wanted) ?? library.Find(wanted, ModelUse.FaceRestorer)) is { } chosen ? chosen
            : library.Entries.FirstOrDefault(entry => entry.Use == ModelUse.FaceRestorer);
    }

    /// <summary>A request in which the options are set that are knobs, where the body itself does not name them.</summary>
    /// <param name="named">The properties that the body names.</param>
    public GenerationRequest Turned(GenerationRequest request, JsonObject overrides, IReadOnlySet<string> named)
    {
        foreach (var knob in Turns)
        {
            var option = knob.Property == nameof(request.ClipSkip) ? "CLIP_stop_at_last_layers" : knob.SdapiName!;
            if (!named.Contains(knob.Property) && (overrides[option] ?? Changed(option)) is { } value) request = knob.Set(request, Read(knob, option, value));
        }
        if (named.Contains(nameof(request.Eta))) return request;
        // There, the two kinds of samplers that draw noise have an option each.
        var isDdim = request.Sampler?.StartsWith("ddim", StringComparison.OrdinalIgnoreCase) == true;
        var eta = isDdim ? "eta_ddim" : "eta_ancestral";
        var said = overrides[eta] ?? Changed(eta);
        return said is null || IsSame(said, Honoured[eta]!) ? request : request with { Eta = (double?)Read(EtaKnob, eta, said) };
    }

    private static object? Read(Knob knob, string option, JsonNode value)
    {
        try
        {
            var read = KnobJson.Read(knob, value);
            knob.Set(new GenerationRequest(), read).Validate();
            return read;
        }
        catch (InvalidRequestException e)
        {
            throw Refused($"The option {option} {e.Finding ?? e.Message}", e);
        }
    }

    /// <summary>Whether an option changes pictures there in a way that Easel lacks.</summary>
    private static bool IsLacking(string name, JsonNode? value) => Fixed.TryGetPropertyValue(name, out var only) && value is not null && !IsSame(value, only!);

    private static bool IsKnown(string name) => Kept.ContainsKey(name) || Honoured.ContainsKey(name) || Fixed.ContainsKey(name);

    /// <summary>The model to draw with; null for the default one.</summary>
    /// <param name="overrides">What goes before the settings for one request.</param>
    public string? Checkpoint(JsonObject overrides) => Text("sd_model_checkpoint", overrides) is { Length: > 0 } name ? name : null;

    /// <summary>The autoencoder to draw with; null for the model's own.</summary>
    public string? Vae(JsonObject overrides) =>
        Text("sd_vae", overrides) is { Length: > 0 } name and not Automatic and not "None" ? library.Vae(name).Name : null;

    /// <summary>Whose noise a seed stands for: Easel's own, unless "GPU" or "NV" asks for that of an NVIDIA card.</summary>
    public NoiseLike Noise(JsonObject overrides) => Text("randn_source", overrides)?.ToUpperInvariant() switch
    {
        "GPU" or "NV" => NoiseLike.A1111Gpu,
        "CPU" => NoiseLike.PerPicture,
        var other => throw Refused($"The option randn_source is \"{other}\"; it must be GPU, NV or CPU."),
    };

    /// <summary>Whether a picture that is drawn over gets as many steps as were asked for, whatever its strength.</summary>
    public bool FixesSteps(JsonObject overrides) => Truth("img2img_fix_steps", overrides);

    /// <summary>Whether what Loopback drew is preceded by all of it in a row.</summary>
    public bool SendsGrid(JsonObject overrides) => Truth("return_grid", overrides);

    /// <summary>How pictures are sent.</summary>
    public (ImageFormat Format, int Quality, bool Lossless, bool WithText) Format(JsonObject overrides)
    {
        var format = Text("samples_format", overrides)?.ToLowerInvariant() switch
        {
            "png" => ImageFormat.Png,
            "jpg" or "jpeg" => ImageFormat.Jpeg,
            "webp" => ImageFormat.WebP,
            var other => throw Refused($"The option samples_format is \"{other}\"; it must be png, jpg or webp."),
        };
        return (format, Whole("jpeg_quality", overrides, 1, 100), Truth("webp_lossless", overrides), Truth("enable_pnginfo", overrides));
    }

    /// <summary>A model as the web UI calls it, without the hash that it adds once that is known: a title does not change under those who keep it.</summary>
    public static string TitleOf(ModelEntry model) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(model.Path));

    private JsonNode? Changed(string name)
    {
        lock (_lock) return _changed[name]?.DeepClone();
    }

    private JsonNode? Value(string name, JsonObject overrides) => overrides[name] ?? Changed(name) ?? Honoured[name];

    private string? Text(string name, JsonObject overrides) => Value(name, overrides) is JsonValue value && value.TryGetValue<string>(out var text) ? text
        : throw Refused($"The option {name} must be a text.");

    private bool Truth(string name, JsonObject overrides) =>
        KnobJson.Truth(Value(name, overrides)) ?? throw Refused($"The option {name} must be true or false.");

    private int Whole(string name, JsonObject overrides, int least, int most) =>
        NumberOf(Value(name, overrides)) is { } number && number == Math.Floor(number) && number >= least && number <= most
            ? (int)number
            : throw Refused($"The option {name} must be a whole number from {least} to {most}.");

    private static bool IsSame(JsonNode value, JsonNode only) => only.GetValueKind() is JsonValueKind.True or JsonValueKind.False
        ? KnobJson.Truth(value) == only.GetValue<bool>()
        : NumberOf(value) is { } x && NumberOf(only) is { } y ? x == y : JsonNode.DeepEquals(value, only);

    private static double? NumberOf(JsonNode? node) => node is JsonValue value
        && double.TryParse(value.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string FileIn(PictureFolder folder) => Path.Combine(folder.Hidden, "sdapi-options.json");

    private static JsonObject Table([StringSyntax(StringSyntaxAttribute.Json)] string json) => JsonNode.Parse(json)!.AsObject();

    /// <summary>A file that cannot be read any more is one without settings: they are there to be set again.</summary>
    private static JsonObject Read(string path)
    {
        try
        {
            return File.Exists(path) && JsonNode.Parse(File.ReadAllBytes(path)) is JsonObject kept ? kept : [];
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
