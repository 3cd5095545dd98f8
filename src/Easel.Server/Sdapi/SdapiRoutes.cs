using System.Net;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Library;
using Easel.Server.Security;
using Easel.Server.Storage;

namespace Easel.Server.Sdapi;

/// <summary>The API of AUTOMATIC1111's web UI, for programs that speak it already.</summary>
internal static class SdapiRoutes
{
    public static void Add(IServiceCollection services) => services.AddSingleton<SdapiOptions>().AddSingleton<SdapiTasks>().AddSingleton<SdapiReply>()
        .AddSingleton<DrawingJobs>().AddSingleton<Extras>().AddSingleton<Listings>().AddSingleton<IOtherForm, SdapiErrors>();

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/internal/ping", () => Results.Json(new { })).ExcludeFromDescription(); // some clients ask whether the web UI is there
        app.MapGet("/internal/sysinfo", (Listings lists) => SdapiJson.Answer(lists.Machine())).ExcludeFromDescription();
        var api = app.MapGroup("/sdapi/v1").ExcludeFromDescription().AddEndpointFilter(SdapiErrors.Filter);
        MapDrawing(api);
        MapControl(api);
        MapLists(api);
        MapWhatIsNotDone(api);
        app.MapGet("/openapi.json", (EndpointDataSource source) => SdapiJson.Answer(SdapiDocument.Of(source))).ExcludeFromDescription();
    }

    private static void MapDrawing(RouteGroupBuilder api)
    {
        api.MapPost("/txt2img",
            async (HttpContext context, DrawingJobs drawing, ModelLibrary library, Gallery gallery, ServerOptions server, SdapiTasks tasks, SdapiReply reply,
                SdapiOptions options) =>
        {
            var body = await SdapiJson.ReadDrawingAsync<TextToImageBody>(context);
            var requests = drawing.Of(ref body);
            var hires = OtherModelPass.Of(body, requests[0], library, server.Limits);
            if (hires is not null && body.Grid is not null)
                throw ServerException.Refused("hr_checkpoint_name names another model, which does not go with a script that draws a grid.");
            using var task = Begin(context, body, "txt2img", tasks, options);
            var jobs = body.Grid is { } grid ? await task.RunGridAsync(grid.Places, grid.Sheet, context.RequestAborted)
                : hires is null ? await task.RunAsync(requests, context.RequestAborted)
                : await hires.RunAsync(task, requests, gallery, context.RequestAborted);
            return reply.Of(body, requests, jobs, task.Started);
        }).WithMetadata(new SdapiTakes(typeof(TextToImageBody), "StableDiffusionProcessingTxt2Img"));
        api.MapPost("/img2img", async (HttpContext context, DrawingJobs drawing, Gallery gallery, SdapiTasks tasks, SdapiReply reply, SdapiOptions options) =>
        {
            var body = await SdapiJson.ReadDrawingAsync<ImageToImageBody>(context);
            var requests = drawing.Of(ref body);
            using var task = Begin(context, body, "img2img", tasks, options);
            var jobs = body.Grid is { } grid ? await task.RunGridAsync(grid.Places, grid.Sheet, context.RequestAborted)
                : body.Script is { } script ? await script.RunAsync(task, requests[0], body.Request.BatchCount, gallery, context.RequestAborted)
                : await task.RunAsync(requests, context.RequestAborted);
            return reply.Of(body, requests, jobs, task.Started);
        }).WithMetadata(new SdapiTakes(typeof(ImageToImageBody), "StableDiffusionProcessingImg2Img"));
        api.MapPost("/extra-single-image", async Task<object> (HttpContext context, Extras extras, SdapiReply reply) =>
        {
            var body = await SdapiJson.ReadAsync<ExtrasImageBody>(context);
            var notes = new List<string>();
            var png = await extras.EnlargeAsync(body, body.Image, Caller.Of(context), notes, context.RequestAborted);
            return new { html_info = HtmlOf(notes), image = reply.Encode(png, []) };
        }).WithMetadata(new SdapiTakes(typeof(ExtrasImageBody), "ExtrasSingleImageRequest"));
        api.MapPost("/extra-batch-images", async Task<object> (HttpContext context, Extras extras, SdapiReply reply, PictureReader pictures) =>
        {
            var body = await SdapiJson.ReadAsync<ExtrasImagesBody>(context);
            var (images, notes) = (new List<string>(), new HashSet<string>());
            foreach (var file in body.Files())
            {
                pictures.BeginRequest(); // for they are held one after another
                images.Add(reply.Encode(await extras.EnlargeAsync(body, file.Data, Caller.Of(context), notes, context.RequestAborted), []));
            }
            return new { html_info = HtmlOf(notes), images };
        }).WithMetadata(new SdapiTakes(typeof(ExtrasImagesBody), "ExtrasBatchImagesRequest"));
        api.MapPost("/png-info", (Delegate)PngInfo.AnswerAsync).WithMetadata(new SdapiTakes(typeof(PngInfoBody), "PNGInfoRequest"));
    }

    /// <summary>What is to be told, as the web UI has it: paragraphs.</summary>
    private static string HtmlOf(IEnumerable<string> notes) => string.Concat(notes.Select(note => $"<p>{WebUtility.HtmlEncode(note)}</p>"));

    private static SdapiTask Begin(HttpContext context, DrawingBody body, string name, SdapiTasks tasks, SdapiOptions options)
    {
        if (!body.OverrideSettingsRestoreAfterwards) options.Set(DrawingJobs.Overrides(body));
        // Who wants the pictures saved wants them though the connection breaks; for anybody else they would be drawn in vain.
        return tasks.Begin("scripts_" + name, Caller.Of(context), alone: body.SaveImages);
    }

    private static void MapControl(RouteGroupBuilder api)
    {
        api.MapGet("/progress", (HttpContext context, SdapiTasks tasks) =>
            tasks.Progress(Caller.Of(context), KnobJson.Truth($"{context.Request.Query["skip_current_image"]}") is not true));
        api.MapPost("/interrupt", object (HttpContext context, SdapiTasks tasks) =>
        {
            tasks.Interrupt(Caller.Of(context));
            return new { };
        });
        api.MapPost("/skip", (HttpContext context, SdapiTasks tasks) =>
        {
            tasks.Skip(Caller.Of(context));
            return Nothing;
        });
        api.MapGet("/options", (SdapiOptions options) => options.All());
        api.MapPost("/options", async (HttpContext context, SdapiOptions options, ModelThread thread) =>
        {
            var changes = await SdapiJson.ReadObjectAsync(context);
            SdapiJson.Tell(context, options.Set(changes));
            if (changes.ContainsKey("sd_model_checkpoint")) await thread.LoadAsync(options.Checkpoint([]));
            return Nothing;
        });
        api.MapPost("/unload-checkpoint", async Task<object> (ModelThread thread) =>
        {
            await thread.UnloadAsync();
            return new { };
        });
        api.MapPost("/reload-checkpoint", async Task<object> (ModelThread thread, SdapiOptions options) =>
        {
            await thread.LoadAsync(options.Checkpoint([]));
            return new { };
        });
        foreach (var what in (string[])["checkpoints", "vae", "embeddings", "loras"])
        {
            api.MapPost($"/refresh-{what}", (ModelLibrary library) =>
            {
                library.Refresh();
                return Nothing;
            });
        }
    }

    private static void MapLists(RouteGroupBuilder api)
    {
        api.MapGet("/samplers", Listings.Samplers);
        api.MapGet("/schedulers", Listings.Schedulers);
        api.MapGet("/sd-models", (Listings lists) => lists.Models());
        api.MapGet("/sd-vae", (Listings lists) => lists.Vaes());
        api.MapGet("/upscalers", (Listings lists) => lists.Upscalers());
        api.MapGet("/loras", (Listings lists) => lists.Loras());
        api.MapGet("/embeddings", (Listings lists) => lists.Embeddings());
        api.MapGet("/memory", Listings.Memory);
        api.MapGet("/cmd-flags", (Listings lists) => lists.Flags());
        api.MapGet("/scripts", Listings.Scripts);
        api.MapGet("/face-restorers", object (ModelLibrary library) => library.Entries.Where(entry => entry.Use == ModelUse.FaceRestorer)
            .Select(entry => new { name = entry.Name, cmd_dir = (string?)null }));
        api.MapGet("/prompt-styles", object (StyleLibrary styles) =>
            styles.All.Select(style => new { name = style.Name, prompt = style.Words, negative_prompt = style.Negative }));
        api.MapGet("/latent-upscale-modes", object () => GenerationRequest.LatentEnlargers.Select(name => new { name }));
        api.MapGet("/sd-modules", (Listings lists) => lists.Vaes());
        api.MapGet("/script-info", (Listings lists) => lists.ScriptInfo());
        foreach (var nothing in (string[])["hypernetworks", "realesrgan-models", "extensions"])
            api.MapGet("/" + nothing, () => Array.Empty<string>());
    }

    /// <summary>Routes that the web UI has and Easel has no answer to.</summary>
    private static void MapWhatIsNotDone(RouteGroupBuilder api)
    {
        string[] routes = ["interrogate", "create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork", "server-kill", "server-restart",
            "server-stop"];
        foreach (var route in routes)
            api.MapPost("/" + route, IResult () => throw new ServerException(Status501NotImplemented, $"Easel does not do what /sdapi/v1/{route} asks for."));
        api.Map("/{**route}", IResult (string? route) => throw new ServerException(Status404NotFound, $"There is no /sdapi/v1/{route}."));
    }

    private static IResult Nothing => Results.Text("null", "application/json");
}
