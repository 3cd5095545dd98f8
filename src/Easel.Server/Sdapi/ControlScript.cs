using Easel.Imaging;
using Easel.Server.Json;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>The units of the ControlNet extension of AUTOMATIC1111's web UI, as bodies carry them: <c>alwayson_scripts.controlnet.args</c>. Names, aliases and
/// defaults are the extension's; what Easel does not do is refused.</summary>
internal static class ControlScript
{
    private const string NoModel = "None", Picture = "the picture of a ControlNet unit", Mask = "the mask of a ControlNet unit";

    /// <summary>What a unit may hold at one value only.</summary>
    private static readonly Dictionary<string, string> Fixed = new()
    {
        ["input_mode"] = "simple",
        ["hr_option"] = "Both",
        ["advanced_weighting"] = "null",
        ["effective_region_mask"] = "null",
        ["ipadapter_input"] = "null",
        ["loopback"] = "false",
    };

    public static bool Is(string script) => script.Equals("controlnet", StringComparison.OrdinalIgnoreCase);

    /// <summary>The units of a body that are turned on.</summary>
    public static IReadOnlyList<ControlUnit> Units(DrawingBody body, PictureReader pictures) =>
        [.. Enabled(body).Select(unit => UnitOf(unit, pictures, body.Notes))];

    /// <summary>The hints of the units that ask for theirs to be sent back, as large as the pictures.</summary>
    public static IEnumerable<RgbImage> Maps(DrawingBody body, GenerationRequest request, int width, int height, string? depthModel)
    {
        foreach (var (sent, unit) in Enabled(body).Zip(request.Controls))
        {
            if (KnobJson.Truth(sent["save_detected_map"]?.ToString() ?? "true") == false) continue;
            if ((unit.Picture ?? request.InitImage) is { } picture) yield return Hint.For(unit, picture, width, height, depthModel);
        }
    }

    /// <summary>A network as the extension lists it: its name, and the first eight digits of the hash that it takes of a part of the file.</summary>
    public static string TitleOf(KeyValuePair<string, string> network)
    {
        const int At = 0x100000, Length = 0x10000;
        try
        {
            using var file = File.OpenRead(network.Value);
            file.Seek(Math.Min(At, file.Length), SeekOrigin.Begin);
            var part = new byte[Length];
            var read = file.ReadAtLeast(part, Length, throwOnEndOfStream: false);
            return $"{network.Key} [{Convert.ToHexStringLower(SHA256.HashData(part.AsSpan(0, read)))[..8]}]";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return network.Key; // it went away, or may not be read
        }
    }

    /// <summary>The row of a module; refuses one that needs a network that Easel does not have.</summary>
    public static HintInfo ModuleOf(string name) => HintInfo.Find(name)
        ?? throw Refused($"module({name}) not found in supported modules; there are {string.Join(", ", HintInfo.All.Select(row => row.Module))}.");

    private static IEnumerable<JsonObject> Enabled(DrawingBody body)
    {
        var script = body.AlwaysonScripts.FirstOrDefault(named => Is(named.Key)).Value;
        if (script is null) yield break;
        if (script is not JsonObject { } holder || (holder["args"] ?? new JsonArray()) is not JsonArray args)
            throw Refused("alwayson_scripts.controlnet must be an object with the list args.");
        foreach (var arg in args)
        {
            if (arg is null) continue;
            if (arg is not JsonObject unit) throw Refused("alwayson_scripts.controlnet.args must hold objects, one for each unit.");
            if (KnobJson.Truth(unit["enabled"]?.ToString() ?? "true") is not false) yield return unit;
        }
    }

