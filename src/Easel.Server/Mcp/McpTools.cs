using System.ComponentModel;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Library;
using Easel.Server.Security;
using Easel.Server.Storage;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Easel.Server.Mcp;

/// <summary>What assistants can have done: draw, edit, enlarge, and see which models there are.</summary>
[McpServerToolType]
internal sealed class McpTools(JobQueue queue, Gallery gallery, ModelLibrary library, IHttpContextAccessor http)
{
    [McpServerTool(Name = "draw", Title = "Draw a picture", Destructive = false, OpenWorld = false)]
    [Description("Draws a picture from words with Stable Diffusion on this computer. Gives the picture, its seed and its id, which edit and upscale take.")]
    public Task<CallToolResult> Draw(
        IProgress<ProgressNotificationValue> progress,
        [Description("What the picture shows, in English; short phrases parted by commas work best.")] string prompt,
        [Description("What it should not show.")] string negative_prompt = "",
        [Description("Width in pixels, a multiple of 8; the model's own if left out.")] int? width = null,
        [Description("Height in pixels, a multiple of 8; the model's own if left out.")] int? height = null,
        [Description("Sampling steps: more take longer and are finer.")] int steps = 25,
        [Description("How strongly the words pull, 0 to 100.")] double guidance = 7.5,
        [Description("A number that makes the same picture again; random if left out.")] long? seed = null,
        [Description("How many pictures, 1 to 4.")] int count = 1,
        [Description("A name that list_models gives; the default model if left out.")] string? model = null,
        CancellationToken cancel = default)
    {
        if (count is < 1 or > 4) throw new McpException($"The count is {count}; it must be from 1 to 4.");
        return Run(new JobRequest
        {
            Model = model,
            Request = new GenerationRequest
            {
                Prompt = prompt,
                NegativePrompt = negative_prompt,
                Width = width,
                Height = height,
                Steps = steps,
                GuidanceScale = guidance,
                Seed = seed,
                BatchCount = count,
            },
        }, progress, cancel);
    }

    [McpServerTool(Name = "edit", Title = "Draw on a picture", Destructive = false, OpenWorld = false)]
    [Description("Draws a picture anew from words, beginning from another one; with a mask only the white part of it.")]
    public Task<CallToolResult> Edit(
        IProgress<ProgressNotificationValue> progress,
        [Description("What the picture shall show.")] string prompt,
        [Description("The picture: an id that another tool gave, or base64 of a PNG, JPEG or WebP file.")] string image,
        [Description("Base64 of a picture as large as the first; white is drawn anew, black is kept. The whole picture if left out.")] string? mask = null,
        [Description("How far the result may stray, 0 to 1.")] double strength = 0.75,
        [Description("What it should not show.")] string negative_prompt = "",
        [Description("Sampling steps.")] int steps = 25,
        [Description("How strongly the words pull, 0 to 100.")] double guidance = 7.5,
        [Description("A number that makes the same picture again; random if left out.")] long? seed = null,
        [Description("A name that list_models gives; the default model if left out.")] string? model = null,
        CancellationToken cancel = default) => Run(() => new JobRequest
        {
            Model = model,
            Request = new GenerationRequest
            {
                Prompt = prompt,
                NegativePrompt = negative_prompt,
                InitImage = ImageFile.Load(Open(image), "the picture"),
                Mask = mask is null ? null : ImageFile.LoadMask(new MemoryStream(Base64Picture.Decode(mask, "the mask")), "the mask"),
                Strength = strength,
                Steps = steps,
                GuidanceScale = guidance,
                Seed = seed,
            },
        }, progress, cancel);

