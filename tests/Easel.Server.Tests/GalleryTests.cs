using System.Net;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards the gallery: finding, paging, the trash, small copies, and that the index can be made anew from the files.</summary>
public sealed class GalleryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static async Task<string[]> Find(RunningServer server, string query) =>
        [.. (await server.Get("api/pictures?" + query)).GetProperty("pictures").EnumerateArray().Select(picture => picture.GetProperty("prompt").GetString()!)];

    private static async Task Draw(RunningServer server, params string[] prompts)
    {
        var last = "";
        foreach (var (index, prompt) in prompts.Index()) last = await server.Submit(RunningServer.Cat(seed: index, prompt: prompt));
        await server.Finished(last);
    }

    [Fact]
    public async Task FoundByWordsAndSettings()
    {
        await using var server = await RunningServer.Start(_folder);
        await Draw(server, "a red cat", "a blue cat on a \"mat\"", "a dog; DROP TABLE pictures");
        Assert.Equal(["a blue cat on a \"mat\"", "a red cat"], await Find(server, "words=cat"));
        Assert.Equal(["a red cat"], await Find(server, "words=CAT re"));
        Assert.Equal(["a blue cat on a \"mat\""], await Find(server, "seed=1"));
        Assert.Equal(["a blue cat on a \"mat\""], await Find(server, "words=" + Uri.EscapeDataString("\"mat\"")));
        Assert.Equal(3, (await Find(server, $"model={RunningServer.ModelName}&steps=1&width=64&height=64")).Length);
        foreach (var words in (string[])["\"", "*", "NEAR(", "cat OR", "^", "-cat", "prompt:cat", "';--", ""])
            _ = await Find(server, "words=" + Uri.EscapeDataString(words));
        Assert.Empty(await Find(server, "words=OR"));
    }

    [Theory]
    [InlineData("jpeg", true)]
    [InlineData("webp", false)]
    public async Task PicturesAreKeptInTheFormThatIsAskedFor(string format, bool hasText)
    {
        string id;
        await using (var server = await RunningServer.Start(_folder))
        {
            var request = new { prompt = "a cat", steps = 1, width = 64, height = 64 };
            var job = await server.Finished(await server.Submit(new { request, file = new { format, quality = 60, metadata = hasText } }));
            id = job.GetProperty("pictures")[0].GetString()!;
            var file = await server.Client.GetByteArrayAsync($"api/pictures/{id}/file");
            Assert.Equal("image/" + format, (await server.Client.GetAsync($"api/pictures/{id}/file")).Content.Headers.ContentType!.MediaType);
            Assert.Equal(hasText, ImageFile.ReadMetadata(new MemoryStream(file), "it").Parameters is not null);
            Assert.Equal("a cat", (await server.Get($"api/pictures/{id}")).GetProperty("prompt").GetString());
            Assert.Equal(64, Support.Sdapi.Picture(await server.Client.GetByteArrayAsync($"api/pictures/{id}/file?format=png")).Width);
            var answer = await server.Client.PostAsync("api/jobs", new StringContent(
                """{"request": {"prompt": "a"}, "file": {"format": "avif"}}""", System.Text.Encoding.UTF8, "application/json"));
            Assert.Contains("it must be one of png, jpeg, webp", await answer.Content.ReadAsStringAsync());
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
        Assert.Empty(GalleryRebuild.Run(_folder.Path("pictures")).Unreadable);
        await using var again = await RunningServer.Start(_folder);
        Assert.Equal(JsonValueKind.String, (await again.Get($"api/pictures/{id}")).GetProperty("job").ValueKind); // it is known as its job's
    }

    [Fact]
    public async Task PagesFollowEachOther()
    {
        await using var server = await RunningServer.Start(_folder);
        await Draw(server, "a", "b", "c", "d", "e");
        var (seen, next) = (new List<string>(), "");
        do
        {
            var page = await server.Get($"api/pictures?count=2{(next.Length > 0 ? "&after=" + next : "")}");
            Assert.Equal(5, page.GetProperty("total").GetInt32());
            seen.AddRange(page.GetProperty("pictures").EnumerateArray().Select(picture => picture.GetProperty("prompt").GetString()!));
            next = page.TryGetProperty("next", out var mark) ? mark.GetString()! : "";
        }
        while (next.Length > 0);
        Assert.Equal(["e", "d", "c", "b", "a"], seen);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Client.GetAsync("api/pictures?after=rubbish")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Client.GetAsync("api/pictures?count=9999")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Client.GetAsync("api/pictures?count=many")).StatusCode);
    }

    [Fact]
    public async Task PicturesAreHandedOutInOtherForms()
    {
        await using var server = await RunningServer.Start(_folder);
        await Draw(server, "a");
        var id = (await server.Get("api/pictures")).GetProperty("pictures")[0].GetProperty("id").GetString()!;
        var jpeg = await server.Client.GetAsync($"api/pictures/{id}/file?format=jpeg&quality=80");
        Assert.Equal(("image/jpeg", $"{id}.jpg"), (jpeg.Content.Headers.ContentType!.MediaType, jpeg.Content.Headers.ContentDisposition!.FileName));
        Assert.StartsWith("a\nSteps: ", ImageFile.ReadMetadata(await jpeg.Content.ReadAsStreamAsync(), "picture").Parameters);
        var bare = await server.Client.GetByteArrayAsync($"api/pictures/{id}/file?metadata=false");
        Assert.Null(ImageFile.ReadMetadata(new MemoryStream(bare), "picture").Parameters);
        foreach (var wrong in (string[])["format=bmp", "format=jpeg&quality=0", "quality=101", "metadata=perhaps"])
            Assert.Equal(HttpStatusCode.BadRequest, (await server.Client.GetAsync($"api/pictures/{id}/file?{wrong}")).StatusCode);

        // As the page's own downloads, by the browser's cookie; what is shown stays what it is.
        server.Client.DefaultRequestHeaders.Add("Cookie", "easel-download=webp-70-bare");
        Assert.Equal("image/webp", (await server.Client.GetAsync($"api/pictures/{id}/file?download=true")).Content.Headers.ContentType!.MediaType);
        Assert.Equal("image/png", (await server.Client.GetAsync($"api/pictures/{id}/file")).Content.Headers.ContentType!.MediaType);
        using var zip = new System.IO.Compression.ZipArchive(new MemoryStream(await server.Client.GetByteArrayAsync($"api/pictures/zip?ids={id}")));
        Assert.Equal($"{id}.webp", Assert.Single(zip.Entries).Name);
    }

    [Fact]
    public async Task DeletedPicturesComeBackUntilTheyArePurged()
    {
        await using var server = await RunningServer.Start(_folder);
        await Draw(server, "a", "b");
        var picture = (await server.Get("api/pictures?words=a")).GetProperty("pictures")[0].GetProperty("id").GetString()!;
        var bytes = await server.Client.GetByteArrayAsync($"api/pictures/{picture}/file");

        Assert.True((await server.Client.DeleteAsync($"api/pictures/{picture}")).IsSuccessStatusCode);
        Assert.Equal(["b"], await Find(server, ""));
        Assert.Equal(["a"], await Find(server, "deleted=true"));
        Assert.Equal(bytes, await server.Client.GetByteArrayAsync($"api/pictures/{picture}/file")); // for the person who thinks of bringing it back

        Assert.True((await server.Client.PostAsync($"api/pictures/{picture}/restore", null)).IsSuccessStatusCode);
        Assert.Equal(["b", "a"], await Find(server, ""));
        Assert.Equal(bytes, await server.Client.GetByteArrayAsync($"api/pictures/{picture}/file"));

        await server.Client.DeleteAsync($"api/pictures/{picture}");
        Assert.Equal(1, server.Service<Gallery>().Purge(DateTimeOffset.UtcNow.AddMinutes(1)));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.PostAsync($"api/pictures/{picture}/restore", null)).StatusCode);
        Assert.Single(Directory.EnumerateFiles(_folder.Path("pictures"), "*.png", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task SmallCopiesAndFilesThatWentAway()
    {
        await using var server = await RunningServer.Start(_folder);
        await Draw(server, "a");
        var picture = (await server.Get("api/pictures")).GetProperty("pictures")[0];
        var id = picture.GetProperty("id").GetString();
        var small = await server.Client.GetAsync($"api/pictures/{id}/thumbnail");
        Assert.Equal("image/webp", small.Content.Headers.ContentType?.MediaType);
        Assert.Equal(64, ImageFile.Load(await small.Content.ReadAsStreamAsync(), "thumbnail").Width);

        File.Delete(_folder.Path("pictures", picture.GetProperty("file").GetString()!));
        Assert.Equal(HttpStatusCode.Gone, (await server.Client.GetAsync($"api/pictures/{id}/file")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("api/pictures/nonsense/thumbnail")).StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task IndexIsMadeAnewFromTheFiles(bool damaged)
    {
        JsonElement before;
        string waiting;
        var options = RunningServer.OptionsFor(_folder) with { StopPatience = TimeSpan.Zero };
        // Steps so slow that the long job has no picture yet, however busy the machine is.
        await using (var server = await RunningServer.Start(options, stepTime: TimeSpan.FromMilliseconds(200)))
        {
            await Draw(server, "a", "b", "c");
            before = await server.Get("api/pictures");
            var first = before.GetProperty("pictures")[2].GetProperty("id").GetString();
            await server.Client.DeleteAsync($"api/pictures/{first}");
            await server.Submit(RunningServer.Cat(steps: 200, count: 50));
            waiting = await server.Submit(RunningServer.Cat(prompt: "later"));
        }
        // A picture that the command drew, one of another program without settings, and one that is none.
        ImageFile.Save(_folder.Path("pictures", "00000-5-a-fox.png"), new RgbImage(80, 64),
            new ImageMetadata("a fox\nSteps: 3, Sampler: Euler, Seed: 5, Size: 80x64, Model: m"));
        ImageFile.Save(_folder.Path("pictures", "photo.jpg"), new RgbImage(64, 64));
        File.WriteAllText(_folder.Path("pictures", "broken.png"), "no picture");
        if (damaged)
        {
            var file = _folder.Path("pictures", ".easel", "easel.db");
            File.WriteAllBytes(file, [.. "rubbish"u8, .. File.ReadAllBytes(file)]);
        }

        var outcome = GalleryRebuild.Run(_folder.Path("pictures"));
        Assert.Equal(5, outcome.Pictures);
        Assert.Contains("broken.png", Assert.Single(outcome.Unreadable));
        Assert.Equal(damaged, outcome.SetAside is not null);

        await using (var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromSeconds(1)))
        {
            var after = await server.Get("api/pictures");
            Assert.Equal(4, after.GetProperty("total").GetInt32());
            Assert.Equal(["a fox"], await Find(server, "words=fox&seed=5"));
            Assert.Equal(["a"], await Find(server, "deleted=true"));
            foreach (var old in before.GetProperty("pictures").EnumerateArray().Take(2))
            {
                var now = await server.Get($"api/pictures/{old.GetProperty("id").GetString()}");
                foreach (var member in (string[])["job", "file", "prompt", "seed", "parameters"])
                    Assert.Equal(old.GetProperty(member).ToString(), now.GetProperty(member).ToString());
            }
            if (!damaged)
                Assert.Contains(waiting,
                    (await server.Get("api/jobs")).GetProperty("active").EnumerateArray().Select(job => job.GetProperty("id").GetString()));
            await server.Client.DeleteAsync("api/jobs");
        }
    }

    [Fact]
    public void RebuildingWhereThereIsNothing() =>
        Assert.Contains("There is no folder", Assert.Throws<EaselException>(() => GalleryRebuild.Run(_folder.Path("nowhere"))).Message);
}
