using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Microsoft.AspNetCore.DataProtection;

namespace Easel.Server.Page;

/// <summary>The web page: Blazor, drawn on the server and sent through one WebSocket for each open tab.</summary>
internal static class PageSetup
{
    public static void Add(IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents();
        // What the page signs need not outlive the process: a tab whose server was restarted loads itself anew.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        // it warns of keys on a disk, where none are kept
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error));
        services.AddSingleton<IPlainTexts, PlainTexts>();
        services.AddScoped<DrawState>().AddScoped<LiveDrawing>().AddScoped<QueueView>().AddScoped<FarmView>()
            .AddScoped<Browser>().AddScoped<Notices>().AddScoped<Texts>();
    }

    /// <summary>Whether a request is the connection of an open tab, for as long as that is open, or of one whose way there takes no WebSocket.</summary>
    public static bool IsCircuit(HttpContext context) => context.Request.Path.StartsWithSegments("/_blazor");

    public static void Map(IEndpointRouteBuilder app)
    {
        PageAssets.Map(app);
        app.MapGet("/page/styles/{key}", (string key, StylePictures styles, HttpContext context) =>
        {
            var path = styles.Find(key) ?? throw new ServerException(Status404NotFound, "There is no such picture.");
            context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
            return Results.File(path, "image/webp");
        }).ExcludeFromDescription();
        app.MapGet("/page/addons/{**name}", (string name, AddOns addOns, HttpContext context) => Beside(addOns.PictureOf(name), context))
            .ExcludeFromDescription();
        app.MapGet("/page/models/{**name}", (string name, ModelLibrary library, HttpContext context) =>
            Beside(library.Entries.FirstOrDefault(entry => entry.Name == name) is { } entry ? PictureBeside.Of(entry.Path) : null, context))
            .ExcludeFromDescription();
        app.MapGet("/page/controls/{**name}", (string name, ModelLibrary library, HttpContext context) =>
            Beside(library.Controls.FirstOrDefault(file => file.Key == name).Value is { } path ? PictureBeside.Of(path) : null, context))
            .ExcludeFromDescription();
        app.MapGet("/page/previews/{job}", (string job, JobQueue queue, HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "no-store";
            if (queue.Preview(job) is not { } preview) return Results.NoContent(); // it is over, and its picture takes the place
            return Results.Bytes(ImageFile.Encode(ImageFile.Load(new MemoryStream(preview), "preview"), ImageFormat.WebP, quality: 80), "image/webp");
        }).ExcludeFromDescription();
        // No form is posted to the page: all goes through its socket, whose origin is checked like every request's.
        // Its own policy for frames would stand in the place of ours, which says more (SecurityHeaders).
        app.MapRazorComponents<Document>().AddInteractiveServerRenderMode(mode =>
            mode.ContentSecurityFrameAncestorsPolicy = null).DisableAntiforgery();
    }

    private static IResult Beside(string? picture, HttpContext context)
    {
        if (picture is null) throw new ServerException(Status404NotFound, "There is no such picture.");
        context.Response.Headers.CacheControl = "private, max-age=3600";
        return Results.File(picture, PictureBeside.MediaTypeOf(picture));
    }
}