    [McpServerTool(Name = "upscale", Title = "Enlarge a picture", Destructive = false, OpenWorld = false)]
    [Description("Enlarges a picture, with an upscaling network where there is one.")]
    public Task<CallToolResult> Upscale(
        IProgress<ProgressNotificationValue> progress,
        [Description("The picture: an id that another tool gave, or base64 of a PNG, JPEG or WebP file.")] string image,
        [Description("How many times wider and higher, above 0 and at most 16; the network's own if left out.")] double? scale = null,
        [Description("An upscaler that list_models gives, or \"lanczos\" or \"nearest\"; the first network there is if left out.")] string? upscaler = null,
        CancellationToken cancel = default) => Run(() => new JobRequest
        {
            Task = JobTask.Enlarge,
            Model = upscaler,
            Scale = scale,
            Parameters = ImageFile.ReadMetadata(Open(image), "the picture").Parameters,
            Request = new GenerationRequest { InitImage = ImageFile.Load(Open(image), "the picture") },
        }, progress, cancel);

    [McpServerTool(Name = "list_models", Title = "List the models", ReadOnly = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Lists the models to draw with and the upscalers.")]
    public ListedModels ListModels() => new(library.Default?.Name,
        [.. library.Checkpoints.Select(model => new ListedModel(model.Name, model.Family, model.Task, model.NativeSize))],
        [.. library.Entries.Where(entry => entry.Use == ModelUse.Upscaler).Select(entry => entry.Name), PlainEnlargement.Lanczos, PlainEnlargement.Nearest], library.Loras);

    private Task<CallToolResult> Run(JobRequest request, IProgress<ProgressNotificationValue> progress, CancellationToken cancel) => Run(() => request, progress, cancel);

    private async Task<CallToolResult> Run(Func<JobRequest> request, IProgress<ProgressNotificationValue> progress, CancellationToken cancel)
    {
        try
        {
            var job = queue.Submit(request(), Caller.Of(http.HttpContext!));
            try
            {
                await foreach (var happened in queue.Watch(job.Id, cancel))
                {
                    job = happened.Job;
                    if (job.Progress is not { } now) continue;
                    progress.Report(new ProgressNotificationValue { Progress = (float)now.Share, Total = 1, Message = $"{now.Stage} {now.Step}/{now.StepCount}" });
                }
            }
            finally
            {
                queue.Cancel(job.Id); // nothing where it is over; else nobody is left to look at it
            }
            return job.State == JobState.Done ? Result(job) : throw new McpException(job.Error ?? "The job was cancelled.");
        }
        catch (EaselException e)
        {
            throw new McpException(e.Message, e);
        }
    }

    private CallToolResult Result(Job job)
    {
        var content = new List<ContentBlock>();
        foreach (var picture in job.Pictures.Select(id => gallery.Find(id)!))
        {
            content.Add(ImageContentBlock.FromBytes(gallery.Read(picture.Id), "image/png"));
            var seed = picture.Seed is { } known ? $", seed {known}" : "";
            content.Add(new TextContentBlock { Text = $"id {picture.Id}, {picture.Width}x{picture.Height}{seed}, model {job.Request.Model}" });
        }
        content.AddRange(job.Remarks.Select(remark => new TextContentBlock { Text = remark }));
        return new CallToolResult { Content = content };
    }

    private MemoryStream Open(string image) => new(gallery.Find(image) is { Deleted: null } ? gallery.Read(image) : Base64Picture.Decode(image, "the picture"), writable: false);
}

/// <summary>What there is to draw and to enlarge with.</summary>
/// <param name="Default">The model where none is named; null where there is none.</param>
/// <param name="Models">The models that draw.</param>
/// <param name="Upscalers">The upscalers.</param>
/// <param name="Loras">What a prompt can call as <c>&lt;lora:name:0.8&gt;</c>.</param>
internal sealed record ListedModels(string? Default, IReadOnlyList<ListedModel> Models, IReadOnlyList<string> Upscalers, IReadOnlyList<string> Loras);

/// <summary>A model that draws.</summary>
/// <param name="Name">Its name for the tools.</param>
/// <param name="Family">Such as "Stable Diffusion 1".</param>
/// <param name="Task">What it takes beside words: plain, inpainting, depth or upscaler.</param>
/// <param name="NativeSize">The side in pixels at which it draws best.</param>
internal sealed record ListedModel(string Name, string? Family, string? Task, int? NativeSize);
