using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Easel.Server.Tests.Page;

/// <summary>Guards the page as a person meets it: a real browser and a real server, which draws with the fake model.</summary>
public sealed class PageTests(Chromium chromium) : IDisposable
{
    private const int Long = 100; // steps: enough to be seen under way
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task DrawsWhatIsTypedAndShowsItsProgress()
    {
        const string Prompt = "a <b>fox</b> & <script>alert(1)</script> in the snow";
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(30));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask(Prompt, steps: Long);
        await page.ClickAsync("#draw");

        await Expect(page.Locator("#progress-text")).ToContainTextAsync($"of {Long}");
        await Expect(page.Locator("img.preview")).ToBeVisibleAsync();
        var picture = page.Locator(".sheet.shown img");
        await Expect(picture).ToBeVisibleAsync();
        Assert.Equal(64, await picture.EvaluateAsync<int>("image => image.decode().then(() => image.naturalWidth)"));
        await Expect(page.Locator(".caption")).ToHaveTextAsync(Prompt); // text, never markup
        Assert.Equal(Prompt, Assert.Single(server.Service<Gallery>().List(new PictureQuery()).Pictures).Prompt);

        await page.ReloadAsync();
        await Expect(page.Locator("#prompt")).ToHaveValueAsync(Prompt); // what is set is remembered
        await Expect(page.Locator("#steps")).ToHaveValueAsync($"{Long}");
    }

    [Fact]
    public async Task AReloadAndAnotherBrowserShowWhatIsDrawnAndEitherCancelsIt()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(30));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a long job", steps: Long, count: 50);
        await page.ClickAsync("#draw");
        await Expect(page.Locator("#progress-text")).ToContainTextAsync("Step");

        await page.ReloadAsync();
        await Expect(page.Locator("#progress-text")).ToContainTextAsync("Step");
        await Expect(page.Locator("img.preview")).ToBeVisibleAsync();

        await using var other = await chromium.Open(server);
        var second = await other.Go();
        await Expect(second.Locator(".progress-row .title")).ToHaveTextAsync("a long job");
        await second.ClickAsync("#cancel");
        await Expect(page.Locator("#cancel")).ToHaveCountAsync(0);
        Assert.Equal(JobState.Cancelled, Assert.Single(server.Service<JobQueue>().Over()).State);
    }

    [Fact]
    public async Task TheQueueIsReorderedAndStopped()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(30));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("first", steps: Long, count: 50);
        await page.CheckAsync("text=One per line");
        await page.ClickAsync("#draw");
        foreach (var prompt in (string[])["second", "third\nand a fourth"])
        {
            await page.FillAsync("#prompt", prompt);
            await page.ClickAsync("#draw");
        }
        var waiting = page.Locator(".queue li .title");
        await Expect(waiting).ToHaveTextAsync(["second", "third and 1 more"]);
        await page.Locator(".queue li").Nth(1).GetByLabel("To the front").ClickAsync();
        await Expect(waiting).ToHaveTextAsync(["third and 1 more", "second"]);
        Assert.Equal(["first", "third", "second"], server.Service<JobQueue>().Snapshot().Select(job => job.Request.Request.Prompt));

        await page.ClickAsync("#stop-all");
        await Expect(page.Locator(".queue")).ToHaveCountAsync(0);
        await Expect(page.Locator("#cancel")).ToHaveCountAsync(0);
        Assert.Empty(server.Service<JobQueue>().Snapshot());
    }

    [Fact]
    public async Task APaintedMaskIsDrawnAndTheRestIsKept()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        var original = Gradient(96, 64);
        await tab.Ask("a window", steps: 2);
        await page.SetInputFilesAsync("#open-picture", Png("a \"wall\" <i>.png", original));
        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Paint" }).ClickAsync();
        var canvas = page.Locator("canvas.canvas");
        await canvas.ScrollIntoViewIfNeededAsync();
        var box = (await canvas.BoundingBoxAsync())!;

        await Stroke(page, box);
        await page.GetByLabel("Undo").ClickAsync();
        await page.ClickAsync("#draw");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Nothing is painted yet"); // what was taken back is not drawn

        await page.GetByLabel("Redo").ClickAsync();
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        var drawn = Only(server);
        Assert.Equal((96, 64), (drawn.Width, drawn.Height));
        Assert.True(Enumerable.Range(20, 24).Any(y => !Row(original, y).SequenceEqual(Row(drawn, y))), "Nothing was drawn under the stroke.");
        Assert.All(Enumerable.Range(0, 4).Concat(Enumerable.Range(60, 4)), y =>
            Assert.True(Row(original, y).SequenceEqual(Row(drawn, y)), $"Row {y} is outside the mask and was changed."));
    }

    [Fact]
    public async Task APictureIsDrawnOnBeyondItsEdge()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("more of it", steps: 1);
        await page.SetInputFilesAsync("#open-picture", Png("wall.png", Gradient(64, 64)));
        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Extend" }).ClickAsync();
        var canvas = page.Locator("canvas.canvas");
        await canvas.ScrollIntoViewIfNeededAsync();
        var box = (await canvas.BoundingBoxAsync())!;

        // The right edge, an eighth of the way in, is dragged to the end of the sheet.
        var edge = box.X + box.Width * (1 - 0.12f / 1.24f);
        await page.Mouse.MoveAsync(edge, box.Y + box.Height / 2);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + box.Width - 1, box.Y + box.Height / 2, new MouseMoveOptions { Steps = 4 });
        await page.Mouse.UpAsync();
        await Expect(page.Locator("#extend-Right")).ToHaveValueAsync("8");
        await page.FillAsync("#extend-Right", "32");
        await page.Locator("#extend-Right").BlurAsync();
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        var drawn = Only(server);
        Assert.Equal((96, 64), (drawn.Width, drawn.Height));
        Assert.True(Row(Gradient(64, 64), 10).SequenceEqual(Row(drawn, 10)[..(3 * 64)]), "The picture itself was changed.");
    }

    [Fact]
    public async Task AForeignPicturesSettingsAreRead()
    {
        const string Text = "a red barn\nNegative prompt: people\nSteps: 31, Sampler: DPM++ 2M Karras, CFG scale: 9, Seed: 4242, Size: 512x768, Model: other";
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go("/gallery");
        for (var attempt = 0; attempt < 3 && await page.Locator(".told-card").CountAsync() == 0; attempt++)
        {
            // On a busy machine the file may come before the page listens, and is then lost.
            await page.SetInputFilesAsync("#read-picture", Png("barn.png", Gradient(8, 8), new ImageMetadata(Text)));
            try
            {
                await page.Locator(".told-card").WaitForAsync(new() { Timeout = 20_000 });
            }
            catch (TimeoutException)
            {
            }
        }
        await Expect(page.Locator(".told-card")).ToContainTextAsync("AUTOMATIC1111");
        await page.ClickAsync("text=Use these settings");
        await Expect(page.Locator("#prompt")).ToHaveValueAsync("a red barn");
        foreach (var (field, value) in new[]
        {
            ("#negative", "people"), ("#steps", "31"), ("#guidance-scale", "9"), ("#seed", "4242"), ("#width", "512"), ("#height", "768"),
            ("#sampler", "dpmpp_2m"), ("#schedule", "karras"),
        })
            await Expect(page.Locator(field)).ToHaveValueAsync(value);
    }

    [Fact]
    public async Task TheGalleryIsSearchedLookedThroughAndPrunedByKeyboard()
    {
        await using var server = await RunningServer.Start(_folder);
        foreach (var prompt in (string[])["a grey cat", "a red fox", "a blue cat"])
            await server.Finished(await server.Submit(RunningServer.Cat(prompt: prompt)));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go("/gallery");
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(3);
        await page.FillAsync("#search", "cat");
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(2);

        await page.Locator(".wall .thumb").First.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        var words = page.Locator(".viewer .words");
        await Expect(words).ToHaveTextAsync("a blue cat");
        await Expect(words).ToBeVisibleAsync(); // from then on it hears keys
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(words).ToHaveTextAsync("a grey cat");
        await page.Keyboard.PressAsync("Delete");
        await Expect(words).ToHaveTextAsync("a blue cat");
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator(".viewer")).ToHaveCountAsync(0);
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(1);
        await page.ClickAsync("text=Undo");
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(2);
    }

    [Fact]
    public async Task APictureIsUsedAgain()
    {
        await using var server = await RunningServer.Start(_folder);
        await server.Finished(await server.Submit(RunningServer.Cat(seed: 77, prompt: "a grey cat")));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await page.ClickAsync("text=Use its settings");
        await Expect(page.Locator("#seed")).ToHaveValueAsync("77");
        await Expect(page.Locator("#prompt")).ToHaveValueAsync("a grey cat");

        await page.ClickAsync("text=Make similar");
        await Expect(page.Locator(".several .thumb")).ToHaveCountAsync(4);
        var seeds = server.Service<Gallery>().List(new PictureQuery()).Pictures.Select(picture => picture.Seed).Distinct();
        Assert.Equal(5, seeds.Count());

        await page.Locator(".recent .thumb").First.ClickAsync();
        await page.ClickAsync(".actions >> text=Enlarge");
        await Expect(page.Locator(".sheet.shown img")).ToHaveAttributeAsync("width", "128");
    }

    [Fact]
    public async Task WithoutAModelItSaysHowToAddOne()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [_folder.Path("no models")], SpareModel = null });
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await Expect(page.Locator("#draw")).ToBeDisabledAsync();
        await page.ClickAsync("text=How to add a model");
        await Expect(page.Locator(".path code")).ToHaveTextAsync(_folder.Path("no models"));
    }

    [Fact]
    public async Task ARefusalIsToldBesideTheButtonAndTheFieldIsMarked()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await page.FillAsync("#steps", "2000");
        await page.Locator("#steps").BlurAsync();
        await page.ClickAsync("#draw");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Steps is 2000; this server allows 200.");
        await Expect(page.Locator("#steps")).ToHaveAttributeAsync("aria-invalid", "true");
    }

    [Fact]
    public async Task APhoneShowsAllOfItWithoutScrollingSideways()
    {
        await using var server = await RunningServer.Start(_folder);
        await server.Finished(await server.Submit(RunningServer.Cat(count: 2, prompt: new string('w', 300))));
        await using var tab = await chromium.Open(server, width: 390, height: 844);
        foreach (var path in (string[])["/", "/gallery", "/models"])
        {
            var page = await tab.Go(path);
            await Expect(page.Locator("main")).ToBeVisibleAsync();
            Assert.Equal(390, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        }
        var draw = await tab.Go();
        await draw.FillAsync("#prompt", "a fox");
        await Expect(draw.Locator("#draw")).ToBeInViewportAsync();
        await draw.ClickAsync("text=Settings");
        await Expect(draw.Locator("#steps")).ToBeVisibleAsync();
        await draw.Locator(".recent .thumb").First.ClickAsync();
        await draw.ClickAsync("text=Use as input");
        await draw.Locator(".segments button", new PageLocatorOptions { HasText = "Paint" }).ClickAsync();
        await Expect(draw.GetByLabel("Eraser")).ToBeVisibleAsync();
        Assert.InRange(await draw.Locator("#draw").EvaluateAsync<float>("button => button.getBoundingClientRect().right"),
            300, 380); // no long file name pushes it out
        Assert.Equal(390, await draw.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    [Fact]
    public async Task TheThemeIsSwitchedAndRemembered()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server, scheme: ColorScheme.Light);
        var page = await tab.Go();
        var root = page.Locator("html");
        await Expect(root).ToHaveAttributeAsync("data-theme", "light");
        await page.GetByLabel("Light or dark").ClickAsync();
        await Expect(root).ToHaveAttributeAsync("data-theme", "dark");
        await page.ReloadAsync();
        await Expect(root).ToHaveAttributeAsync("data-theme", "dark");
    }

    private static async Task Stroke(IPage page, LocatorBoundingBoxResult box)
    {
        await page.Mouse.MoveAsync(box.X + box.Width * 0.3f, box.Y + box.Height * 0.5f);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + box.Width * 0.7f, box.Y + box.Height * 0.5f, new MouseMoveOptions { Steps = 5 });
        await page.Mouse.UpAsync();
    }

    private static RgbImage Only(RunningServer server)
    {
        var picture = Assert.Single(server.Service<Gallery>().List(new PictureQuery()).Pictures);
        return ImageFile.Load(new MemoryStream(server.Service<Gallery>().Read(picture.Id)), picture.File);
    }

    private static ReadOnlySpan<byte> Row(RgbImage image, int y) => image.Pixels.AsSpan(3 * image.Width * y, 3 * image.Width);

    private static RgbImage Gradient(int width, int height)
    {
        var image = new RgbImage(width, height);
        for (var i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i * 7 / 3);
        return image;
    }

    private static FilePayload Png(string name, RgbImage image, ImageMetadata? metadata = null) => new()
    {
        Name = name,
        MimeType = "image/png",
        Buffer = ImageFile.Encode(image, ImageFormat.Png, metadata),
    };
}
