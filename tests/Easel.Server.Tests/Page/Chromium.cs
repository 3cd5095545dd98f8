using Easel.Server.Tests.Page;
using Easel.Server.Tests.Support;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Chromium))]

namespace Easel.Server.Tests.Page;

/// <summary>The Chromium of this machine, started for the first test that needs it. Playwright's own browsers are not fetched: tests need no network.</summary>
public sealed class Chromium : IAsyncDisposable
{
    private const float Patience = 120_000; // milliseconds; a machine may be busy

    private static readonly string[] Places =
    [
        "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        @"C:\Program Files\Google\Chrome\Application\chrome.exe",
    ];

    private readonly SemaphoreSlim _turn = new(1);
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>A tab with a memory of its own; skips the test where there is no Chromium.</summary>
    /// <param name="mayComplain">Whether its browser may tell of errors, as it does of what it refuses.</param>
    internal async Task<Tab> Open(RunningServer server, int width = 1280, int height = 800, ColorScheme scheme = ColorScheme.Light, bool mayComplain = false)
    {
        var context = await (await Browser()).NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = server.Address,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(Patience);
        Assertions.SetDefaultExpectTimeout(Patience);
        return new Tab(context, await context.NewPageAsync(), server.Address, mayComplain);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    private async Task<IBrowser> Browser()
    {
        var program = Environment.GetEnvironmentVariable("EASEL_CHROMIUM") ?? Places.FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, "There is no Chromium here: apt-get install chromium, or name one in EASEL_CHROMIUM.");
        await _turn.WaitAsync();
        try
        {
            _playwright ??= await Playwright.CreateAsync();
            return _browser ??= await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = program });
        }
        finally
        {
            _turn.Release();
        }
    }
}

/// <summary>An open tab. At its end it must have met no error of its scripts and asked no other server for anything.</summary>
public sealed class Tab : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _complaints = [];

    internal Tab(IBrowserContext context, IPage page, string address, bool mayComplain)
    {
        (_context, Page) = (context, page);
        if (mayComplain) return;
        page.PageError += (_, error) => Complain(error);
        page.Console += (_, message) =>
        {
            // A reload cuts the socket, which the browser tells of as an error.
            if (message.Type == "error" && !message.Text.Contains("WebSocket", StringComparison.Ordinal)) Complain(message.Text);
        };
        page.Request += (_, request) =>
        {
            if (request.Url.StartsWith("http", StringComparison.Ordinal) && !request.Url.StartsWith(address, StringComparison.Ordinal))
                Complain($"It asked for {request.Url}.");
        };
    }

    public IPage Page { get; }

    /// <summary>Opens a page of Easel and waits until it answers.</summary>
    public async Task<IPage> Go(string path = "/")
    {
        await Page.GotoAsync(path);
        await Page.Locator("main h1").First.WaitForAsync(new LocatorWaitForOptions { State = WaitForSelectorState.Attached });
        if (path == "/") await Page.Locator("#prompt").WaitForAsync();
        return Page;
    }

    /// <summary>Asks for a picture of 64 x 64 pixels, so that the tiny model needs little time.</summary>
    public async Task Ask(string prompt, int steps, int count = 1)
    {
        await Page.FillAsync("#prompt", prompt);
        foreach (var (field, value) in new[] { ("#width", 64), ("#height", 64), ("#steps", steps), ("#batch-count", count) })
        {
            if (!await Page.Locator(field).IsVisibleAsync()) continue;
            await Page.FillAsync(field, $"{value}");
            await Page.Locator(field).BlurAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        lock (_complaints) Assert.Empty(_complaints);
    }

    private void Complain(string what)
    {
        lock (_complaints) _complaints.Add(what);
    }
}
