using Easel.Server.Json;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>What a body has in alwayson_scripts: the web UI's own, which repeat settings, and extensions that Easel lacks, which may only be idle. Clients
/// copy both from the web UI's "API payload".</summary>
internal static class AlwaysOnScripts
{
    /// <summary>The names that are honoured or do nothing that could be missed, in lower case.</summary>
    public static IReadOnlyList<string> Names { get; } = ["adetailer", "comments", "extra options", "hypertile", "refiner", "sampler", "seed"];

    /// <summary>A body with what its scripts say.</summary>
    /// <exception cref="Errors.ServerException">A script that Easel lacks is to do something (422).</exception>
    public static T Apply<T>(T body) where T : DrawingBody
    {
        foreach (var (name, script) in body.AlwaysonScripts.Where(named => !ControlScript.Is(named.Key)))
        {
            var given = script is JsonObject named ? named["args"] : script;
            JsonArray args = given switch { JsonArray list => list, JsonObject one => [one.DeepClone()], _ => [] };
            body = name.ToLowerInvariant() switch
            {
                "seed" => body with { Request = Seed(body.Request, args) },
                "sampler" => body with { Request = Sampler(body.Request, args) },
                "refiner" when At(args, 0) is { } on && KnobJson.Truth(on) == true =>
                    body with { Request = Refined(body.Request, args) },
                "adetailer" => Details(body, args),
                "hypertile" when !IsIdle(name, args) => Noted(body, "Hypertile was passed over: Easel draws large pictures without it."),
                "tiled vae" or "never oom integrated" when !IsIdle(name, args) =>
                    Noted(body, $"{name} was passed over: it saves memory, which Easel does by itself."),
                "extra options" when args.Count > 0 => Noted(body, "Extra options were passed over; name them in override_settings."),
                var known when Names.Contains(known) => body,
                _ when IsIdle(name, args) => body,
                _ => throw Refused($"always on script {name} not found: Easel lacks this extension, so it can only be left out or disabled."),
            };
        }
        return body;
    }

    /// <summary>The first unit of ADetailer that looks for faces; its other arguments are shaped by the picture.</summary>
    private static T Details<T>(T body, JsonArray args) where T : DrawingBody
    {
        if (args.FirstOrDefault() is JsonValue on && KnobJson.Truth(on) == false) return body;
        var units = args.OfType<JsonObject>().Where(unit => !IsOff(unit)).ToList();
        if (units.Count == 0) return body;
        if (units.FirstOrDefault(unit => $"{unit["ad_model"]}".Contains("face", StringComparison.OrdinalIgnoreCase)) is not { } faces)
            throw Refused($"ADetailer's ad_model is \"{units[0]["ad_model"]}\"; Easel finds faces, so that it must be a model of faces such as "
                + $"face_yolov8n.pt.");
        if (units.Count > 1) body.Notes.Add("Of ADetailer's units the first that looks for faces was used; the others were passed over.");
        body.Notes.Add("ADetailer was done as a detail pass, with Easel's own finder of faces: of its arguments model, prompt, confidence and denoising "
            + "strength count.");
        var request = body.Request;
        return body with
        {
            Request = request with
            {
                Detail = DetailKind.Faces,
                DetailPrompt = Read(nameof(request.DetailPrompt), faces["ad_prompt"]) is string { Length: > 0 } prompt ? prompt : request.DetailPrompt,
                DetailStrength = (double?)Read(nameof(request.DetailStrength), faces["ad_denoising_strength"]) ?? request.DetailStrength,
                DetailConfidence = (double?)Read(nameof(request.DetailConfidence), faces["ad_confidence"]) ?? request.DetailConfidence,
            },
        };
    }

    private static T Noted<T>(T body, string note) where T : DrawingBody
    {
        body.Notes.Add(note);
        return body;
    }

    /// <summary>seed, whether there is more, variation seed, its strength, and the size whose noise the seed is to give.</summary>
    private static GenerationRequest Seed(GenerationRequest request, JsonArray args)
    {
        if (Read(nameof(request.Seed), At(args, 0)) is long seed) request = request with { Seed = seed };
        if (KnobJson.Truth(At(args, 1)) != true) return request;
        return request with
        {
            VariationSeed = (long?)Read(nameof(request.VariationSeed), At(args, 2)) ?? request.VariationSeed,
            VariationStrength = (double?)Read(nameof(request.VariationStrength), At(args, 3)) ?? request.VariationStrength,
            SeedResizeWidth = (int?)Read(nameof(request.SeedResizeWidth), At(args, 4)) ?? request.SeedResizeWidth,
            SeedResizeHeight = (int?)Read(nameof(request.SeedResizeHeight), At(args, 5)) ?? request.SeedResizeHeight,
        };
    }

    /// <summary>steps, sampler, schedule.</summary>
    private static GenerationRequest Sampler(GenerationRequest request, JsonArray args) => request with
    {
        Steps = (int?)Read(nameof(request.Steps), At(args, 0)) ?? request.Steps,
        Sampler = Read(nameof(request.Sampler), At(args, 1)) is string { Length: > 0 } sampler ? sampler : request.Sampler,
        Schedule = Read(nameof(request.Schedule), At(args, 2)) is string { Length: > 0 } schedule ? schedule : request.Schedule,
    };

    /// <summary>Whether there is one (read before), checkpoint, share of the steps.</summary>
    private static GenerationRequest Refined(GenerationRequest request, JsonArray args) => request with
    {
        Refiner = Read(nameof(request.Refiner), At(args, 1)) as string,
        RefinerAt = (double?)Read(nameof(request.RefinerAt), At(args, 2)) ?? request.RefinerAt,
    };

    private static JsonNode? At(JsonArray args, int place) => place < args.Count ? args[place] : null;

    private static object? Read(string property, JsonNode? value) => value is null ? null : KnobJson.Read(Knobs.Find(property)!, value);

    /// <summary>Whether a script has nothing to do, as far as its arguments tell: none at all, a first switch that is off, or units of which none
    /// is on.</summary>
    public static bool IsIdle(string name, JsonArray args)
    {
        var values = args.Where(value => value is not null).ToList();
        if (values.Count == 0) return true;
        // Those that swap faces have the face first and their switch behind it.
        var first = ((string[])["reactor", "roop", "faceswaplab"]).Contains(name.ToLowerInvariant()) ? At(args, 1) : args[0];
        if (first is JsonValue && (KnobJson.Truth(first) == false || $"{first}".Length == 0)) return true;
        var units = values.OfType<JsonObject>().ToList();
        return units.Count > 0 && units.Count >= values.Count(value => value is not JsonValue) && units.All(IsOff);
    }

    private static bool IsOff(JsonObject unit) => unit.Count == 0
        || ((string[])["enabled", "enable", "is_enabled", "active"]).Any(name => KnobJson.Truth(unit[name]) == false)
        || unit.TryGetPropertyValue("ad_model", out var model) && $"{model}" is "" or "None";
}
