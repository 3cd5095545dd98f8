using Easel.Server.Jobs;
using Easel.Server.Json;
using ModelContextProtocol.Server;

namespace Easel.Server.Mcp;

/// <summary>A tool that draws: its arguments are the knobs that assistants may turn.</summary>
internal sealed class DrawingTool : JobTool
{
    private const int MostPictures = 4;

    private static readonly string Count = Knobs.Find(nameof(GenerationRequest.BatchCount))!.McpName!;

    private readonly bool _edits;

    private DrawingTool(string name, string title, string description, bool edits) : base(name, title, description, Schema(edits)) => _edits = edits;

    public static IEnumerable<McpServerTool> All { get; } =
    [
        new DrawingTool("draw", "Draw a picture",
            "Draws a picture from words with Stable Diffusion on this computer. Gives the picture, its seed and its id, which edit and upscale take. "
            + "Short English phrases parted by commas work best.", edits: false),
        new DrawingTool("edit", "Draw on a picture", "Draws a picture anew from words, beginning from another one; with a mask only the white part of it.",
            edits: true),
        new EnlargingTool(),
    ];

    private static JsonObject Schema(bool edits)
    {
        var knobs = Knobs.All.Where(knob => knob.McpName is not null && (edits || knob.Kind != KnobKind.Picture
            && knob.Needs is KnobNeeds.Nothing or KnobNeeds.Detail)).ToList();
        var schema = KnobSchema.Of(knobs, knob => knob.McpName!, edits ? ["prompt", "image"] : ["prompt"]);
        var properties = schema["properties"]!.AsObject();
        properties[Count]!["maximum"] = MostPictures;
        properties["model"] = new JsonObject { ["type"] = "string", ["description"] = "A name that list_models gives; the default model if left out." };
        if (!edits) return schema;
        properties["image"]!["description"] = ImageHelp;
        properties["mask"]!["description"] = "Base64 of a picture as large as the first; white is drawn anew, black is kept. The whole picture if left out.";
        return schema;
    }

    protected override JobRequest Request(McpJobs jobs, JsonObject arguments)
    {
        if (Text(arguments, "prompt") is null) throw new EaselException("prompt is missing: say what the picture shows.");
        var request = new GenerationRequest();
        if (_edits)
        {
            var image = Image(arguments);
            request = request with
            {
                InitImage = jobs.Pictures.Load(jobs.Open(image), "the picture"),
                Mask = Text(arguments, "mask") is { } mask
                    ? jobs.Pictures.LoadMask(new MemoryStream(Base64Picture.Decode(mask, "the mask")), "the mask") : null,
            };
        }
        request = KnobJson.Take(arguments, request, knob => knob.McpName is { } name && Names.Contains(name) ? name : null);
        if (request.BatchCount is < 1 or > MostPictures) throw new EaselException($"{Count} is {request.BatchCount}; it must be from 1 to {MostPictures}.");
        return new JobRequest { Model = Text(arguments, "model"), Request = request };
    }
}
