using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Easel.Server.Jobs;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Easel.Server.Tests.Support;

/// <summary>A whole server on a port of its own, over a folder that outlives it. It lists the tiny model and draws with the fake one.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    public static readonly string Model = Goldens.Path("layouts/diffusers-sd1-micro");
    public const string ModelName = "diffusers-sd1-micro";

    private readonly WebApplication _app;

    private RunningServer(WebApplication app, FakeModels models)
    {
        (_app, Models) = (app, models);
        Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Client = new HttpClient { BaseAddress = new Uri(Address), Timeout = TimeSpan.FromMinutes(1) };
    }

    public string Address { get; }

    public HttpClient Client { get; }

    /// <summary>What it draws with.</summary>
    public FakeModels Models { get; }

    public T Service<T>() where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>A request for a picture of 64 x 64 pixels.</summary>
    public static object Cat(int steps = 1, int count = 1, long? seed = null, string prompt = "a cat") =>
        new { request = new { prompt, steps, width = 64, height = 64, batchCount = count, seed } };

    public static ServerOptions OptionsFor(TemporaryFolder folder) => new()
    {
        Port = 0,
        OutputFolder = folder.Path("pictures"),
        Models = [Model],
        SpareModel = null,
        Tools = [],
        Load = new LoadOptions { Precision = Precision.Full },
        Log = LogAmount.Error, // what the tests provoke would hide what fails
        StopPatience = TimeSpan.FromSeconds(5),
    };

    /// <summary>Starts one.</summary>
    /// <param name="stepTime">How long a step takes; what is to be seen under way must take some time.</param>
    /// <param name="source">What it draws with; null for <see cref="Models"/>.</param>
    /// <param name="clock">The time; null for the system's.</param>
    public static async Task<RunningServer> Start(ServerOptions options, TimeSpan stepTime = default, IModelSource? source = null, TimeProvider? clock = null)
    {
        var models = new FakeModels { StepTime = stepTime };
        var app = EaselServer.Build(options, source ?? models, clock);
        await app.StartAsync();
        return new RunningServer(app, models);
    }

    public static Task<RunningServer> Start(TemporaryFolder folder, TimeSpan stepTime = default) => Start(OptionsFor(folder), stepTime);

    /// <summary>The JSON of an answer, which must be a good one.</summary>
    public async Task<JsonElement> Get(string path) => await Client.GetFromJsonAsync<JsonElement>(path);

    /// <summary>Submits a job and gives its id.</summary>
    public async Task<string> Submit(object body)
    {
        var answer = await Client.PostAsJsonAsync("api/jobs", body);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json.GetProperty("id").GetString()!;
    }

    /// <summary>The events of a job, until it is over.</summary>
    public async Task<List<(string Kind, JsonElement Event)>> Events(string id)
    {
        await using var stream = await Client.GetStreamAsync($"api/jobs/{id}/events");
        var events = new List<(string, JsonElement)>();
        await foreach (var item in SseParser.Create(stream).EnumerateAsync()) events.Add((item.EventType, JsonDocument.Parse(item.Data).RootElement));
        return events;
    }

    /// <summary>Waits until a job is over and gives it.</summary>
    public async Task<JsonElement> Finished(string id) => (await Events(id))[^1].Event.GetProperty("job");

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
