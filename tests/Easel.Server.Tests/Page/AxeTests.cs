using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Easel.Server.Tests.Page;

/// <summary>Guards that everybody can use the page, in each of its states: axe-core finds nothing serious, and a phone need not be scrolled sideways.
/// Each state is looked at twice, wide and light, then narrow and dark, so that every colour and every layout is seen.</summary>
public sealed class AxeTests(Chromium chromium) : IDisposable
{
    private static readonly AxeRunOptions Options = new() { ResultTypes = [ResultType.Violations] };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task NothingSeriousIsFoundWhileDrawing()
    {
        await using var server = await RunningServer.Start(Served());
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await page.ClickAsync("summary:has-text('Styles')");
        await page.ClickAsync(".chip:has-text('Pastel')");
        await page.ClickAsync(".addons summary");
        await page.ClickAsync(".settings summary");
        await page.ClickAsync(".plot summary");
        await page.CheckAsync("#plot-on");
        await Check(page, "all that can be set");
        await page.UncheckAsync("#plot-on");
        await page.FillAsync("#prompt", "a __animal__ <lora:none:1> ");
        await page.Locator("#prompt").PressSequentiallyAsync("<lora");
        await Expect(page.Locator(".word-list li").First).ToBeVisibleAsync();
        await Check(page, "words on offer, a list called, a LoRA missing");

        server.Models.Failure = "The cat ran away.";
        await tab.Ask("a cat", steps: 1);
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".failures .title")).ToBeVisibleAsync();
        server.Models.Failure = null;
        server.Models.StepTime = TimeSpan.FromMilliseconds(200);
        await page.FillAsync("#steps", "200");
        await page.Locator("#steps").BlurAsync();
        for (var i = 1; i <= 3; i++)
        {
            await Press();
            while (server.Service<JobQueue>().Snapshot().Count < i) await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        await page.FillAsync("#seed", "abc");
        await page.Locator("#seed").BlurAsync();
        await Expect(page.Locator("#seed")).ToHaveAttributeAsync("aria-invalid", "true");
        await Press();
        await Expect(page.Locator("img.preview")).ToBeVisibleAsync();
        await Expect(page.Locator(".draw-bar [role=alert]")).ToBeVisibleAsync();
        await page.ClickAsync("[aria-label='Earlier prompts']");
        await Check(page, "drawing, with a queue, a failure, a refusal and earlier prompts");
        await page.ClickAsync(".fold");
        await Check(page, "a folded queue");
        await page.SetViewportSizeAsync(390, 844);
        await page.ClickAsync("#stop-all");
        await LiesAboveTheButton(".toast");
        await page.EvaluateAsync("() => document.getElementById('components-reconnect-modal').className = 'components-reconnect-show'");
        await LiesAboveTheButton("#components-reconnect-modal");
        await Check(page, "a lost connection");

        // A second press of a hasty finger is none.
        async Task Press()
        {
            await Expect(page.Locator("form.controls:not(.sending)")).ToBeVisibleAsync();
            await page.ClickAsync("#draw");
        }

        async Task LiesAboveTheButton(string what)
        {
            await Expect(page.Locator(what)).ToBeVisibleAsync();
            var boxes = await page.EvaluateAsync<float[]>("what => { scrollTo(0, 0); return [what, '#draw']"
                + ".map(of => document.querySelector(of).getBoundingClientRect()).flatMap(box => [box.left, box.right, box.top, box.bottom]); }", what);
            Assert.True(boxes is [>= 8, <= 382, _, var end, _, _, var begin, _] && end <= begin, $"{what}: {string.Join(", ", boxes)}");
        }
    }

    [Fact]
    public async Task NothingSeriousIsFoundWithPictures()
    {
        await using var server = await RunningServer.Start(Served());
        await server.Finished(await server.Submit(RunningServer.Cat(count: 3)));
        await using var tab = await chromium.Open(server, mayComplain: true); // it asks for a page that is not there
        var page = await tab.Go();
        await page.Locator(".recent .thumb").First.ClickAsync();
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        await page.ClickAsync("text=Use as input");
        foreach (var use in (string[])["Redraw", "Extend", "Enlarge", "Paint"])
        {
            await page.Locator(".segments button", new PageLocatorOptions { HasText = use }).ClickAsync();
            await Check(page, use);
        }
        await page.GetByLabel("Paint in the whole window").ClickAsync();
        await Expect(page.Locator("#editor-done")).ToBeVisibleAsync();
        await Check(page, "the editor");
        await page.ClickAsync("#editor-done");
        await page.SetInputFilesAsync("#open-control",
            new FilePayload { Name = "a.png", MimeType = "image/png", Buffer = ImageFile.Encode(new RgbImage(64, 64), ImageFormat.Png) });
        await Expect(page.Locator("#control-net-0")).ToBeVisibleAsync();
        await Check(page, "a picture that steers");

        await tab.Go("/gallery");
        await page.ClickAsync("#select");
        await page.Locator(".wall .thumb").Nth(0).ClickAsync();
        await page.Locator(".wall .thumb").Nth(1).ClickAsync();
        await page.ClickAsync(".selection button:has-text('Favourite')");
        await page.ClickAsync(".selection button:has-text('Tag')");
        await Expect(page.Locator("#new-tag")).ToBeVisibleAsync();
        await Check(page, "choosing");
        await page.ClickAsync(".selection button:has-text('Compare')");
        await Expect(page.Locator(".compare")).ToBeVisibleAsync();
        await Check(page, "comparing");
        await page.Keyboard.PressAsync("Escape");
        await page.ClickAsync("#select");
        await page.SetInputFilesAsync("#read-picture", new FilePayload
        {
            Name = "b.png",
            MimeType = "image/png",
            Buffer = ImageFile.Encode(new RgbImage(8, 8), ImageFormat.Png, new ImageMetadata("a barn\nSteps: 3, Seed: 4, Size: 8x8")),
        });
        await Expect(page.Locator(".told-card")).ToBeVisibleAsync();
        await Check(page, "a picture's settings");
        await page.Locator(".wall .thumb").First.ClickAsync();
        await Expect(page.Locator(".viewer .words")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Delete");
        await Expect(page.Locator(".viewer .toast")).ToBeVisibleAsync();
        await Check(page, "the full screen");
        await page.Keyboard.PressAsync("f");
        await Expect(page.Locator(".viewer-side")).ToBeHiddenAsync();
        await Check(page, "nothing but the picture");
        foreach (var path in (string[])["/gallery?trash=1", "/gallery?q=nothing", "/models", "/settings"])
        {
            await tab.Go(path);
            await Check(page, path);
        }
        await page.GotoAsync("/nowhere");
        await Check(page, "a page that is not there");
    }

    [Fact]
    public async Task NothingSeriousIsFoundAtTheDoor()
    {
        await using var server = await RunningServer.Start(Served() with { User = "me", Password = "secret" });
        await using var tab = await chromium.Open(server, mayComplain: true);
        await tab.Page.GotoAsync("/");
        await tab.Page.FillAsync("#user", "me");
        await tab.Page.FillAsync("#password", "wrong");
        await tab.Page.Keyboard.PressAsync("Enter");
        await Expect(tab.Page.Locator("[role=alert]")).ToBeVisibleAsync();
        await Check(tab.Page, "a login that failed");
    }

    private ServerOptions Served()
    {
        foreach (var folder in (string[])["lists", "loras", "controls"]) Directory.CreateDirectory(_folder.Path(folder));
        File.WriteAllText(_folder.Path("lists", "animal.txt"), "cat\ndog\n");
        File.Copy(Goldens.Path("layouts/lora-kohya.fp16.safetensors"), _folder.Path("loras", "style.safetensors"));
        File.Copy(Goldens.Path("control/ip_adapter.safetensors"), _folder.Path("controls", "adapter.safetensors"));
        var options = RunningServer.OptionsFor(_folder);
        return options with
        {
            WildcardsFolder = _folder.Path("lists"),
            Load = options.Load with { LoraFolders = [_folder.Path("loras")], ControlFolders = [_folder.Path("controls")] },
        };
    }

    private static async Task Check(IPage page, string what)
    {
        foreach (var (width, theme) in new[] { (1280, "light"), (390, "dark") })
        {
            await page.SetViewportSizeAsync(width, 800);
            await page.EvaluateAsync("theme => document.documentElement.dataset.theme = theme", theme);
            Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
            var found = (await page.RunAxe(Options)).Violations.Where(rule => rule.Impact is "serious" or "critical");
            Assert.True(!found.Any(), $"{what}, {width}, {theme}: " +
                string.Join("; ", found.Select(rule => $"{rule.Id} at {string.Join(", ", rule.Nodes.Select(node => node.Html))}")));
        }
        await page.SetViewportSizeAsync(1280, 800);
    }
}
