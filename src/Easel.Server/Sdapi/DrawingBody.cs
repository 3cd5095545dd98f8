using System.Text.Json.Nodes;

namespace Easel.Server.Sdapi;

/// <summary>What txt2img and img2img have in common. Names, types and defaults are those of AUTOMATIC1111's web UI.</summary>
internal abstract record DrawingBody
{
    public string Prompt { get; init; } = "";
    public string NegativePrompt { get; init; } = "";
    public IReadOnlyList<string> Styles { get; init; } = [];
    public long Seed { get; init; } = -1;
    public long Subseed { get; init; } = -1;
    public double SubseedStrength { get; init; }
    public int SeedResizeFromH { get; init; } = -1;
    public int SeedResizeFromW { get; init; } = -1;
    public string? SamplerName { get; init; }
    public string? Scheduler { get; init; }
    public int BatchSize { get; init; } = 1;
    public int NIter { get; init; } = 1;
    public int Steps { get; init; } = 50;
    public double CfgScale { get; init; } = 7;
    public int Width { get; init; } = 512;
    public int Height { get; init; } = 512;
    public bool? RestoreFaces { get; init; }
    public bool? Tiling { get; init; }
    public bool DoNotSaveSamples { get; init; }
    public bool DoNotSaveGrid { get; init; }
    public double? Eta { get; init; }
    public double DenoisingStrength { get; init; } = 0.75;
    public double? SMinUncond { get; init; }
    public double? SChurn { get; init; }
    public double? STmax { get; init; }
    public double? STmin { get; init; }
    public double? SNoise { get; init; }
    public JsonObject? OverrideSettings { get; init; }
    public bool OverrideSettingsRestoreAfterwards { get; init; } = true;
    public string? RefinerCheckpoint { get; init; }
    public double? RefinerSwitchAt { get; init; }
    public bool DisableExtraNetworks { get; init; }
    public string? FirstpassImage { get; init; }
    public JsonObject? Comments { get; init; }
    public string SamplerIndex { get; init; } = "Euler";
    public string? ScriptName { get; init; }
    public JsonArray ScriptArgs { get; init; } = [];
    public bool SendImages { get; init; } = true;
    public bool SaveImages { get; init; }
    public JsonObject AlwaysonScripts { get; init; } = [];
    public string? ForceTaskId { get; init; }
    public string? Infotext { get; init; }
}

/// <summary>The body of txt2img.</summary>
internal sealed record TextToImageBody : DrawingBody
{
    public bool EnableHr { get; init; }
    public int FirstphaseWidth { get; init; }
    public int FirstphaseHeight { get; init; }
    public double HrScale { get; init; } = 2;
    public string? HrUpscaler { get; init; }
    public int HrSecondPassSteps { get; init; }
    public int HrResizeX { get; init; }
    public int HrResizeY { get; init; }
    public string? HrCheckpointName { get; init; }
    public string? HrSamplerName { get; init; }
    public string? HrScheduler { get; init; }
    public string HrPrompt { get; init; } = "";
    public string HrNegativePrompt { get; init; } = "";
}

/// <summary>The body of img2img.</summary>
internal sealed record ImageToImageBody : DrawingBody
{
    public IReadOnlyList<string>? InitImages { get; init; }
    public int ResizeMode { get; init; }
    public double? ImageCfgScale { get; init; }
    public string? Mask { get; init; }
    public double? MaskBlurX { get; init; } = 4;
    public double? MaskBlurY { get; init; } = 4;
    public double? MaskBlur { get; init; }
    public bool MaskRound { get; init; } = true;
    public int InpaintingFill { get; init; }
    public bool InpaintFullRes { get; init; } = true;
    public int InpaintFullResPadding { get; init; }
    public int InpaintingMaskInvert { get; init; }
    public double? InitialNoiseMultiplier { get; init; }
    public string? LatentMask { get; init; }
    public bool IncludeInitImages { get; init; }
}
