using System.IO.Compression;
using Easel.Server.Errors;
using Easel.Server.Json;
using Easel.Server.Storage;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Easel.Server.Api;

/// <summary>The gallery: finding, fetching, deleting and bringing back.</summary>
internal static class PicturesApi
{
    private const int MostZipped = 1000;
    private const string Unchanging = "private, max-age=86400";

    public static void Map(IEndpointRouteBuilder app)
    {
        var pictures = app.MapGroup("/api/pictures").WithTags("Pictures").ProducesProblem(Status404NotFound);
        pictures.MapGet("", ([AsParameters] PictureQuery query, Gallery gallery) => gallery.List(query))
            .WithSummary("Find pictures by words and settings, the youngest first");
        pictures.MapGet("/{id}", (string id, Gallery gallery) => TypedResults.Ok(Find(gallery, id))).WithSummary("A picture and its settings");
        pictures.MapGet("/{id}/file", IResult (string id, bool? download, string? format, int? quality, bool? metadata, Gallery gallery,
            HttpContext context) =>
        {
            var picture = Find(gallery, id);
            var path = gallery.PathOf(picture);
            if (!File.Exists(path)) throw new ServerException(Status410Gone, $"The file of the picture {id} is no longer there.");
            if ((PictureForm.Of(format, quality, metadata) ?? (download == true ? PictureForm.OfCookie(context.Request, path) : null)) is { } form)
                return TypedResults.Bytes(form.Make(path), MediaTypeOf(form.Ending), picture.Id + form.Ending);
            // What an id names never changes, so it may be kept a while and shown again without asking.
            context.Response.Headers.CacheControl = Unchanging;
            return TypedResults.PhysicalFile(path, MediaTypeOf(path), download == true ? picture.Id + Path.GetExtension(path)
                : null, File.GetLastWriteTimeUtc(path),
                new EntityTagHeaderValue($"\"{picture.Id}\""), enableRangeProcessing: true);
        }).WithSummary("The picture's file; with format (png, jpeg, webp), quality and metadata=false in another form")
            .Produces(Status200OK, contentType: "image/png");
        pictures.MapGet("/{id}/thumbnail", async (string id, Gallery gallery, HttpContext context, CancellationToken cancel) =>
            {
                var small = await gallery.ThumbnailAsync(id, cancel);
                context.Response.Headers.CacheControl = Unchanging;
                return TypedResults.Bytes(small, "image/webp", entityTag: new EntityTagHeaderValue($"\"{id}\""));
            })
            .WithSummary("A small copy of the picture").Produces(Status200OK, contentType: "image/webp");
        pictures.MapPost("/zip", (Body<ZipRequest> wanted, Gallery gallery, HttpResponse response, CancellationToken cancel) =>
            Zip([.. wanted.Value.Ids], _ => PictureForm.Of(wanted.Value.Format, wanted.Value.Quality, wanted.Value.Metadata), gallery, response, cancel))
            .WithSummary("Several pictures as a zip file").Produces(Status200OK,
                contentType: "application/zip");
        pictures.MapGet("/zip", (string ids, Gallery gallery, HttpResponse response, CancellationToken cancel) =>
            Zip(ids.Split(',', StringSplitOptions.RemoveEmptyEntries), path => PictureForm.OfCookie(response.HttpContext.Request, path), gallery, response,
                cancel)).ExcludeFromDescription();
        pictures.MapGet("/tags", (Gallery gallery) => gallery.Tags()).WithSummary("The tags in use, the commonest first");
        pictures.MapPut("/{id}/tags/{tag}", (string id, string tag, Gallery gallery) =>
        {
            gallery.Tag([Find(gallery, id).Id], tag, isOn: true);
            return TypedResults.Ok(Find(gallery, id));
        }).WithSummary("Put a tag on a picture; \"favourite\" is the star of the page");
        pictures.MapDelete("/{id}/tags/{tag}", (string id, string tag, Gallery gallery) =>
        {
            gallery.Tag([Find(gallery, id).Id], tag, isOn: false);
            return TypedResults.Ok(Find(gallery, id));
        }).WithSummary("Take a tag off a picture");
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

    /// <summary>Pictures as a zip file, as they lie on disk: what is inside is compressed already.</summary>
    private static async Task Zip(string[] ids, Func<string, PictureForm?> formOf, Gallery gallery, HttpResponse response, CancellationToken cancel)
    {
        if (ids.Length is 0 or > MostZipped)
            throw new ServerException(Status400BadRequest, $"{ids.Length} pictures are asked for; a zip file takes 1 to {MostZipped}.");
        var pictures = ids.Distinct().Select(id => Find(gallery, id)).ToList();
        // An entry is ended with a few bytes that ZipArchive writes at once, whatever stream it has.
        if (response.HttpContext.Features.Get<IHttpBodyControlFeature>() is { } body) body.AllowSynchronousIO = true;
        response.ContentType = "application/zip";
        response.Headers.ContentDisposition = "attachment; filename=\"easel.zip\"";
        await using var zip = await ZipArchive.CreateAsync(response.Body, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancel);
        foreach (var picture in pictures)
        {
            if (gallery.PathOf(picture) is var path && !File.Exists(path)) continue;
            var form = formOf(path);
            var entry = zip.CreateEntry(picture.Id + (form?.Ending ?? Path.GetExtension(path)), CompressionLevel.NoCompression);
            await using var to = await entry.OpenAsync(cancel);
            if (form is not null)
            {
                await to.WriteAsync(form.Make(path), cancel);
                continue;
            }
            await using var from = File.OpenRead(path);
            await from.CopyToAsync(to, cancel);
        }
    }

    private static Picture Find(Gallery gallery, string id) => gallery.Find(id) ?? throw new ServerException(Status404NotFound, "There is no such picture.");

    private static string MediaTypeOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".jpg" or ".jpeg" => "image/jpeg",
        ".webp" => "image/webp",
        _ => "image/png",
    };
}

/// <summary>Which pictures go into a zip file.</summary>
/// <param name="Ids">Their ids.</param>
/// <param name="Format">png, jpeg or webp; null for the files as they lie there.</param>
/// <param name="Quality">Of JPEG and WebP, 1 to 100; null for 95.</param>
/// <param name="Metadata">False to leave the settings out of them.</param>
public sealed record ZipRequest([property: JsonRequired] IReadOnlyList<string> Ids, string? Format = null, int? Quality = null, bool? Metadata = null);
