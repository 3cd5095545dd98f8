using System.ComponentModel;
using Easel.Server.Jobs;
using Easel.Server.Library;
using ModelContextProtocol.Server;

namespace Easel.Server.Mcp;

/// <summary>What assistants can ask beside having jobs done: which models there are.</summary>
[McpServerToolType]
internal sealed class McpTools(ModelLibrary library)
{
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
