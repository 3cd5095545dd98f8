using Easel.Hub;
using Microsoft.AspNetCore.Http;

namespace Easel.Server.Tests.Hub;

/// <summary>Models by name, against a hub on this machine: nothing here uses a network.</summary>
public sealed class HubTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-hub").FullName;
    private FakeHub _hub = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _hub = await FakeHub.Start();

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task AFileIsFetchedIntoTheLayoutThatOtherProgramsShare()
    {
        var content = _hub.Put("m.safetensors", 3_000_000);
        using var client = Client();
        var path = Assert.Single(await client.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Equal(Path.Combine(_folder, "models--org--name", "snapshots", FakeHub.Commit, "m.safetensors"), path);
        Assert.Equal(content, await File.ReadAllBytesAsync(path, Cancel));
        Assert.Equal(FakeHub.Commit, await File.ReadAllTextAsync(Path.Combine(_folder, "models--org--name", "refs", "main"), Cancel));
        if (!OperatingSystem.IsWindows()) Assert.Equal(Path.Combine("..", "..", "blobs", _hub.Tag(content)), new FileInfo(path).LinkTarget);
        Assert.Equal("org/name:m.safetensors", HubCache.NameOf(path));
    }

    [Fact]
    public async Task WhatIsThereIsNotAskedForAgain()
    {
        _hub.Put("m.safetensors", 1000);
        using var client = Client();
        await client.FetchAsync(Selection("m.safetensors"), null, Cancel);
        _hub.Asked.Clear();
        await client.FetchAsync(Selection("m.safetensors"), null, Cancel);
        Assert.Empty(_hub.Asked);
        using var offline = new HubClient(Settings() with { IsOffline = true });
        Assert.Single(await offline.FetchAsync(Selection("m.safetensors"), null, Cancel));
        var error = await Assert.ThrowsAsync<HubException>(() => offline.FetchAsync(Selection("other.safetensors"), null, Cancel));
        Assert.Contains("HF_HUB_OFFLINE", error.Message);
    }

    /// <summary>By its name alone, as a person asks: what "main" was at is noted for other programs, and is enough where nothing may be asked.</summary>
    [Fact]
    public async Task ARepositoryThatIsThereIsFoundWithoutTheHub()
    {
        _hub.Put("m.safetensors", 1000);
        using (var client = Client()) await Pull("org/name").RunAsync(client, null, null, Cancel);
        var reference = Path.Combine(_folder, "models--org--name", "refs", "main");
        Assert.Equal(FakeHub.Commit, await File.ReadAllTextAsync(reference, Cancel));

        _hub.Asked.Clear();
        using var offline = new HubClient(Settings() with { IsOffline = true });
        Assert.EndsWith("m.safetensors", await Pull("org/name").RunAsync(offline, null, null, Cancel));
        File.Delete(reference); // as where only a commit was asked for
        Assert.EndsWith("m.safetensors", await Pull("org/name:m.safetensors").RunAsync(offline, null, null, Cancel));
        foreach (var missing in (string[])["org/other", "org/name:other.safetensors", "org/name@v2"])
        {
            var error = await Assert.ThrowsAsync<HubException>(() => Pull(missing).RunAsync(offline, null, null, Cancel));
            Assert.Contains("HF_HUB_OFFLINE", error.Message);
        }
        Assert.Empty(_hub.Asked);

        ModelPull Pull(string name) => ModelPull.Of(name, _hub.Address, _folder)!;
    }

    [Fact]
    public async Task TheTokenGoesToTheHubAndNowhereElse()
    {
        _hub.Put("m.safetensors", 1000);
        using var client = new HubClient(Settings() with { Token = "secret" });
        await client.FetchAsync(Selection("m.safetensors"), null, Cancel);
        Assert.All(_hub.Asked, line => Assert.Equal(line.Contains("/resolve/"), line.Contains("Bearer secret")));
        Assert.Contains(_hub.Asked, line => line.StartsWith("GET /cdn/"));
    }

    /// <summary>As after a kill: the part is there, and only the rest is fetched.</summary>
    [Fact]
    public async Task AnInterruptedFetchGoesOn()
    {
        var content = _hub.Put("m.safetensors", 2_000_000);
        var part = Path.Combine(_folder, "models--org--name", "blobs", _hub.Tag(content) + ".incomplete");
        Directory.CreateDirectory(Path.GetDirectoryName(part)!);
        await File.WriteAllBytesAsync(part, content[..1_234_567], Cancel);
        using var client = Client();
        var path = Assert.Single(await client.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Equal(content, await File.ReadAllBytesAsync(path, Cancel));
        Assert.Contains(_hub.Asked, line => line.Contains("bytes=1234567-"));
        Assert.False(File.Exists(part));
    }

    /// <summary>A connection that ends early is taken up again where it ended.</summary>
    [Fact]
    public async Task ATruncatedAnswerIsGoneOnWith()
    {
        var content = _hub.Put("m.safetensors", 100_000);
        var cuts = 2;
        _hub.Instead = async context =>
        {
            if (!context.Request.Path.StartsWithSegments("/cdn") || cuts-- <= 0) return false;
            var from = (int)(context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0);
            context.Response.StatusCode = from > 0 ? 206 : 200;
            context.Response.ContentLength = content.Length - from;
            await context.Response.Body.WriteAsync(content.AsMemory(from, 30_000));
            await context.Response.Body.FlushAsync();
            context.Abort();
            return true;
        };
        using var client = Client();
        var path = Assert.Single(await client.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Equal(content, await File.ReadAllBytesAsync(path, Cancel));
    }

    /// <summary>A part of another file, or a server that sends other bytes than it says.</summary>
    [Fact]
    public async Task WrongBytesAreThrownAway()
    {
        var content = _hub.Put("m.safetensors", 50_000);
        _hub.Tag = _ => new string('a', 64);
        using var client = Client();
        var error = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Contains("is not the file", error.Message);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories), file => new FileInfo(file).Length == content.Length);
    }

    [Fact]
    public async Task AKnownFingerprintMustBeTheHubs()
    {
        _hub.Put("m.safetensors", 1000);
        using var client = Client();
        var selection = new HubSelection("org/name", "main", [new HubFile("m.safetensors", 1000, new string('b', 64))]);
        var error = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(selection, null, Cancel));
        Assert.Contains("not the file that Easel knows", error.Message);
    }

    /// <summary>A tag becomes a file's name, so it may be nothing but a fingerprint.</summary>
    [Theory]
    [InlineData("../../../etc/passwd")]
    [InlineData("abc")]
    public async Task ATagThatIsNoFingerprintIsRefused(string tag)
    {
        _hub.Put("m.safetensors", 1000);
        _hub.Tag = _ => tag;
        using var client = Client();
        await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Empty(Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData(401, "accepted its licence")]
    [InlineData(403, "accepted its licence")]
    [InlineData(404, "There is no org/name")]
    [InlineData(500, "500")]
    public async Task RefusalsAreSaidInWords(int status, string words)
    {
        _hub.Instead = context =>
        {
            context.Response.StatusCode = status;
            return Task.FromResult(true);
        };
        using var client = Client();
        var error = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Contains(words, error.Message);
    }

    [Fact]
    public async Task AServerThatAsksToWaitIsWaitedFor()
    {
        _hub.Put("m.safetensors", 1000);
        var refusals = 2;
        _hub.Instead = context =>
        {
            if (refusals-- <= 0) return Task.FromResult(false);
            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = "0";
            return Task.FromResult(true);
        };
        using var client = Client();
        Assert.Single(await client.FetchAsync(Selection("m.safetensors"), null, Cancel));
    }

    [Fact]
    public async Task TwoAtOnceFetchOnce()
    {
        _hub.Put("m.safetensors", 500_000);
        using var one = Client();
        using var two = Client();
        await Task.WhenAll(one.FetchAsync(Selection("m.safetensors"), null, Cancel), two.FetchAsync(Selection("m.safetensors"), null, Cancel));
        Assert.Single(_hub.Asked, line => line.StartsWith("GET /cdn/"));
    }

    [Fact]
    public async Task FilesOfOnesOwnFolderKeepTheirNames()
    {
        var content = _hub.Put("unet/m.safetensors", 1000);
        using var client = Client();
        var path = Assert.Single(await client.FetchToAsync(Selection("unet/m.safetensors"), Path.Combine(_folder, "own"), null, Cancel));
        Assert.Equal(Path.Combine(_folder, "own", "unet", "m.safetensors"), path);
        Assert.Equal(content, await File.ReadAllBytesAsync(path, Cancel));
        var address = new Uri($"{_hub.Address}/cdn/unet/m.safetensors");
        Assert.Equal(content, await File.ReadAllBytesAsync(await client.FetchAddressAsync(address, _folder, null, null, Cancel), Cancel));
        _hub.Put("setup.exe", 10);
        await Assert.ThrowsAsync<HubException>(() => client.FetchAddressAsync(new Uri($"{_hub.Address}/cdn/setup.exe"), _folder, null, null, Cancel));
    }

    [Fact]
    public async Task TheListOfARepositoryChoosesWhatIsNeeded()
    {
        foreach (var file in new[]
        {
            "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
            "unet/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.safetensors", "safety_checker/model.safetensors",
            "text_encoder/model.fp16.safetensors",
        })
        {
            _hub.Put(file, 10);
        }
        using var client = Client();
        var all = await client.ListAsync("org/name", null, Cancel);
        Assert.Equal(FakeHub.Commit, all.Revision);
        Assert.Equal(["model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.safetensors",
            "text_encoder/model.fp16.safetensors"], HubChoice.Of("org/name", all.Files).Select(file => file.Path));
    }

    [Fact]
    public void SeveralCheckpointsAreAskedAbout()
    {
        Assert.Equal("a.safetensors", Assert.Single(HubChoice.Of("o/n", [new("a.safetensors"), new("a.ckpt"), new("README.md")])).Path);
        Assert.Contains("name one: o/n:a.safetensors, o/n:b.safetensors",
            Assert.Throws<HubException>(() => HubChoice.Of("o/n", [new("a.safetensors"), new("b.safetensors")])).Message);
        Assert.Contains("o/n:a.ckpt", Assert.Throws<HubException>(() => HubChoice.Of("o/n", [new("a.ckpt")])).Message);
    }

    [Theory]
    [InlineData("org/name", "org/name", null, null)]
    [InlineData("org/name:a/b.safetensors", "org/name", "a/b.safetensors", null)]
    [InlineData("org/name@v1:b.safetensors", "org/name", "b.safetensors", "v1")]
    [InlineData("https://huggingface.co/org/name/resolve/main/a.safetensors?download=true", "org/name", "a.safetensors", "main")]
    [InlineData("https://huggingface.co/org/name", "org/name", null, null)]
    public void ReferencesAreRead(string text, string repository, string? file, string? revision) =>
        Assert.Equal(new HubReference(repository, file, revision, null), HubReference.Parse(text));

    [Theory]
    [InlineData("sd15")]
    [InlineData("../name")]
    [InlineData("org/../name")]
    [InlineData("org/name:../../x")]
    [InlineData("org/name:/etc/passwd")]
    [InlineData("ftp://example.org/a")]
    [InlineData("C:\\models")]
    public void WhatIsNoReferenceIsNone(string text) => Assert.Null(HubReference.Parse(text));

    [Fact]
    public void ModelsAreFoundByNameAndByAPartOfIt()
    {
        var models = Path.Combine(_folder, "models");
        Directory.CreateDirectory(Path.Combine(models, "sub"));
        File.WriteAllText(Path.Combine(models, "sub", "dreamy_8.safetensors"), "");
        File.WriteAllText(Path.Combine(models, "dreamy_7.safetensors"), "");
        var snapshot = Path.Combine(_folder, "models--org--pipe", "snapshots", FakeHub.Commit);
        Directory.CreateDirectory(snapshot);
        File.WriteAllText(Path.Combine(snapshot, "model_index.json"), "{}");
        var found = new ModelFolders([models, _folder]);
        Assert.EndsWith("dreamy_8.safetensors", found.Find("dreamy_8"));
        Assert.EndsWith("dreamy_8.safetensors", found.Find("y_8"));
        Assert.Equal(snapshot, found.Find("org/pipe"));
        Assert.Contains("2 models: dreamy_7, dreamy_8", Assert.Throws<UnknownModelException>(() => found.Find("dreamy")).Message);
        Assert.Contains("easel pull sd15", Assert.Throws<UnknownModelException>(() => found.Find("sd15")).Message);
        Assert.Contains("easel pull org/other", Assert.Throws<UnknownModelException>(() => found.Find("org/other")).Message);
    }

    /// <summary>The list is data that people download by: each entry is whole.</summary>
    [Fact]
    public void TheKnownModelsAreWellFormed()
    {
        Assert.Equal(KnownModels.All.Count, KnownModels.All.Select(model => model.Name).Distinct().Count());
        foreach (var model in KnownModels.All)
        {
            Assert.NotNull(HubReference.Parse(model.Selection.Repository));
            Assert.All(model.Selection.Files, file => Assert.True(file.Sha256 is null or { Length: 64 } && file.Path.EndsWith(".safetensors")));
            Assert.NotEmpty(model.Licence);
            Assert.True(model.Selection.Revision.Length == 40 || model.Selection.Files.All(file => file.Sha256 is not null), model.Name);
        }
    }

    private HubSettings Settings() => new() { Endpoint = _hub.Address, CacheFolder = _folder, RetrySeconds = 0.01 };

    private HubClient Client() => new(Settings());

    private static HubSelection Selection(params string[] files) => new("org/name", "main", [.. files.Select(file => new HubFile(file))]);
}
