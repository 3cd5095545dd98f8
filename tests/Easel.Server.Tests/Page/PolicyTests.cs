using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using static Microsoft.Playwright.Assertions;

namespace Easel.Server.Tests.Page;

/// <summary>Guards, in a real browser, that no script runs in the page but its own.</summary>
public sealed class PolicyTests(Chromium chromium) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task NoInlineAndNoForeignScriptRuns()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server, mayComplain: true); // the browser tells of each script that it refuses
        var page = await tab.Go();
        var policy = (await server.Client.GetAsync("")).Headers.GetValues("Content-Security-Policy").Single();
        Assert.Matches("script-src 'nonce-[0-9a-f]{32}';", policy);
        // What a hole in the page would let somebody put into it.
        await page.EvaluateAsync("""
            () => {
              window.ran = [];
              const add = (html) => document.body.appendChild(document.createRange().createContextualFragment(html));
              add('<script>window.ran.push("inline")</scr' + 'ipt>');
              add('<script src="data:text/javascript,window.ran.push(%22data%22)"></scr' + 'ipt>');
              add('<script src="/api/samplers"></scr' + 'ipt>');
              add('<script type="module">window.ran.push("module")</scr' + 'ipt>');
              add('<img src="x:" onerror="window.ran.push(\'handler\')">');
              add('<a id="link" href="javascript:window.ran.push(\'address\')">x</a>');
              add('<iframe srcdoc="<script>parent.ran.push(1)</scr' + 'ipt>"></iframe>');
              document.getElementById('link').click();
              const blob = document.createElement('script');
              blob.src = URL.createObjectURL(new Blob(['window.ran.push("blob")'], { type: 'text/javascript' }));
              document.body.appendChild(blob);
            }
            """);
        await page.WaitForTimeoutAsync(300);
        Assert.Empty(await page.EvaluateAsync<string[]>("() => window.ran.map(String)"));
        // The page itself goes on.
        await tab.Ask("a cat", steps: 1);
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task DocumentationIsShownByItsOwnScriptAlone()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server, mayComplain: true);
        await tab.Page.GotoAsync("/docs/");
        await Expect(tab.Page.GetByText("Submit a job").First).ToBeVisibleAsync();
        await tab.Page.EvaluateAsync("""
            () => document.body.appendChild(document.createRange().createContextualFragment('<script>window.ran = 1</scr' + 'ipt>'))
            """);
        Assert.Null(await tab.Page.EvaluateAsync<int?>("() => window.ran ?? null"));
    }
}
