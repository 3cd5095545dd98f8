using Easel.Imaging;
using static Easel.Metadata.LenientJson;
using static Easel.Metadata.PictureSettings;

namespace Easel.Metadata;

/// <summary>The settings that programs other than AUTOMATIC1111's write, each in a form of its own, most in JSON. What a picture was made with beside the
/// settings that are understood goes along under the name that it has there, so that it can be told.</summary>
internal static class OtherPrograms
{
    private delegate PictureSettings? Reader(JsonElement json);

    /// <summary>Where the JSON of several programs is found, beside the parameters.</summary>
    private static readonly string[] Places = ["comment", "Comment", "ImageDescription", "XPComment", "UserComment"];

    private const int MostListed = 100;

    /// <summary>JSON in the place of the parameters, which several programs use: the first reader that knows it.</summary>
    private static readonly Reader[] InParameters = [OfSwarm, OfFooocus, OfEasyDiffusion, OfDrawThings, json => OfNovel(name => TextIn(json, name)), OfInvoke];

    /// <summary>The settings of a picture of another program; null for none that is known.</summary>
    public static PictureSettings? Read(ImageMetadata metadata)
    {
        string?[] places = [metadata.Parameters, .. Places.Select(place => metadata[place]), .. Xmp.Texts(metadata[Xmp.Key])];
        foreach (var json in places.Select(text => Object(text)).OfType<JsonElement>())
            if (InParameters.Select(reader => reader(json)).FirstOrDefault(told => told is not null) is { } told) return told;
        var (prompt, workflow) = (metadata["prompt"] ?? Tagged(metadata, "prompt:"), metadata["workflow"] ?? Tagged(metadata, "workflow:"));
        return (Object(metadata["invokeai_metadata"]) is { } invoke ? OfInvoke(invoke) : null)
            ?? (Object(metadata["sd-metadata"]) is { } older ? OfOlderInvoke(older) : null)
            ?? (metadata["Software"] == "NovelAI" ? OfNovel(name => metadata[name]) : null)
            ?? (metadata["num_inference_steps"] is null ? null : OfEasyDiffusion(name => metadata[name]))
            ?? ComfyGraph.Read(prompt, workflow) ?? ComfyGraph.Read(metadata.Parameters, null)
            ?? DreamLine.Read(metadata["Dream"] ?? metadata["dream"]) ?? DreamLine.OfMidjourney(metadata["Description"] ?? metadata["ImageDescription"]);
    }

    /// <summary>ComfyUI writes its graphs into the EXIF texts of a WebP, each behind its name.</summary>
    private static string? Tagged(ImageMetadata metadata, string mark)
    {
        foreach (var key in (string[])["Model", "Make", "ImageDescription"])
            if (metadata[key] is { } text && text.StartsWith(mark, StringComparison.OrdinalIgnoreCase)) return text[mark.Length..];
        return null;
    }

    private static PictureSettings? OfSwarm(JsonElement root)
    {
        if (Member(root, "sui_image_params") is not { ValueKind: JsonValueKind.Object } json) return null;
        string? Told(params ReadOnlySpan<string> names) => TextIn(json, names);
        return Of("SwarmUI", Told("prompt"), Told("negativeprompt"), Told("steps"), Told("sampler", "comfyuisampler") ?? "euler",
            Told("scheduler", "comfyuischeduler"), Told("cfgscale"), Told("seed"), Told("width"), Told("height"), Told("model")).With(
        [
            new("Denoising strength", Member(json, "initimage") is null ? null : Told("initimagecreativity") ?? "0.6"),
            new("Clip skip", Told("clipstopatlayer")?.TrimStart('-')),
            .. Others(json, "vae", "refinermethod", "refinercontrolpercentage", "refinerupscale", "controlnetmodel", "variationseed",
                "variationseedstrength", "freeuapplyto", "ipadaptermodel", "fluxguidancescale", "seamlesstileable"),
        ]).WithLoras(Listed(json, "loras").Zip(Listed(json, "loraweights").Concat(Enumerable.Repeat((string?)null, MostListed))));
    }

