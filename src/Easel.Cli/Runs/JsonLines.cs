using System.Text.Encodings.Web;
using System.Text.Json;
using Easel.Imaging;

namespace Easel.Cli.Runs;

/// <summary>What <c>--json</c> prints: one object per line.</summary>
internal static class JsonLines
{
    /// <summary>For programs, not for web pages: other alphabets stay readable.</summary>
    private static readonly JsonSerializerOptions Compact = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonSerializerOptions Indented = new(Compact) { WriteIndented = true };

    public static string Picture(string file, GeneratedImage image, ImageMetadata? text) => JsonSerializer.Serialize(new
    {
        Type = "picture",
        File = Path.GetFullPath(file),
        image.Index,
        image.Seed,
        image.Prompt,
        image.Request.NegativePrompt,
        image.Image.Width,
        image.Image.Height,
        Watermark = image.HasWatermark,
        text?.Parameters,
    }, Compact);

    public static string End(GenerationResult result, IReadOnlyList<string> files, string? grid, string model, TimeSpan time) => JsonSerializer.Serialize(new
    {
        Type = "end",
        Pictures = result.Images.Count,
        result.Seed,
        Files = files.Select(Path.GetFullPath),
        Grid = grid is null ? null : Path.GetFullPath(grid),
        Model = Path.GetFullPath(model),
        Seconds = Math.Round(time.TotalSeconds, 3),
        result.Remarks,
    }, Compact);

    public static string Plan(RunPlan plan, string model) => JsonSerializer.Serialize(new
    {
        Type = "plan",
        Model = Path.GetFullPath(model),
        Precision = plan.Precision.ShortName(),
        Weights = plan.Weights.ToString().ToLowerInvariant(),
        plan.Device,
        plan.Width,
        plan.Height,
        plan.Pictures,
        plan.Steps,
        plan.StepGigaflops,
        plan.DecodeGigaflops,
        UnetShare = Math.Round(plan.UNetShare, 4),
        plan.MemoryNeeded,
        plan.MemoryAvailable,
        plan.Fits,
        plan.ReleasesTextEncoder,
        plan.ReleasesUNet,
        plan.DecoderTile,
        LoadingSeconds = Seconds(plan.Loading),
        StepSeconds = Seconds(plan.Step),
        DrawingSeconds = Seconds(plan.Drawing),
        Learnt = plan.IsLearnt,
    }, Compact);

    private static double? Seconds(TimeSpan? time) => time is { } known ? Math.Round(known.TotalSeconds, 3) : null;

    /// <summary>A whole object over several lines, for the commands that tell about a thing.</summary>
    public static string Document(object value) => JsonSerializer.Serialize(value, Indented);
}
