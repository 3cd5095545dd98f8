using Easel.Imaging;
using Easel.Server.Jobs;

namespace Easel.Server.Mcp;

/// <summary>The tool that enlarges.</summary>
internal sealed class EnlargingTool() : JobTool("upscale", "Enlarge a picture", "Enlarges a picture, with an upscaling network where there is one.",
    new JsonObject
    {
        ["type"] = "object",
        ["properties"] = new JsonObject
        {
            ["image"] = Property("string", ImageHelp),
            ["scale"] = Property("number", "How many times wider and higher, above 0 and at most 16; the network's own if left out."),
            ["upscaler"] = Property("string", "An upscaler that list_models gives, or \"lanczos\" or \"nearest\"; the first network there is if left out."),
        },
        ["required"] = new JsonArray("image"),
    })
{
    protected override JobRequest Request(McpJobs jobs, JsonObject arguments)
    {
        var image = Image(arguments);
        return new JobRequest
        {
            Task = JobTask.Enlarge,
            Model = Text(arguments, "upscaler"),
            Scale = arguments["scale"] is not { } scale ? null
                : double.TryParse(scale.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var times) ? times
                : throw new EaselException($"scale is {scale.ToJsonString()}; it must be a number above 0 and at most 16."),
            Parameters = ImageFile.ReadMetadata(jobs.Open(image), "the picture").Parameters,
            Request = new GenerationRequest { InitImage = jobs.Pictures.Load(jobs.Open(image), "the picture") },
        };
    }

    private static JsonObject Property(string type, string description) => new() { ["type"] = type, ["description"] = description };
}