    /// <summary>Fooocus, whose older versions wrote the names as its page shows them.</summary>
    private static PictureSettings? OfFooocus(JsonElement json)
    {
        string? Told(params ReadOnlySpan<string> names) => TextIn(json, names);
        if (Told("base_model", "Base Model") is not { } model) return null;
        var performance = Told("performance", "Performance");
        var steps = Told("steps") ?? performance?.ToLowerInvariant() switch
        {
            "speed" => "30",
            "quality" => "60",
            "extreme speed" => "8",
            "lightning" or "hyper-sd" => "4",
            _ => null,
        };
        var size = (Told("resolution", "Resolution") ?? "").Trim('(', ')').Split(',', '×', 'x');
        return Of("Fooocus", Told("prompt", "Prompt"), Told("negative_prompt", "Negative Prompt"), steps, Told("sampler", "Sampler"),
            Told("scheduler", "Scheduler"), Told("guidance_scale", "Guidance Scale"), Told("seed", "Seed"), size[0], size.ElementAtOrDefault(1), model).With(
        [
            new("Clip skip", Told("clip_skip")),
            .. Others(json, "styles", "Styles", "prompt_expansion", "Fooocus V2 Expansion", "sharpness", "Sharpness", "adm_guidance", "ADM Guidance",
                "refiner_model", "Refiner Model", "vae", "freeu"),
        ]).WithLoras(
        [
            .. Each(json, "loras").Select(pair => pair is { ValueKind: JsonValueKind.Array } both && both.GetArrayLength() == 2
                ? (TextIn(both[0]), TextIn(both[1])) : (TextIn(pair), null)),
            .. from number in Enumerable.Range(1, 5)
               let both = (Told($"lora_combined_{number}", $"LoRA {number}") ?? "").Split(" : ")
               select ((string?)both[0], both.ElementAtOrDefault(1)),
        ]);
    }

    /// <summary>Easy Diffusion writes each setting as a text of its own, or all of them as JSON.</summary>
    private static PictureSettings? OfEasyDiffusion(JsonElement json) => Member(json, "num_inference_steps") is null ? null
        : OfEasyDiffusion(name => TextIn(json, name) ?? (Listed(json, name) is { Count: > 0 } several ? string.Join(", ", several) : null));

    private static PictureSettings OfEasyDiffusion(Func<string, string?> told) =>
        Of("Easy Diffusion", told("prompt"), told("negative_prompt"), told("num_inference_steps"), told("sampler_name"), told("scheduler_name"),
            told("guidance_scale"), told("seed"), told("width"), told("height"), told("use_stable_diffusion_model")).With(
        [
            new("Denoising strength", told("init_image") is null && told("init_image_path") is null ? null : told("prompt_strength")),
            new("Clip skip", told("clip_skip") == "True" ? "2" : null),
            .. Others(told, "use_vae_model", "use_face_correction", "use_upscale", "use_hypernetwork_model",
                "hypernetwork_strength", "use_controlnet_model", "tiling"),
        ]).WithLoras(Parts(told("use_lora_model")).Zip(Parts(told("lora_alpha")).Concat(Enumerable.Repeat((string?)null, MostListed))));

    private static PictureSettings? OfDrawThings(JsonElement json)
    {
        string? Told(params ReadOnlySpan<string> names) => TextIn(json, names);
        if (Told("c") is not { } prompt || Told("steps") is null) return null;
        var size = (Told("size") ?? "").Split('x');
        return Of("Draw Things", prompt, Told("uc"), Told("steps"), Told("sampler"), null, Told("scale"), Told("seed"), size[0], size.ElementAtOrDefault(1),
            Told("model")).With(
        [
            .. Others(json, "control", "seed_mode", "refiner", "upscaler", "hires_fix", "shift"),
        ]).WithLoras(Each(json, "lora").Select(lora => (TextIn(lora, "model", "file"), TextIn(lora, "weight"))));
    }

    /// <summary>As AUTOMATIC1111 reads it (read_info_from_image of modules/images.py): with the two settings that NovelAI's first model had beside.</summary>
    private static PictureSettings? OfNovel(Func<string, string?> told)
    {
        if (told("Comment") is not { } text || Object(text) is not { } json) return null;
        var caption = Member(json, "v4_prompt") is { } prompts && Member(prompts, "caption") is { } given ? TextIn(given, "base_caption") : null;
        var schedule = TextIn(json, "noise_schedule");
        return Of("NovelAI", TextIn(json, "prompt") ?? caption ?? told("Description"), TextIn(json, "uc"), TextIn(json, "steps"),
            WithoutPrefix(TextIn(json, "sampler")), schedule == "native" ? null : schedule, TextIn(json, "scale"), TextIn(json, "seed"),
            TextIn(json, "width"), TextIn(json, "height")).With(
        [
            new("Clip skip", "2"),
            new("ENSD", "31337"),
            new("Denoising strength", TextIn(json, "request_type") == "Img2ImgRequest" ? TextIn(json, "strength") : null),
            .. Others(json, "sm", "sm_dyn", "dynamic_thresholding", "cfg_rescale", "skip_cfg_above_sigma"),
        ]);
    }

