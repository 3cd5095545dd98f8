using System.Text.Encodings.Web;
using System.Text.Json;
using Easel.Imaging;

namespace Easel.Cli;

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

    /// <summary>A whole object over several lines, for the commands that tell about a thing.</summary>
    public static string Document(object value) => JsonSerializer.Serialize(value, Indented);
}
