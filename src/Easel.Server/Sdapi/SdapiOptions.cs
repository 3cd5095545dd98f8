using System.Diagnostics.CodeAnalysis;
using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>
/// The settings of AUTOMATIC1111's web UI. Some decide what is drawn here too; some change pictures there in ways that Easel does not know, and may only have
/// the value that changes nothing; some concern files and previews and are merely kept.
/// </summary>
internal sealed class SdapiOptions(ModelLibrary library, PictureFolder folder)
{
    private const string Automatic = "Automatic";

    private static readonly JsonObject Honoured = Table("""
        {
          "sd_model_checkpoint": "", "sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1, "randn_source": "CPU", "samples_format": "png",
          "jpeg_quality": 80, "webp_lossless": false, "enable_pnginfo": true
        }
        """);

    private static readonly JsonObject Fixed = Table("""
        {
          "always_discard_next_to_last_sigma": false, "ddim_discretize": "uniform", "emphasis": "Original", "eta_ancestral": 1,
          "eta_ddim": 0, "eta_noise_seed_delta": 0, "face_restoration": false, "img2img_background_color": "#ffffff",
          "img2img_color_correction": false, "img2img_extra_noise": 0, "img2img_fix_steps": false, "initial_noise_multiplier": 1,
          "inpainting_mask_weight": 1, "return_mask": false, "return_mask_composite": false, "rho": 0, "s_churn": 0,
          "s_min_uncond": 0, "s_noise": 1, "s_tmax": 0, "s_tmin": 0, "sd_hypernetwork": "None", "sd_unet": "Automatic",
          "sgm_noise_multiplier": false, "sigma_max": 0, "sigma_min": 0, "tiling": false, "token_merging_ratio": 0,
          "token_merging_ratio_hr": 0, "token_merging_ratio_img2img": 0, "use_old_emphasis_implementation": false,
          "use_old_karras_scheduler_sigmas": false
        }
        """);

    private static readonly JsonObject Kept = Table("""
        {
          "do_not_show_images": false, "face_restoration_model": "CodeFormer", "grid_format": "png", "grid_save": true,
          "interrogate_clip_max_length": 48, "live_preview_refresh_period": 1000, "live_previews_enable": true,
          "live_previews_image_format": "png", "outdir_img2img_samples": "", "outdir_samples": "", "outdir_txt2img_samples": "",
          "return_grid": true, "samples_filename_pattern": "", "samples_save": true, "save_images_add_number": true, "save_txt": false,
          "sd_checkpoint_cache": 0, "sd_checkpoints_keep_in_cpu": true, "sd_checkpoints_limit": 1, "sd_vae_checkpoint_cache": 0,
          "send_seed": true, "send_size": true, "show_progress_every_n_steps": 10, "show_progress_grid": true,
          "show_progress_type": "Approx NN", "show_progressbar": true
        }
        """);

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
    /// <exception cref="ServerException">There is no such setting, or its value is nothing that Easel can honour (422).</exception>
    public void Set(JsonObject changes)
    {
        Check(changes);
        lock (_lock)
        {
            foreach (var (name, value) in changes.Where(change => change.Key != "sd_checkpoint_hash")) _changed[name] = value?.DeepClone();
            Write();
        }
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
    public void Check(JsonObject changes)
    {
        foreach (var (name, value) in changes)
        {
            if (Fixed.TryGetPropertyValue(name, out var only))
            {
                if (value is not null && !IsSame(value, only!))
                    throw Refused($"Easel does not do what the option \"{name}\" asks for; it can only be {only!.ToJsonString()}.");
            }
            else if (name != "sd_checkpoint_hash" && !Kept.ContainsKey(name) && !Honoured.ContainsKey(name))
            {
                throw Refused($"There is no option \"{name}\" here; GET /sdapi/v1/options lists those there are.");
            }
        }
        if (Checkpoint(changes) is { Length: > 0 } model) _ = library.Checkpoint(model);
        _ = Vae(changes);
        _ = ClipSkip(changes);
        _ = Noise(changes);
        _ = Format(changes);
    }

    /// <summary>The model to draw with; null for the default one.</summary>
    /// <param name="overrides">What goes before the settings for one request.</param>
    public string? Checkpoint(JsonObject overrides) => Text("sd_model_checkpoint", overrides) is { Length: > 0 } name ? name : null;

    /// <summary>The autoencoder to draw with; null for the model's own.</summary>
    public string? Vae(JsonObject overrides) =>
        Text("sd_vae", overrides) is { Length: > 0 } name and not Automatic and not "None" ? library.Vae(name).Name : null;

    /// <summary>Layers of the text encoder counted from its end.</summary>
    public int ClipSkip(JsonObject overrides) => Whole("CLIP_stop_at_last_layers", overrides, 1, 12);

    /// <summary>Whose noise a seed stands for: Easel's own, unless "GPU" or "NV" asks for that of an NVIDIA card.</summary>
    public NoiseLike Noise(JsonObject overrides) => Text("randn_source", overrides)?.ToUpperInvariant() switch
    {
        "GPU" or "NV" => NoiseLike.A1111Gpu,
        "CPU" => NoiseLike.PerPicture,
        var other => throw Refused($"The option randn_source is \"{other}\"; it must be GPU, NV or CPU."),
    };

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

    /// <summary>A model as the web UI calls it.</summary>
    public static string TitleOf(ModelEntry model) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(model.Path)) + (model.Hash is { } hash ? $" [{hash}]" : "");

    private JsonNode? Changed(string name)
    {
        lock (_lock) return _changed[name]?.DeepClone();
    }

    private JsonNode? Value(string name, JsonObject overrides) => overrides[name] ?? Changed(name) ?? Honoured[name];

    private string? Text(string name, JsonObject overrides) => Value(name, overrides) is JsonValue value && value.TryGetValue<string>(out var text) ? text
        : throw Refused($"The option {name} must be a text.");

    private bool Truth(string name, JsonObject overrides) => Value(name, overrides) is JsonValue value && value.TryGetValue<bool>(out var truth) ? truth
        : throw Refused($"The option {name} must be true or false.");

    private int Whole(string name, JsonObject overrides, int least, int most) =>
        Value(name, overrides) is JsonValue value && NumberOf(value) is { } number && number == Math.Floor(number) && number >= least && number <= most
            ? (int)number
            : throw Refused($"The option {name} must be a whole number from {least} to {most}.");

    private static bool IsSame(JsonNode value, JsonNode only) =>
        value is JsonValue a && only is JsonValue b && NumberOf(a) is { } x && NumberOf(b) is { } y ? x == y : JsonNode.DeepEquals(value, only);

    private static double? NumberOf(JsonValue value) =>
        value.GetValueKind() == JsonValueKind.Number && double.TryParse(value.ToJsonString(), CultureInfo.InvariantCulture, out var number) ? number : null;

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
