using Easel.Imaging;

namespace Easel.Server.Sdapi;

/// <summary>
/// What txt2img and img2img have in common. Names, types and defaults are those of AUTOMATIC1111's web UI, but for what the model decides: steps, guidance,
/// sampler and size are the model's where a body leaves them out.
/// </summary>
internal abstract record DrawingBody
{
    /// <summary>What holds where a body of img2img is silent.</summary>
    public static GenerationRequest SilentOfPicture { get; } = new() { Fit = ImageFit.Stretch, Fill = MaskFill.Blur, OnlyMasked = true, OnlyMaskedPadding = 0 };

    /// <summary>What holds where a body of txt2img is silent.</summary>
    public static GenerationRequest SilentOfText { get; } = new() { HiresScale = 2, HiresUpscaler = GenerationRequest.LatentEnlargers[0] };

    /// <summary>What the knobs of the body say.</summary>
    [JsonIgnore]
    public GenerationRequest Request { get; init; } = new();

    /// <summary>The properties of the knobs that the body names.</summary>
    [JsonIgnore]
    public IReadOnlySet<string> Named { get; init; } = new HashSet<string>();

    /// <summary>What the caller should be told of the body, beside what is told of the run.</summary>
    [JsonIgnore]
    public List<string> Notes { get; init; } = [];

    /// <summary>The grid that the body's script asks for; null where it names none. Known once its jobs are.</summary>
    [JsonIgnore]
    public ScriptGrid? Grid { get; set; }

    public IReadOnlyList<string> Styles { get; init; } = [];
    public bool? RestoreFaces { get; init; }
    public bool DoNotSaveSamples { get; init; }
    public bool DoNotSaveGrid { get; init; }
    public JsonObject? OverrideSettings { get; init; }
    public bool OverrideSettingsRestoreAfterwards { get; init; } = true;
    public bool DisableExtraNetworks { get; init; }
    public string? FirstpassImage { get; init; }
    public JsonNode? Comments { get; init; }
    public string? ScriptName { get; init; }
    public JsonArray ScriptArgs { get; init; } = [];
    public bool SendImages { get; init; } = true;
    public bool SaveImages { get; init; }
    public JsonObject AlwaysonScripts { get; init; } = [];
    public string? ForceTaskId { get; init; }
    public string? Infotext { get; init; }
}

internal sealed record TextToImageBody : DrawingBody
{
    public bool EnableHr { get; init; }
    public int FirstphaseWidth { get; init; }
    public int FirstphaseHeight { get; init; }
    public string? HrCheckpointName { get; init; }
}

internal sealed record ImageToImageBody : DrawingBody
{
    public IReadOnlyList<string>? InitImages { get; init; }
    public double? ImageCfgScale { get; init; }
    public string? Mask { get; init; }
    public bool MaskRound { get; init; } = true;
    public string? LatentMask { get; init; }
    public bool IncludeInitImages { get; init; }

    /// <summary>The rounds that the body's script asks for; null where it names none.</summary>
    [JsonIgnore]
    public PictureScript? Script { get; set; }
}
