using System.ComponentModel;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Easel.Server.Mcp;

/// <summary>What assistants can have done beside drawing: enlarge, and see which models there are.</summary>
[McpServerToolType]
internal sealed class McpTools(McpJobs jobs, ModelLibrary library)
{
    [McpServerTool(Name = "upscale", Title = "Enlarge a picture", Destructive = false, OpenWorld = false)]
    [Description("Enlarges a picture, with an upscaling network where there is one.")]
    public Task<CallToolResult> Upscale(
        IProgress<ProgressNotificationValue> progress,
        [Description("The picture: an id that another tool gave, or base64 of a PNG, JPEG or WebP file.")] string image,
        [Description("How many times wider and higher, above 0 and at most 16; the network's own if left out.")] double? scale = null,
        [Description("An upscaler that list_models gives, or \"lanczos\" or \"nearest\"; the first network there is if left out.")] string? upscaler = null,
        CancellationToken cancel = default) => jobs.RunAsync(() => new JobRequest
        {
            Task = JobTask.Enlarge,
            Model = upscaler,
            Scale = scale,
            Parameters = ImageFile.ReadMetadata(jobs.Open(image), "the picture").Parameters,
            Request = new GenerationRequest { InitImage = jobs.Pictures.Load(jobs.Open(image), "the picture") },
        }, progress, cancel);

    [McpServerTool(Name = "list_models", Title = "List the models", ReadOnly = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Lists the models to draw with and the upscalers.")]
    public ListedModels ListModels() => new(library.Default?.Name,
        [.. library.Checkpoints.Select(model => new ListedModel(model.Name, model.Family, model.Task, model.NativeSize))],
        [.. library.Entries.Where(entry => entry.Use == ModelUse.Upscaler).Select(entry => entry.Name), PlainEnlargement.Lanczos, PlainEnlargement.Nearest],
            library.Loras);
}

/// <summary>What there is to draw and to enlarge with.</summary>
/// <param name="Loras">What a prompt can call as <c>&lt;lora:name:0.8&gt;</c>.</param>
internal sealed record ListedModels(string? Default, IReadOnlyList<ListedModel> Models, IReadOnlyList<string> Upscalers, IReadOnlyList<string> Loras);

/// <summary>A model that draws.</summary>
/// <param name="Task">What it takes beside words: plain, inpainting, depth or upscaler.</param>
/// <param name="NativeSize">The side in pixels at which it draws best.</param>
internal sealed record ListedModel(string Name, string? Family, string? Task, int? NativeSize);
