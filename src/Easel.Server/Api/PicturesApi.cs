using Easel.Server.Errors;
using Easel.Server.Storage;
using Microsoft.Net.Http.Headers;

namespace Easel.Server.Api;

/// <summary>The gallery: finding, fetching, deleting and bringing back.</summary>
internal static class PicturesApi
{
    private const string Unchanging = "private, max-age=86400";

    public static void Map(IEndpointRouteBuilder app)
    {
        var pictures = app.MapGroup("/api/pictures").WithTags("Pictures").ProducesProblem(Status404NotFound);
        pictures.MapGet("", ([AsParameters] PictureQuery query, Gallery gallery) => gallery.List(query))
            .WithSummary("Find pictures by words and settings, the youngest first");
        pictures.MapGet("/{id}", (string id, Gallery gallery) => TypedResults.Ok(Find(gallery, id))).WithSummary("A picture and its settings");
        pictures.MapGet("/{id}/file", (string id, bool? download, Gallery gallery, HttpContext context) =>
        {
            var picture = Find(gallery, id);
            var path = gallery.PathOf(picture);
            if (!File.Exists(path)) throw new ServerException(Status410Gone, $"The file of the picture {id} is no longer there.");
            // What an id names never changes, so it may be kept a while and shown again without asking.
            context.Response.Headers.CacheControl = Unchanging;
            return TypedResults.PhysicalFile(path, MediaTypeOf(path), download == true ? picture.Id + Path.GetExtension(path)
                : null, File.GetLastWriteTimeUtc(path),
                new EntityTagHeaderValue($"\"{picture.Id}\""), enableRangeProcessing: true);
        }).WithSummary("The picture's file").Produces(Status200OK, contentType: "image/png");
        pictures.MapGet("/{id}/thumbnail", async (string id, Gallery gallery, HttpContext context, CancellationToken cancel) =>
            {
                var small = await gallery.ThumbnailAsync(id, cancel);
                context.Response.Headers.CacheControl = Unchanging;
                return TypedResults.Bytes(small, "image/webp", entityTag: new EntityTagHeaderValue($"\"{id}\""));
            })
            .WithSummary("A small copy of the picture").Produces(Status200OK, contentType: "image/webp");
        pictures.MapDelete("/{id}", (string id, Gallery gallery) =>
        {
            gallery.Delete(id);
            return TypedResults.Ok(Find(gallery, id));
        }).WithSummary("Move a picture to the trash");
        pictures.MapPost("/{id}/restore", (string id, Gallery gallery) =>
        {
            gallery.Restore(id);
            return TypedResults.Ok(Find(gallery, id));
        }).WithSummary("Bring a picture back from the trash");
    }

    private static Picture Find(Gallery gallery, string id) => gallery.Find(id) ?? throw new ServerException(Status404NotFound, "There is no such picture.");

    private static string MediaTypeOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".jpg" or ".jpeg" => "image/jpeg",
        ".webp" => "image/webp",
        _ => "image/png",
    };
}