    private static ControlUnit UnitOf(JsonObject sent, PictureReader pictures, List<string> notes)
    {
        var module = ModuleOf(Text(sent, "module") ?? "none");
        if (Text(sent, "model") is not { } model || model.Equals(NoModel, StringComparison.OrdinalIgnoreCase))
            throw Refused("A ControlNet unit is enabled that names no model; GET /controlnet/model_list lists those there are.");
        if (module.Kind == HintKind.Inpaint && (sent["image"] ?? sent["input_image"]) is not null)
            throw Refused("A ControlNet unit that inpaints goes by the picture and the mask of img2img here; send them as init_images and mask.");
        var numbers = new ModuleNumbers(module, notes);
        var isPixelPerfect = KnobJson.Truth(Text(sent, "pixel_perfect") ?? "false") == true;
        var unit = new ControlUnit
        {
            Network = model,
            Hint = module.Kind,
            Picture = module.Kind == HintKind.Inpaint ? null : PictureOf(sent, pictures),
            Strength = Number(sent, "weight") ?? 1,
            Start = Number(sent, "guidance_start") ?? 0,
            End = Number(sent, "guidance_end") ?? Number(sent, "guidance") ?? 1,
            Fit = Text(sent, "resize_mode") is { } fit ? ControlUnit.FitOf(fit) ?? throw Wrong("resize_mode", fit) : ImageFit.Crop,
            Mode = Text(sent, "control_mode") is { } mode ? ControlUnit.ModeOf(mode) ?? throw Wrong("control_mode", mode) : ControlMode.Balanced,
            Resolution = isPixelPerfect ? null : numbers.Side("processor_res", Number(sent, "processor_res")),
            ThresholdA = numbers.Threshold("threshold_a", Number(sent, "threshold_a"), 0),
            ThresholdB = numbers.Threshold("threshold_b", Number(sent, "threshold_b"), 1),
            UnionType = Text(sent, "union_control_type") is { } type && !type.Equals("Unknown", StringComparison.OrdinalIgnoreCase) ? type : null,
        };
        foreach (var (name, value) in sent)
            if (Fixed.TryGetValue(name, out var only) && (value?.ToString() ?? "null") is var said && !said.Equals(only, StringComparison.OrdinalIgnoreCase)
                && !(name == "advanced_weighting" && value is JsonArray { Count: 0 }))
                throw Refused($"Easel does not do what a ControlNet unit's {name} asks for; it can only be {only}.");
        return unit;
    }

    /// <summary>The picture, which may travel alone, in an object or in a list with its mask. A mask that is neither empty nor full is what was scribbled, and
    /// the picture then, as in the extension.</summary>
    private static RgbImage? PictureOf(JsonObject sent, PictureReader pictures)
    {
        var (image, mask) = ((sent["image"] ?? sent["input_image"]) switch
        {
            JsonArray { Count: 1 } only => only[0],
            JsonArray { Count: 2 } both when both[0] is JsonValue => new JsonObject { ["image"] = both[0]!.DeepClone(), ["mask"] = both[1]?.DeepClone() },
            JsonArray { Count: > 1 } many => throw Refused($"A ControlNet unit holds {many.Count} pictures; Easel goes by one, so send a unit for each."),
            var one => one,
        }) switch
        {
            JsonObject pair => (pair["image"]?.ToString(), pair["mask"]?.ToString()),
            JsonValue text => (text.ToString(), Text(sent, "mask") ?? Text(sent, "mask_image")),
            _ => (null, null),
        };
        if (string.IsNullOrEmpty(image)) return null;
        var picture = pictures.Load(SentPicture.Open(image, Picture), Picture);
        if (string.IsNullOrEmpty(mask)) return picture;
        var drawn = pictures.Load(SentPicture.Open(mask, Mask), Mask);
        return drawn.Pixels.All(value => value <= 5) || drawn.Pixels.All(value => value >= 250) ? picture : drawn;
    }

    private static string? Text(JsonObject sent, string name) => sent[name] is JsonValue value ? value.ToString() : null;

    private static double? Number(JsonObject sent, string name) => Text(sent, name) is not { } text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong(name, text);

    private static Exception Wrong(string name, string value) => Refused($"A ControlNet unit's {name} is {value}, which it cannot be.");
}
