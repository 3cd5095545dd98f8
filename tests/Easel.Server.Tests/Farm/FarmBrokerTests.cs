using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Easel.Farm;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using NATS.NKeys;

namespace Easel.Server.Tests.Farm;

/// <summary>Guards what is said of brokers that are not there, refuse, or lack something, and that a worker sees no other queue than its own.</summary>
public sealed class FarmBrokerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("http://host:1", "easel", "is no broker's address")]
    [InlineData("nats://", "easel", "is no broker's address")]
    [InlineData(" , ", "easel", "address is empty")]
    [InlineData("nats://host", "a farm", "letters, digits")]
    [InlineData("nats://host", "", "letters, digits")]
    [InlineData("nats://host", "a.b", "letters, digits")]
    [InlineData("nats://host", "*", "letters, digits")]
    public void WhatCannotBeAFarmIsRefused(string url, string name, string said) =>
        Assert.Contains(said, Assert.Throws<FarmException>(() => new FarmOptions { Url = url, Name = name }.Validate()).Message);

    [Theory]
    [InlineData("", "holds no credentials")]
    [InlineData("name only", "holds no credentials")]
    [InlineData("SUNOSEED", "holds no NKey's seed")]
    public async Task WhatHoldsNoCredentialsIsRefused(string text, string said)
    {
        var file = _folder.Path("creds");
        File.WriteAllText(file, text);
        var refused = await Assert.ThrowsAsync<FarmException>(() => FarmConnection.OpenAsync(new FarmOptions { Url = "nats://127.0.0.1:1", Credentials = file },
            "test", default));
        Assert.Contains(said, refused.Message);
        Assert.Contains("There is no file",
            Assert.Throws<FarmException>(() => new FarmOptions { Url = "nats://host", Credentials = _folder.Path("none") }.Validate()).Message);
    }

    [Fact]
    public void AServerThatDoesNotDrawNeedsAFarm() =>
        Assert.Contains("--farm", Assert.Throws<EaselException>(() => (RunningServer.OptionsFor(_folder) with { Draws = false }).Validate()).Message);

    [Fact]
    public void LimitsThatLeaveNothingAreRefused() => Assert.Contains("limit of steps is 0",
        Assert.Throws<EaselException>(() => (RunningServer.OptionsFor(_folder) with { Limits = new ServerLimits { Steps = 0 } }).Validate()).Message);

    [Fact]
    public void APasswordInTheAddressIsNotTold() =>
        Assert.Equal("nats://host:4222", new FarmOptions { Url = "nats://me:secret@host:4222" }.ToString());

    [Fact]
    public async Task ABrokerThatIsNotThereIsWaitedForAndJobsAreKept()
    {
        var port = Broker.FreePort();
        await using var server = await RunningServer.Start(Fields.Server(_folder, $"nats://127.0.0.1:{port}"));
        var id = await server.Submit(RunningServer.Cat());
        await Fields.Until(() => server.State().Problem is not null, "it says what it waits for");
        Assert.Contains("No broker answers", server.State().Problem);
        Assert.False(server.State().IsUp);
        Assert.Equal("queued", (await server.Get($"api/jobs/{id}")).GetProperty("state").GetString());
        Assert.True((await server.Client.DeleteAsync($"api/jobs/{id}")).IsSuccessStatusCode);
    }

    [Fact]
    public async Task WrongCredentialsAreToldAtOnce()
    {
        using var broker = Fields.Broker(_folder, "--user me --pass secret");
        var file = _folder.Path("creds");
        File.WriteAllText(file, "me:wrong");
        var options = Fields.Server(_folder, broker.Url);
        var refused = await Assert.ThrowsAnyAsync<EaselException>(() => RunningServer.Start(options with { Farm = options.Farm! with { Credentials = file } }));
        Assert.Contains("refuses these credentials", refused.Message);
        Assert.DoesNotContain("wrong", refused.Message);
        await using var hand = new Hand(options, "hand");
        Assert.Contains("refuses these credentials", (await Assert.ThrowsAsync<FarmException>(() => hand.Working)).Message);
    }

    [Fact]
    public async Task WithoutJetStreamThereIsNoFarm()
    {
        using var broker = Fields.Broker(_folder, configuration: "");
        var refused = await Assert.ThrowsAnyAsync<EaselException>(() => RunningServer.Start(Fields.Server(_folder, broker.Url)));
        Assert.Contains("JetStream is off", refused.Message);
    }

    [Fact]
    public async Task WhatABrokerCannotDoIsRefused()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        var refused = await Assert.ThrowsAnyAsync<EaselException>(() => RunningServer.Start(options with { Farm = options.Farm! with { Replicas = 3 } }));
        Assert.Contains("cannot keep 3 copies of the queue (--farm-replicas)", refused.Message);
        var encrypted = Fields.Farm(broker.Url.Replace("nats://", "tls://", StringComparison.Ordinal));
        Assert.Contains("speaks no TLS", (await Assert.ThrowsAsync<FarmException>(() => FarmConnection.OpenAsync(encrypted, "test", default))).Message);
    }

    [Fact]
    public async Task AnEncryptedConnectionAndAnNKeyAreAsGoodAsAPassword()
    {
        var (authority, certificate, key) = Certificates();
        var me = KeyPair.CreatePair(PrefixByte.User);
        var seed = _folder.Path("seed");
        File.WriteAllText(seed, me.GetSeed() + "\n");
        using var broker = Fields.Broker(_folder, configuration: $$"""
            tls { cert_file: "{{certificate}}", key_file: "{{key}}", timeout: 60 }
            authorization { timeout: 60, users: [ { nkey: {{me.GetPublicKey()}} } ] }
            jetstream { store_dir: "STORE" }
            """);
        var farm = Fields.Farm(broker.Url.Replace("nats://", "tls://", StringComparison.Ordinal)) with { Authority = authority, Credentials = seed };
        var options = RunningServer.OptionsFor(_folder) with { Farm = farm, Draws = false };
        await using (var server = await RunningServer.Start(options))
        {
            await using var hand = new Hand(options, "hand");
            Assert.Single(Fields.Pictures(await server.Done(await server.Submit(RunningServer.Cat(steps: 2)))));
        }
        Assert.Contains("--farm-ca", (await Refusal(farm with { Authority = null })).Message); // nobody vouches for the broker
        File.WriteAllText(seed, KeyPair.CreatePair(PrefixByte.User).GetSeed());
        Assert.Contains("refuses these credentials", (await Refusal(farm)).Message);

        Task<FarmException> Refusal(FarmOptions wrong) => Assert.ThrowsAsync<FarmException>(() => FarmConnection.OpenAsync(wrong, "test", default));
    }

    [Fact]
    public async Task APictureThatTheStoreHasNoRoomForFailsInASentence()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var server = await RunningServer.Start(options with { Farm = options.Farm! with { StoreBytes = 3000 } });
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        var id = await server.Submit(new { request = new { prompt = "a cat", steps = 1, width = 1024, height = 1024 } });
        var job = await server.Finished(id);
        Assert.Contains("has no room for a picture of", job.GetProperty("error").GetString());
        await server.Done(await server.Submit(RunningServer.Cat())); // a small one has room
    }

    [Fact]
    public async Task AnotherServerOfTheSameQueueIsKeptOut()
    {
        using var broker = Fields.Broker(_folder);
        using var folder = new TemporaryFolder();
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url));
        await Fields.Until(() => server.State().IsUp, "the first is there");
        var refused = await Assert.ThrowsAnyAsync<EaselException>(() => RunningServer.Start(Fields.Server(folder, broker.Url)));
        Assert.Contains("has a server already", refused.Message);
        Assert.Contains("--farm-name", refused.Message);
    }

    [Fact]
    public async Task AnotherVersionIsRefusedAndTold()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var server = await RunningServer.Start(options);
        await Fields.Until(() => server.State().IsUp, "the queue is there");
        await using var connection = await FarmConnection.OpenAsync(options.Farm!, "test", default);
        var workers = await connection.Values.GetStoreAsync(connection.Names.Workers);
        await workers.PutAsync("strange", FarmProtocol.Write(new FarmWorkerInfo
        {
            Id = "strange",
            Name = "strange",
            Version = 2,
            Models = [new FarmFile("a",
            "b")]
        }));
        await Fields.Until(() => server.State().Workers.Count == 1, "it is seen");
        Assert.Contains("version 2", Assert.Single(server.State().Workers).Problem);
        var id = await server.Submit(RunningServer.Cat());
        await Fields.Until(() => server.State().Held.Count == 1, "nobody can draw it");
        Assert.Contains("another version", Assert.Single(server.State().Held).Reason);
        Assert.True((await server.Client.DeleteAsync($"api/jobs/{id}")).IsSuccessStatusCode);

        var facts = await connection.Values.GetStoreAsync(connection.Names.Facts);
        await facts.PutAsync("queue", FarmProtocol.Write(new FarmFacts(2, "x", "y", 30, 5, 1000, 15)));
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        Assert.Contains("speaks version 2", (await Assert.ThrowsAsync<FarmException>(() => hand.Working)).Message);
    }

    [Fact]
    public async Task WhatADeadWorkerDrewWaitsForAnother()
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url));
        await using var connection = await FarmConnection.OpenAsync(Fields.Farm(broker.Url), "test", default);
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        hand.Models.StepTime = TimeSpan.FromMilliseconds(100);
        await server.Ready(1);
        var id = await server.Submit(RunningServer.Cat(steps: 200));
        var store = await connection.Values.GetStoreAsync(connection.Names.Workers);
        var stages = new List<JobStage>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await foreach (var happened in server.Service<JobQueue>().Watch(id, patience.Token))
        {
            if (happened.Job.Progress is not { } progress || stages.LastOrDefault((JobStage)(-1)) == progress.Stage) continue;
            stages.Add(progress.Stage);
            if (progress.Stage == JobStage.Waiting && stages.Contains(JobStage.Sampling)) break;
            // Its entry goes, as it does some seconds after the last word of a worker.
            if (progress.Stage == JobStage.Sampling) await store.DeleteAsync(Assert.Single(server.State().Workers).Worker.Id);
        }
        Assert.False(patience.IsCancellationRequested, string.Join(' ', stages));
        Assert.True((await server.Client.DeleteAsync($"api/jobs/{id}")).IsSuccessStatusCode);
    }

    [Fact]
    public async Task AQueueThatIsBeingMadeIsNotYetThere()
    {
        using var broker = Fields.Broker(_folder);
        await using var connection = await FarmConnection.OpenAsync(Fields.Farm(broker.Url), "test", default);
        for (var made = false; ; made = true)
        {
            var early = await Assert.ThrowsAsync<FarmException>(() => connection.FactsAsync(default));
            Assert.Contains("There is no queue easel", early.Message);
            Assert.True(early.MayPass); // a worker waits, and does not end
            if (made) return;
            await connection.Values.CreateStoreAsync(connection.Names.Facts); // what its server does first
        }
    }

    [Fact]
    public async Task AWorkerSeesItsOwnQueueAlone()
    {
        var permissions = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "farm-nats.conf")); // the one of docs/farm.md
        using var broker = Fields.Broker(_folder, configuration: permissions);
        FarmOptions As(string user, string queue)
        {
            var file = _folder.Path(user);
            File.WriteAllText(file, $"{user}:{user}-secret");
            return Fields.Farm(broker.Url) with { Name = queue, Credentials = file };
        }
        var options = RunningServer.OptionsFor(_folder) with { Farm = As("server", "easel"), Draws = false };
        await using var server = await RunningServer.Start(options);
        await using (var hand = new Hand(options with { Farm = As("worker", "easel") }, "hand"))
        {
            hand.Models.StepTime = TimeSpan.FromMilliseconds(5);
            Assert.Equal(2, Fields.Pictures(await server.Done(await server.Submit(RunningServer.Cat(steps: 3, count: 2)))).Length);
            Assert.Single((await FarmReport.ReadAsync(As("server", "easel"), default)).Workers);
        }
        // The worker of another queue: neither its jobs nor what comes of them.
        await using var stranger = await FarmConnection.OpenAsync(As("stranger", "other") with { Patience = TimeSpan.FromSeconds(1) }, "test", default);
        var names = new FarmNames("easel");
        await Assert.ThrowsAnyAsync<Exception>(() => stranger.JetStream.GetConsumerAsync(names.Results, "server").AsTask());
        await Assert.ThrowsAnyAsync<Exception>(() => stranger.JetStream.GetStreamAsync(names.Work).AsTask());
        await Assert.ThrowsAnyAsync<Exception>(() => stranger.JetStream.PublishAsync(names.ResultsOf("x"), new byte[1]).AsTask());
        // Nor does a worker read what others draw for its own queue.
        await using var worker = await FarmConnection.OpenAsync(As("worker", "easel") with { Patience = TimeSpan.FromSeconds(1) }, FarmWorker.Client, default);
        await Assert.ThrowsAnyAsync<Exception>(() => worker.JetStream.GetConsumerAsync(names.Results, "server").AsTask());
        await Assert.ThrowsAnyAsync<Exception>(() => worker.JetStream.DeleteStreamAsync(names.Work).AsTask());
    }
    /// <summary>Files with an authority's certificate, and with the certificate and the key that it made for this machine.</summary>
    private (string Authority, string Certificate, string Key) Certificates()
    {
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var asked = new CertificateRequest("CN=authority", authorityKey, HashAlgorithmName.SHA256);
        asked.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = asked.CreateSelfSigned(from, to);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        asked = new CertificateRequest("CN=broker", key, HashAlgorithmName.SHA256);
        asked.CertificateExtensions.Add(names.Build());
        using var certificate = asked.Create(authority, from, to, [1]);
        return (Written("ca.pem", authority.ExportCertificatePem()), Written("server.pem", certificate.ExportCertificatePem()),
            Written("key.pem", key.ExportPkcs8PrivateKeyPem()));

        string Written(string name, string text)
        {
            File.WriteAllText(_folder.Path(name), text);
            return _folder.Path(name);
        }
    }
}
