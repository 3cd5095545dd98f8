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
        services.AddScoped<DrawState>().AddScoped<QueueView>().AddScoped<Browser>().AddScoped<Notices>();
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        PageAssets.Map(app);
        // No form is posted to the page: all goes through its socket, whose origin is checked like every request's.
        // Its own policy for frames would stand in the place of ours, which says more (SecurityHeaders).
        app.MapRazorComponents<Document>().AddInteractiveServerRenderMode(mode =>
            mode.ContentSecurityFrameAncestorsPolicy = null).DisableAntiforgery();
    }
}
