using System.Diagnostics;
using System.IO.Compression;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Easel.Server.Tests.Page;

/// <summary>Guards what a person does with the page every day: hasty fingers, photographs, wrong entries, many pictures, the way back.</summary>
public sealed class DailyTests(Chromium chromium) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OneClickOnAnEmptyPageDrawsAndTwoAreOne()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await Expect(page.Locator("#prompt")).ToHaveValueAsync(Examples.First(null));
        await page.DblClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        Assert.Equal(Examples.First(null), Assert.Single(server.Service<JobQueue>().Over()).Request.Request.Prompt);
        var other = page.Locator(".examples .chip").Nth(1);
        var words = await other.TextContentAsync();
        await other.ClickAsync();
        await Expect(page.Locator("#prompt")).ToHaveValueAsync(words!);
        await page.GetByLabel("Earlier prompts").First.ClickAsync();
        await page.Locator(".history button").First.ClickAsync();
        await Expect(page.Locator("#prompt")).ToHaveValueAsync(Examples.First(null));
    }

    [Fact]
    public async Task WhatCannotBeReadIsNeverDrawn()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a cat", steps: 1);
        foreach (var (field, wrong) in new[] { ("#seed", "abc"), ("#seed", "99999999999999999999"), ("#steps", "3.7") })
        {
            await page.FillAsync(field, wrong);
            await page.Locator(field).BlurAsync();
            await Expect(page.Locator(field)).ToHaveAttributeAsync("aria-invalid", "true");
            await page.ClickAsync("#draw");
            await Expect(page.Locator(".draw-bar [role=alert]")).ToContainTextAsync("it must be a whole number");
            await page.FillAsync(field, field == "#steps" ? "1" : "-1");
            await page.Locator(field).BlurAsync();
            await Expect(page.Locator(field)).ToHaveAttributeAsync("aria-invalid", "false");
        }
        Assert.Empty(server.Service<JobQueue>().Over());
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        Assert.True(Assert.Single(server.Service<Gallery>().List(new PictureQuery()).Pictures).Seed >= 0, "-1 means random.");
    }

    [Fact]
    public async Task APhotographIsMadeSmallerInTheBrowserAndKeptOnce()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a window", steps: 1);
        var photo = new FilePayload { Name = "photo.jpg", MimeType = "image/jpeg", Buffer = ImageFile.Encode(new RgbImage(2400, 1800), ImageFormat.Jpeg) };
        await page.SetInputFilesAsync("#open-picture", photo);
        await Expect(page.Locator(".input .label-row .help")).ToHaveTextAsync("2400 × 1800");
        for (var i = 1; i <= 2; i++)
        {
            await page.ClickAsync("#draw");
            await Expect(page.Locator(".recent .thumb")).ToHaveCountAsync(i);
        }
        var kept = Path.GetFileName(Assert.Single(Directory.GetFiles(_folder.Path("pictures", ".easel", "inputs"))));
        Assert.StartsWith("init-1024x768-", kept, StringComparison.Ordinal);
        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Enlarge" }).ClickAsync();
        await page.Locator("#scale").FillAsync("1");
        await page.Locator("#scale").BlurAsync();
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToHaveAttributeAsync("width", "2400"); // all of it
    }

    [Fact]
    public async Task UndoIsInSightInTheFullScreenAndBackClosesIt()
    {
        await using var server = await RunningServer.Start(_folder);
        foreach (var prompt in (string[])["a grey cat", "a red fox", "a blue cat"])
            await server.Finished(await server.Submit(RunningServer.Cat(prompt: prompt)));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go("/gallery");
        await page.FillAsync("#search", "cat");
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(2);
        await page.Locator(".wall .thumb").First.ClickAsync();
        await Expect(page.Locator(".viewer .words")).ToHaveTextAsync("a blue cat");
        await Expect(page.Locator(".viewer .words")).ToBeVisibleAsync(); // it is there before it is shown, and keys are heard from then on
        await page.Keyboard.PressAsync("Delete");
        await Expect(page.Locator(".viewer .words")).ToHaveTextAsync("a grey cat");
        await page.Locator(".viewer .toast >> text=Undo").ClickAsync();
        await page.GoBackAsync();
        await Expect(page.Locator(".viewer")).ToHaveCountAsync(0);
        await Expect(page.Locator("#search")).ToHaveValueAsync("cat");
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(2);
        await page.ReloadAsync();
        await Expect(page.Locator("#search")).ToHaveValueAsync("cat"); // it stands in the address
        await Expect(page.Locator(".wall .thumb")).ToHaveCountAsync(2);
    }

    [Fact]
    public async Task ASmallPictureFillsTheScreenInWholeSquares()
    {
        await using var server = await RunningServer.Start(_folder);
        await server.Finished(await server.Submit(RunningServer.Cat()));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go("/gallery");
        await page.Locator(".wall .thumb").First.ClickAsync();
        var image = page.Locator(".viewer-picture img.pixels");
        await Expect(image).ToBeVisibleAsync();
        var width = await image.EvaluateAsync<float>("image => image.getBoundingClientRect().width");
        Assert.Equal(0, width % 64);
        Assert.True(width >= 640, $"It is {width} wide.");
    }

    [Fact]
    public async Task AFailureIsKeptWithItsReasonAndTriedAgain()
    {
        await using var server = await RunningServer.Start(_folder);
        server.Models.Failure = "The cat ran away.";
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a cat", steps: 1);
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.blank")).ToContainTextAsync("The cat ran away.");
        await Expect(page.Locator(".failures .title")).ToHaveTextAsync("a cat");
        await Expect(page.Locator(".failures .field-error")).ToHaveCountAsync(0); // once on the page is enough
        server.Models.Failure = null;
        await page.FillAsync("#prompt", "a dog");
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".caption")).ToHaveTextAsync("a dog");
        await Expect(page.Locator(".failures .field-error")).ToHaveTextAsync("The cat ran away.");
        await page.ClickAsync(".failures >> text=Try again");
        await Expect(page.Locator(".caption")).ToHaveTextAsync("a cat");
        await Expect(page.Locator(".failures")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task ManyPicturesAreChosenStarredZippedDeletedAndBroughtBack()
    {
        await using var server = await RunningServer.Start(_folder);
        await server.Finished(await server.Submit(RunningServer.Cat(count: 5)));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go("/gallery");
        var thumbs = page.Locator(".wall .thumb");
        await Expect(thumbs).ToHaveCountAsync(5);
        await page.ClickAsync("#select");
        await thumbs.Nth(0).ClickAsync();
        await thumbs.Nth(2).ClickAsync(new LocatorClickOptions { Modifiers = [KeyboardModifier.Shift] });
        await Expect(page.Locator("#chosen")).ToHaveTextAsync("3 chosen");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Favourite" }).First.ClickAsync();
        await Expect(page.Locator(".starred")).ToHaveCountAsync(3);

        var download = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("#zip"));
        using var zip = ZipFile.OpenRead(await download.PathAsync());
        Assert.Equal(3, zip.Entries.Count);
        using var inside = new MemoryStream();
        await using (var entry = await zip.Entries[0].OpenAsync()) await entry.CopyToAsync(inside);
        inside.Position = 0;
        Assert.Equal(64, ImageFile.Load(inside, "inside").Width);

        await page.Keyboard.PressAsync("Escape");
        await page.ClickAsync("#select");
        await thumbs.Nth(4).ClickAsync();
        await thumbs.Nth(3).ClickAsync();
        await page.ClickAsync("#delete-chosen");
        await Expect(thumbs).ToHaveCountAsync(3);
        await page.ClickAsync("text=Undo");
        await Expect(thumbs).ToHaveCountAsync(5);
        await page.SelectOptionAsync("#filter-tag", Picture.Favourite);
        await Expect(thumbs).ToHaveCountAsync(3);
    }

    [Fact]
    public async Task AMaskIsMadeInTheWholeWindow()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a window", steps: 1);
        var grey = new RgbImage(96, 64);
        grey.Pixels.AsSpan().Fill(128);
        await page.SetInputFilesAsync("#open-picture",
            new FilePayload { Name = "a.png", MimeType = "image/png", Buffer = ImageFile.Encode(grey, ImageFormat.Png) });
        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Paint" }).ClickAsync();
        await page.GetByLabel("Paint in the whole window").ClickAsync();
        await page.GetByLabel("Rectangle").ClickAsync();
        var canvas = page.Locator("canvas.canvas");
        await page.WaitForFunctionAsync("() => document.querySelector('canvas.canvas').clientWidth > innerWidth * 0.9");
        var box = (await canvas.BoundingBoxAsync())!;
        // The picture is as high as the canvas: its left half.
        var (wide, high) = (box.Height * 1.5f, box.Height);
        var left = box.X + (box.Width - wide) / 2;
        await page.Mouse.MoveAsync(left + 1, box.Y + 1);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(left + wide / 2, box.Y + high - 1, new MouseMoveOptions { Steps = 3 });
        await page.Mouse.UpAsync();
        await page.ClickAsync("#editor-done");
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        var picture = Assert.Single(server.Service<Gallery>().List(new PictureQuery()).Pictures);
        var drawn = ImageFile.Load(new MemoryStream(server.Service<Gallery>().Read(picture.Id)), picture.File);
        int Changed(int from, int to) => Enumerable.Range(from, to - from).Count(x => drawn.Pixels[3 * (32 * 96 + x)] != 128);
        Assert.True(Changed(8, 40) > 24, "The left half is drawn.");
        Assert.Equal(0, Changed(52, 96));
    }

    /// <summary>The way of somebody who opens the page for the first time, from the first click to an undone deletion, in one tab.</summary>
    [Fact]
    public async Task ANewcomerDrawsPaintsExtendsEnlargesFindsReusesAndTakesBack()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var began = Stopwatch.GetTimestamp();
        var page = await tab.Go();
        var gallery = server.Service<Gallery>();
        await tab.Ask(Examples.First(null), steps: 2);
        await Drawn(1);

        await page.Locator("main").GetByText("Use as input").First.ClickAsync();
        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Paint" }).ClickAsync();
        var canvas = page.Locator("canvas.canvas");
        await canvas.ScrollIntoViewIfNeededAsync();
        var box = (await canvas.BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(box.X + box.Width * 0.4f, box.Y + box.Height / 2);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + box.Width * 0.6f, box.Y + box.Height / 2, new MouseMoveOptions { Steps = 3 });
        await page.Mouse.UpAsync();
        await Drawn(2);

        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Extend" }).ClickAsync();
        await page.FillAsync("#extend-Right", "32");
        await page.Locator("#extend-Right").BlurAsync();
        await Drawn(3);
        Assert.Equal((96, 64), Last());

        await page.Locator(".segments button", new PageLocatorOptions { HasText = "Enlarge" }).ClickAsync();
        await page.SelectOptionAsync("#upscaler", "lanczos");
        await Drawn(4);
        Assert.Equal((128, 128), Last());

        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Gallery" }).ClickAsync();
        var thumbs = page.Locator(".wall .thumb");
        await Expect(thumbs).ToHaveCountAsync(4);
        await page.FillAsync("#search", "no such thing");
        await Expect(thumbs).ToHaveCountAsync(0);
        await page.FillAsync("#search", Examples.First(null)[..5]);
        await Expect(thumbs).ToHaveCountAsync(4);
        await thumbs.Last.ClickAsync();
        await Expect(page.Locator(".viewer .words")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Delete");
        await page.Locator(".viewer .toast >> text=Undo").ClickAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(thumbs).ToHaveCountAsync(4);

        await thumbs.Last.ClickAsync();
        await page.Locator(".viewer").GetByText("Use its settings").ClickAsync();
        await Expect(page.Locator("#prompt")).ToHaveValueAsync(Examples.First(null));
        await Expect(page.Locator("#steps")).ToHaveValueAsync("2");
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        TestContext.Current.TestOutputHelper?.WriteLine($"Open, draw, paint, extend, enlarge, find, delete, undo, use again: {seconds:0.0} s.");

        (int, int) Last() => gallery.List(new PictureQuery()).Pictures[0] is var last ? (last.Width, last.Height) : default;

        async Task Drawn(int count)
        {
            await page.ClickAsync("#draw");
            await Expect(page.Locator(".recent .thumb")).ToHaveCountAsync(count);
        }
    }

    /// <summary>What goes over the wire before the drawing page can be used: it must not grow unseen.</summary>
    [Fact]
    public async Task ThePageIsLightAndAskedForInFewTurns()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var (first, again) = (await Opened(), await Opened());
        Assert.InRange(first.Wire, 20_000, 100_000); // compressed, with the framework's script
        Assert.InRange(again.Wire, 0, 8_000); // the rest is kept for good
        Assert.InRange(again.Socket, 5_000, 45_000);
        Assert.InRange(again.Asked, 1, 12); // Blazor itself asks a few times

        async Task<(long Wire, long Socket, int Asked)> Opened()
        {
            var (wire, socket, asked) = (0L, 0L, 0);
            var session = await tab.Page.Context.NewCDPSessionAsync(tab.Page);
            await session.SendAsync("Network.enable");
            session.Event("Network.loadingFinished").OnEvent += (_, load) =>
                Interlocked.Add(ref wire, (long)load!.Value.GetProperty("encodedDataLength").GetDouble());
            session.Event("Network.webSocketFrameReceived").OnEvent += (_, frame) =>
            {
                var data = Convert.FromBase64String(frame!.Value.GetProperty("response").GetProperty("payloadData").GetString()!);
                Interlocked.Add(ref socket, data.Length);
                if (data.AsSpan().IndexOf("JS.BeginInvokeJS"u8) >= 0) Interlocked.Increment(ref asked);
            };
            await tab.Go();
            await Expect(tab.Page.Locator("#draw")).ToBeVisibleAsync();
            var seen = (Interlocked.Read(ref wire), Interlocked.Read(ref socket), asked);
            await session.DetachAsync();
            return seen;
        }
    }

    /// <summary>In which form pictures are kept, as the page asks for it.</summary>
    [Fact]
    public async Task PicturesAreKeptInTheFormThatIsChosen()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a cat", steps: 1);
        await page.ClickAsync(".settings summary >> text=More");
        await page.SelectOptionAsync("#file-format", "webp");
        await page.FillAsync("#file-quality", "70");
        await page.Locator("#file-quality").BlurAsync();
        await page.UncheckAsync("#file-text");
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        var picture = Assert.Single(server.Service<Gallery>().List(new PictureQuery()).Pictures);
        Assert.EndsWith(".webp", picture.File, StringComparison.Ordinal);
        Assert.Equal("a cat", picture.Prompt); // the gallery knows it
        Assert.Null(ImageFile.ReadMetadata(_folder.Path("pictures", picture.File)).Parameters);
    }

    [Fact]
    public async Task ChoicesInAPromptAreMadeOrAllDrawn()
    {
        Directory.CreateDirectory(_folder.Path("lists"));
        await File.WriteAllTextAsync(_folder.Path("lists", "animal.txt"), "cat\n# no\ndog\n");
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { WildcardsFolder = _folder.Path("lists") });
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        await tab.Ask("a {red|blue} __animal__", steps: 1);
        await page.CheckAsync("#all-choices");
        await Expect(page.Locator("#draw")).ToHaveTextAsync("Draw 4 pictures");
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".several .thumb")).ToHaveCountAsync(4);
        Assert.Equal(["a blue cat", "a blue dog", "a red cat", "a red dog"],
            server.Service<Gallery>().List(new PictureQuery()).Pictures.Select(picture => picture.Prompt).Order(StringComparer.Ordinal));
        await page.FillAsync("#prompt", "a __bird__");
        await page.ClickAsync("#draw");
        await Expect(page.Locator(".draw-bar [role=alert]")).ToContainTextAsync("the list \"bird\", which is not there");
    }

    [Fact]
    public async Task WhatIsTypedWithoutAConnectionIsThereAfterwards()
    {
        await using var server = await RunningServer.Start(_folder);
        await using var tab = await chromium.Open(server, mayComplain: true);
        var page = await tab.Go();
        await page.FillAsync("#prompt", "a cat");
        await page.WaitForFunctionAsync("() => localStorage.getItem('easel.draw')?.includes('a cat')");
        await page.EvaluateAsync("() => localStorage.setItem('easel.draft', JSON.stringify(['a cat in a hat', 'dogs']))"); // as its listener does
        await page.ReloadAsync();
        await Expect(page.Locator("#prompt")).ToHaveValueAsync("a cat in a hat");
        await Expect(page.Locator("#negative")).ToHaveValueAsync("dogs");
    }

    [Fact]
    public async Task APlotIsDrawnByOneClickAndADrawingIsLightOnTheWire()
    {
        await using var server = await RunningServer.Start(_folder, TimeSpan.FromMilliseconds(10));
        await using var tab = await chromium.Open(server);
        var page = await tab.Go();
        var wire = await page.Context.NewCDPSessionAsync(page);
        await wire.SendAsync("Network.enable");
        var (bytes, fetched) = (0L, 0L);
        foreach (var way in (string[])["Received", "Sent"])
        {
            wire.Event($"Network.webSocketFrame{way}").OnEvent += (_, frame) =>
                Interlocked.Add(ref bytes, frame!.Value.GetProperty("response").GetProperty("payloadData").GetString()!.Length * 3L / 4);
        }
        wire.Event("Network.loadingFinished").OnEvent += (_, load) =>
            Interlocked.Add(ref fetched, (long)load!.Value.GetProperty("encodedDataLength").GetDouble());
        await page.FillAsync("#width", "128"); // as Sketch draws
        await page.FillAsync("#height", "128");
        await page.Locator("#height").BlurAsync();
        await page.ClickAsync("#draw"); // 25 steps
        await Expect(page.Locator(".sheet.shown img")).ToBeVisibleAsync();
        Assert.InRange(Interlocked.Read(ref bytes), 1000, 60_000);
        Assert.InRange(Interlocked.Read(ref bytes) + Interlocked.Read(ref fetched), 1000, 150_000); // with its previews and the picture

        await page.ClickAsync(".plot summary");
        await page.CheckAsync("#plot-on");
        await page.FillAsync("#plot-X-values", "1, 2");
        await page.Locator("#plot-X-values").BlurAsync();
        await page.SelectOptionAsync("#plot-Y", GridAxis.SearchReplace);
        await page.FillAsync("#plot-Y-values", "apple, pear, plum");
        await page.Locator("#plot-Y-values").BlurAsync();
        await page.FillAsync("#prompt", "an apple");
        await Expect(page.Locator("#draw")).ToHaveTextAsync("Draw 6 pictures");
        await page.ClickAsync("#draw");
        while (server.Service<JobQueue>().Over().FirstOrDefault(job => job.Request.Sheet is not null)?.State != JobState.Done) await Task.Delay(20);
        Assert.Equal(["Steps: 1", "Steps: 2"], server.Service<JobQueue>().Over().First(job => job.Request.Sheet is not null).Request.Sheet!.Layout.Columns);
        Assert.Contains(server.Service<JobQueue>().Over(), job => job.Request.Request.Prompt == "an plum");
        await page.ClickAsync("#plot-matrix");
        await page.FillAsync("#prompt", "a house | old | red");
        await Expect(page.Locator("#draw")).ToHaveTextAsync("Draw 4 pictures");
    }

    [Fact]
    public async Task FilesAreCompressedAndLostAddressesHaveAPage()
    {
        await using var server = await RunningServer.Start(_folder);
        foreach (var encoding in (string[])["br", "gzip"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "_framework/blazor.web.js");
            request.Headers.Add("Accept-Encoding", encoding);
            var answer = await server.Client.SendAsync(request);
            Assert.Equal([encoding], answer.Content.Headers.ContentEncoding);
            Assert.True((await answer.Content.ReadAsByteArrayAsync()).Length < 80_000);
        }
        await using var tab = await chromium.Open(server, mayComplain: true);
        await tab.Page.GotoAsync("/nowhere");
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Not found");
        await tab.Page.ClickAsync("text=To the drawing page");
        await Expect(tab.Page.Locator("#prompt")).ToBeVisibleAsync();
    }
}
