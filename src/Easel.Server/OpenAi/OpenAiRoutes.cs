using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Library;
using Easel.Server.Security;
using Easel.Server.Storage;

namespace Easel.Server.OpenAi;

/// <summary>The image API of OpenAI, for programs that speak it already.</summary>
internal static class OpenAiRoutes
{
    public static void Add(IServiceCollection services) => services.AddSingleton<ImageSender>().AddSingleton<IOtherForm, OpenAiErrors>();

    public static void Map(IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/v1").ExcludeFromDescription().AddEndpointFilter(OpenAiErrors.Filter);
        api.MapPost("/images/generations", async (HttpContext context, ModelLibrary library, ImageSender sender) =>
            await Carry(context, sender, ImageOrder.Generation(await ImageFields.OfJsonAsync(context), library), "image_generation"));
        api.MapPost("/images/edits", async (HttpContext context, ModelLibrary library, PictureReader pictures, ServerLimits limits, ImageSender sender) =>
            await Carry(context, sender, ImageOrder.Edit(await ImageFields.OfFormAsync(context), library, pictures, limits), "image_edit"));
        api.MapPost("/images/variations", async (HttpContext context, ModelLibrary library, PictureReader pictures, ServerLimits limits, ImageSender sender) =>
            await Carry(context, sender, ImageOrder.Variation(await ImageFields.OfFormAsync(context), library, pictures, limits), "image_variation"));
        api.MapGet("/images/files/{name}", File);
        api.MapGet("/models", (ModelLibrary library) => Results.Json(new { @object = "list", data = library.Checkpoints.Select(Describe) }, OpenAiErrors.Json));
        api.MapGet("/models/{**model}", (string model, ModelLibrary library) => Results.Json(Describe(library.Find(model, ModelUse.Checkpoint)
            ?? throw new OpenAiException(Status404NotFound, $"The model '{model}' does not exist here.", "model", "model_not_found")), OpenAiErrors.Json));
        api.Map("/{**route}", IResult (HttpContext context) => throw new OpenAiException(Status404NotFound,
            $"Invalid URL ({context.Request.Method} {context.Request.Path}): Easel draws, and knows nothing else of this API.", null, "unknown_url"));
    }

    private static async Task<IResult> Carry(HttpContext context, ImageSender sender, ImageOrder order, string kind) => order.Stream
        ? sender.Stream(order, Caller.Of(context), kind, context, context.RequestAborted)
        : await sender.SendAsync(order, Caller.Of(context), context, context.RequestAborted);

    /// <summary>What an answer with addresses points to: a picture of the gallery, in the format that was asked for.</summary>
    private static IResult File(string name, int? compression, Gallery gallery)
    {
        ImageFormat? format = Path.GetExtension(name) switch { ".png" => ImageFormat.Png, ".jpeg" => ImageFormat.Jpeg, ".webp" => ImageFormat.WebP, _ => null };
        if (format is not { } known || gallery.Find(Path.GetFileNameWithoutExtension(name)) is not { Deleted: null } picture)
            throw new OpenAiException(Status404NotFound, "There is no such picture.", null, "not_found");
        return Results.Bytes(ImageSender.Encode(gallery.Read(picture.Id), known, Math.Clamp(compression ?? 100, 1, 100)), "image/" + ImageSender.NameOf(known));
    }

    private static object Describe(ModelEntry model) => new
    {
        id = model.Name,
        @object = "model",
        created = new DateTimeOffset(System.IO.File.GetLastWriteTimeUtc(model.Path)).ToUnixTimeSeconds(),
        owned_by = "easel",
    };
}
