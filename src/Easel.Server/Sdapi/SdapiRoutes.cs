using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Security;
using Easel.Server.Storage;
using Microsoft.AspNetCore.Routing;

namespace Easel.Server.Sdapi;

/// <summary>The API of AUTOMATIC1111's web UI, for programs that speak it already.</summary>
internal static class SdapiRoutes
{
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<SdapiOptions>();
        services.AddSingleton<SdapiTasks>();
        services.AddSingleton<SdapiReply>();
        services.AddSingleton<DrawingJobs>();
        services.AddSingleton<Extras>();
        services.AddSingleton<Listings>();
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/internal/ping", () => Results.Json(new { })).ExcludeFromDescription(); // some clients ask whether the web UI is there
        var api = app.MapGroup("/sdapi/v1").ExcludeFromDescription().AddEndpointFilter(SdapiErrors.Filter);
        MapDrawing(api);
        MapControl(api);
        MapLists(api);
        MapWhatIsNotDone(api);
    }

    private static void MapDrawing(RouteGroupBuilder api)
    {
        api.MapPost("/txt2img",
            async (HttpContext context, DrawingJobs drawing, ModelLibrary library, Gallery gallery, ServerOptions server, SdapiTasks tasks, SdapiReply reply, SdapiOptions options) =>
        {
            var body = await SdapiJson.ReadDrawingAsync<TextToImageBody>(context);
            var requests = drawing.Of(body);
            var hires = HiresFix.Of(body, requests[0], library);
            hires?.Check(requests[0], server.Limits);
            using var task = Begin(context, body, "txt2img", tasks, options);
            var jobs = hires is null ? await task.RunAsync(requests, context.RequestAborted) : await hires.RunAsync(task, requests, gallery, context.RequestAborted);
            return reply.Of(body, requests, jobs, task.Started);
        });
        api.MapPost("/img2img", async (HttpContext context, DrawingJobs drawing, SdapiTasks tasks, SdapiReply reply, SdapiOptions options) =>
        {
            var body = await SdapiJson.ReadDrawingAsync<ImageToImageBody>(context);
            var requests = drawing.Of(body);
            using var task = Begin(context, body, "img2img", tasks, options);
            return reply.Of(body, requests, await task.RunAsync(requests, context.RequestAborted), task.Started);
        });
        api.MapPost("/extra-single-image", async (HttpContext context, Extras extras, SdapiReply reply) =>
        {
            var body = await SdapiJson.ReadAsync<ExtrasImageBody>(context);
            var png = await extras.EnlargeAsync(body, body.Image, Caller.Of(context), context.RequestAborted);
            return SdapiJson.Answer(new { html_info = Extras.HtmlInfo, image = reply.Encode(png, []) });
        });
        api.MapPost("/extra-batch-images", async (HttpContext context, Extras extras, SdapiReply reply) =>
        {
            var body = await SdapiJson.ReadAsync<ExtrasImagesBody>(context);
            var images = new List<string>();
            foreach (var file in body.ImageList) images.Add(reply.Encode(await extras.EnlargeAsync(body, file.Data, Caller.Of(context), context.RequestAborted), []));
            return SdapiJson.Answer(new { html_info = Extras.HtmlInfo, images });
        });
        api.MapPost("/png-info", (Delegate)PngInfo.AnswerAsync);
    }

    private static SdapiTask Begin(HttpContext context, DrawingBody body, string name, SdapiTasks tasks, SdapiOptions options)
    {
        if (!body.OverrideSettingsRestoreAfterwards) options.Set(DrawingJobs.Overrides(body));
        // Who wants the pictures saved wants them though the connection breaks; for anybody else they would be drawn in vain.
        return tasks.Begin("scripts_" + name, Caller.Of(context), alone: body.SaveImages);
    }

    private static void MapControl(RouteGroupBuilder api)
    {
        api.MapGet("/progress", (HttpContext context, SdapiTasks tasks) =>
            SdapiJson.Answer(tasks.Progress(Caller.Of(context), !IsTrue(context.Request.Query["skip_current_image"]))));
        api.MapPost("/interrupt", (HttpContext context, SdapiTasks tasks) =>
        {
            tasks.Interrupt(Caller.Of(context));
            return SdapiJson.Answer(new { });
        });
        api.MapPost("/skip", (HttpContext context, SdapiTasks tasks) =>
        {
            tasks.Skip(Caller.Of(context));
            return Nothing();
        });
        api.MapGet("/options", (SdapiOptions options) => SdapiJson.Answer(options.All()));
        api.MapPost("/options", async (HttpContext context, SdapiOptions options, ModelThread thread) =>
        {
            var changes = await SdapiJson.ReadObjectAsync(context);
            options.Set(changes);
            if (changes.ContainsKey("sd_model_checkpoint")) await thread.LoadAsync(options.Checkpoint([]));
            return Nothing();
        });
        api.MapPost("/unload-checkpoint", async (ModelThread thread) =>
        {
            await thread.UnloadAsync();
            return SdapiJson.Answer(new { });
        });
        api.MapPost("/reload-checkpoint", async (ModelThread thread, SdapiOptions options) =>
        {
            await thread.LoadAsync(options.Checkpoint([]));
            return SdapiJson.Answer(new { });
        });
        foreach (var what in (string[])["checkpoints", "vae", "embeddings", "loras"])
        {
            api.MapPost($"/refresh-{what}", (ModelLibrary library) =>
            {
                library.Refresh();
                return Nothing();
            });
        }
    }

    private static void MapLists(RouteGroupBuilder api)
    {
        api.MapGet("/samplers", () => SdapiJson.Answer(Listings.Samplers()));
        api.MapGet("/schedulers", () => SdapiJson.Answer(Listings.Schedulers()));
        api.MapGet("/sd-models", (Listings lists) => SdapiJson.Answer(lists.Models()));
        api.MapGet("/sd-vae", (Listings lists) => SdapiJson.Answer(lists.Vaes()));
        api.MapGet("/upscalers", (Listings lists) => SdapiJson.Answer(lists.Upscalers()));
        api.MapGet("/loras", (Listings lists) => SdapiJson.Answer(lists.Loras()));
        api.MapGet("/embeddings", (Listings lists) => SdapiJson.Answer(lists.Embeddings()));
        api.MapGet("/memory", () => SdapiJson.Answer(Listings.Memory()));
        api.MapGet("/cmd-flags", (Listings lists) => SdapiJson.Answer(lists.Flags()));
        api.MapGet("/scripts", () => SdapiJson.Answer(new { txt2img = Array.Empty<string>(), img2img = Array.Empty<string>() }));
        api.MapGet("/prompt-styles", () => SdapiJson.Answer(PromptStyles.All.Select(style => new { name = style.Name, prompt = style.Words, negative_prompt = "" })));
        foreach (var nothing in (string[])["latent-upscale-modes", "script-info", "hypernetworks", "face-restorers", "realesrgan-models", "extensions"])
            api.MapGet("/" + nothing, () => SdapiJson.Answer(Array.Empty<string>()));
    }

    /// <summary>Routes that the web UI has and Easel has no answer to.</summary>
    private static void MapWhatIsNotDone(RouteGroupBuilder api)
    {
        string[] routes = ["interrogate", "create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork", "server-kill", "server-restart", "server-stop"];
        foreach (var route in routes)
        {
            api.MapPost("/" + route, IResult () => throw new ServerException(StatusCodes.Status501NotImplemented, $"Easel does not do what /sdapi/v1/{route} asks for."));
        }
        api.Map("/{**route}", IResult (string? route) => throw new ServerException(StatusCodes.Status404NotFound, $"There is no /sdapi/v1/{route}."));
    }

    private static bool IsTrue(string? text) => text?.ToLowerInvariant() is "true" or "1" or "yes" or "on";

    private static IResult Nothing() => Results.Text("null", "application/json");
}
