using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Easel.Server.Tests;

/// <summary>Guards that the server can be a part of another application, and that neither meddles with the other.</summary>
public sealed class MountedTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_draws_below_its_path_and_leaves_the_rest_alone()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 1000);
        builder.Services.AddEaselServer(RunningServer.OptionsFor(_folder), new FakeModels());
        await using var app = builder.Build();
        app.MapGet("/", (HttpContext context) => Results.Json(new { ownPath = context.Request.Path.Value, missing = (string?)null }));
        app.MapEasel("/art/easel").Add(endpoint => endpoint.Metadata.Add("mine"));
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        using var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(address) };

        Assert.Equal("""{"ownPath":"/","missing":null}""", await client.GetStringAsync("/"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/models")).StatusCode);
        Assert.Equal("/art/easel/?tag=a", (await client.GetAsync("/art/easel?tag=a")).Headers.Location?.ToString());

        using var visit = new HttpRequestMessage(HttpMethod.Get, "/art/easel/") { Headers = { { "Accept", "text/html" } } };
        var page = await client.SendAsync(visit);
        Assert.Contains("<base href=\"/art/easel/\"", await page.Content.ReadAsStringAsync());
        Assert.True(page.Headers.Contains("Content-Security-Policy"));
        Assert.True((await client.PostAsync("/art/easel/_blazor/negotiate?negotiateVersion=1", null)).IsSuccessStatusCode);

        var made = await client.PostAsJsonAsync("/art/easel/api/jobs", RunningServer.Cat());
        Assert.StartsWith("/art/easel/api/jobs/", made.Headers.Location!.ToString());
        var id = (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        Assert.Contains("event: done", await client.GetStringAsync($"/art/easel/api/jobs/{id}/events"));
        Assert.Equal("image/png", (await client.GetAsync($"/art/easel/api/pictures/{id}-0000/file")).Content.Headers.ContentType?.MediaType);

        // Its checks are its own.
        using var foreign = new HttpRequestMessage(HttpMethod.Get, "/art/easel/api/models") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await client.SendAsync(foreign)).StatusCode);
        using var own = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(own)).StatusCode);
        var large = await client.PostAsJsonAsync("/art/easel/api/jobs", RunningServer.Cat(prompt: new string('a', 20_000))); // more than the application takes
        Assert.Contains("number of characters", await large.Content.ReadAsStringAsync());
        await app.StopAsync();
        Assert.Empty(Directory.EnumerateFiles(_folder.Path("pictures/.easel"), "*.db-wal")); // its database is closed
    }

    [Theory]
    [InlineData("easel")]
    [InlineData("/")]
    [InlineData("/easel/")]
    public async Task A_path_that_is_none_is_refused(string path)
    {
        var builder = WebApplication.CreateSlimBuilder();
        await using var app = builder.Build();
        Assert.Contains($"\"{path}\"", Assert.Throws<ArgumentException>(() => app.MapEasel(path)).Message);
        Assert.Contains("AddEaselServer", Assert.Throws<InvalidOperationException>(() => app.MapEasel()).Message);
    }
}