    private static PictureSettings? OfInvoke(JsonElement json)
    {
        string? Told(params ReadOnlySpan<string> names) => TextIn(json, names);
        if (Told("positive_prompt") is null && Told("generation_mode") is null) return null;
        var named = Told("scheduler");
        var (sampler, isKarras) = named is not null && named.EndsWith("_k", StringComparison.Ordinal) ? (named[..^2], true) : (named, false);
        return Of("InvokeAI", Told("positive_prompt"), Told("negative_prompt"), Told("steps"), sampler, isKarras ? "karras" : null,
            Told("cfg_scale"), Told("seed"), Told("width"), Told("height"), NameOf(Member(json, "model"))).With(
        [
            new("Denoising strength", Member(json, "init_image") is null && Told("generation_mode")?.Contains("txt2img", StringComparison.Ordinal) != false
                ? null : Told("strength")),
            new("CFG Rescale", Told("cfg_rescale_multiplier") is { } rescale and not ("0" or "0.0") ? rescale : null),
            new("Clip skip", int.TryParse(Told("clip_skip", "skipped_layers"), CultureInfo.InvariantCulture, out var skipped) && skipped is > 0 and < 99
                ? $"{skipped + 1}" : null),
            new("VAE", NameOf(Member(json, "vae"))),
            .. Others(json, "controlnets", "control_layers", "ipAdapters", "t2iAdapters", "refiner_model", "hrf_enabled", "hrf_strength", "seamless_x",
                "seamless_y"),
        ]).WithLoras(Each(json, "loras").Select(lora => (NameOf(Member(lora, "model") ?? Member(lora, "lora")), TextIn(lora, "weight"))));
    }

    private static PictureSettings? OfOlderInvoke(JsonElement json)
    {
        if (Member(json, "image") is not { ValueKind: JsonValueKind.Object } image) return null;
        var prompt = Member(image, "prompt") is { ValueKind: JsonValueKind.Array } parts && parts.GetArrayLength() > 0 ? TextIn(parts[0], "prompt")
            : TextIn(image, "prompt");
        var (words, negative) = DreamLine.WithoutNegative(prompt ?? "");
        return Of("InvokeAI", words, negative, TextIn(image, "steps"), WithoutPrefix(TextIn(image, "sampler")), null, TextIn(image, "cfg_scale"),
            TextIn(image, "seed"), TextIn(image, "width"), TextIn(image, "height"), TextIn(json, "model_weights")).With(
        [
            new("Denoising strength", TextIn(image, "type") == "img2img" ? TextIn(image, "strength") : null),
            .. Others(image, "postprocessing", "variations", "hires_fix", "seamless", "threshold", "perlin"),
        ]);
    }

    private static string? NameOf(JsonElement? model) => model is { ValueKind: JsonValueKind.Object } named ? TextIn(named, "name", "model_name") : null;

    /// <summary>The entries of a list; none where there is no list.</summary>
    private static IEnumerable<JsonElement> Each(JsonElement json, string name) =>
        Member(json, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().Take(MostListed) : [];

    /// <summary>The texts and numbers of a list, or those of a text with commas.</summary>
    private static List<string?> Listed(JsonElement json, string name) =>
        Member(json, name) is { ValueKind: JsonValueKind.Array } ? [.. Each(json, name).Select(entry => TextIn(entry))] : Parts(TextIn(json, name));

    private static List<string?> Parts(string? text) => IsOff(text) || text is null ? []
        : [.. text.Trim('[', ']', '(', ')').Split(',', MostListed).Select(part => part.Trim().Trim('\'', '"'))];

    /// <summary>What else a picture was made with, by the program's own names; what is empty or turned off is left out.</summary>
    private static IEnumerable<KeyValuePair<string, string?>> Others(JsonElement json, params string[] names) =>
        from name in names
        where Member(json, name) is { } value && value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object) || HasAny(Member(json, name))
        let value = Member(json, name)!.Value
        select KeyValuePair.Create(name, IsOff(TextIn(value)) ? null : TextIn(value) ?? value.GetRawText());

    private static IEnumerable<KeyValuePair<string, string?>> Others(Func<string, string?> told, params string[] names) =>
        names.Select(name => KeyValuePair.Create(name, IsOff(told(name)) ? null : told(name)));

    private static bool HasAny(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() > 0,
        { ValueKind: JsonValueKind.Object } members => members.EnumerateObject().Any(),
        _ => false,
    };

    private static bool IsOff(string? value) => value is "" or "None" or "none" or "False" or "false" or "0" or "0.0" or "[]" or "null" or "Default (model)";

    /// <summary>Samplers that k-diffusion brought are called so: "k_lms".</summary>
    public static string? WithoutPrefix(string? sampler) => sampler?.StartsWith("k_", StringComparison.Ordinal) == true ? sampler[2..] : sampler;
}
