using NATS.Client.ObjectStore.Models;

namespace Easel.Farm;

/// <summary>A connection to the broker, with the queue's streams and buckets on it.</summary>
internal sealed class FarmConnection : IAsyncDisposable
{
    private static readonly Version Oldest = new(2, 9);

    private FarmConnection(FarmOptions options, NatsConnection nats)
    {
        (Options, Nats, Names) = (options, nats, new FarmNames(options.Name));
        JetStream = new NatsJSContext(nats);
        Values = new NatsKVContext(JetStream);
        Objects = new NatsObjContext(JetStream);
    }

    public FarmOptions Options { get; }

    public FarmNames Names { get; }

    public NatsConnection Nats { get; }

    public NatsJSContext JetStream { get; }

    public NatsKVContext Values { get; }

    public NatsObjContext Objects { get; }

    public bool IsUp => Nats.ConnectionState == NatsConnectionState.Open;

    /// <summary>The broker's version, as "2.9.10".</summary>
    public string BrokerVersion => Nats.ServerInfo?.Version ?? "";

    /// <summary>Connects, and looks whether the broker is one that can be worked with.</summary>
    /// <param name="client">Who asks, for the broker's list of connections.</param>
    /// <exception cref="FarmException">It is not there, refuses, or lacks what is needed.</exception>
    public static async Task<FarmConnection> OpenAsync(FarmOptions options, string client, CancellationToken cancel)
    {
        options.Validate();
        var nats = new NatsConnection(options.ToNats(client));
        try
        {
            await nats.ConnectAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10), cancel).ConfigureAwait(false);
            var connection = new FarmConnection(options, nats);
            await connection.CheckAsync(cancel).ConfigureAwait(false);
            return connection;
        }
        catch (Exception e)
        {
            await nats.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException && cancel.IsCancellationRequested || e is FarmException) throw;
            throw FarmErrors.Of(e, options);
        }
    }

    /// <summary>Opens one, however long that takes, unless waiting cannot help.</summary>
    /// <param name="onWaiting">Told why it waits, whenever that changes.</param>
    /// <exception cref="FarmException">Waiting does not help.</exception>
    public static async Task<FarmConnection> OpenPatientlyAsync(FarmOptions options, string client, Action<string> onWaiting, CancellationToken cancel)
    {
        var pause = TimeSpan.FromMilliseconds(500);
        for (string? told = null; ; pause = pause < TimeSpan.FromSeconds(10) ? pause * 1.5 : pause)
        {
            try
            {
                return await OpenAsync(options, client, cancel).ConfigureAwait(false);
            }
            catch (FarmException e) when (e.MayPass)
            {
                if (told != e.Message) onWaiting(told = e.Message);
            }
            await Task.Delay(pause, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Makes the queue's streams and buckets, as its server does.</summary>
    /// <param name="server">The server's own name; another server that is alive keeps this one out.</param>
    public async Task PrepareAsync(string server, CancellationToken cancel)
    {
        try
        {
            var facts = await Values.CreateOrUpdateStoreAsync(new NatsKVConfig(Names.Facts) { NumberOfReplicas = Options.Replicas }, cancel)
                .ConfigureAwait(false);
            var workers = await Values.CreateOrUpdateStoreAsync(
                new NatsKVConfig(Names.Workers) { MaxAge = Options.Presence, NumberOfReplicas = Options.Replicas }, cancel).ConfigureAwait(false);
            if (await ReadAsync<FarmFacts>(facts, "queue", cancel).ConfigureAwait(false) is { } known && known.Server != server
                && await ReadAsync<FarmFacts>(workers, "server", cancel).ConfigureAwait(false) is { } alive && alive.Server != server)
                throw new FarmException($"The queue {Names.Queue} at {Options} has a server already, on {alive.Machine}: "
                    + "give this one a queue of its own with --farm-name.");
            var mine = FarmFacts.Of(server, Options);
            await facts.PutAsync("queue", FarmProtocol.Write(mine), cancellationToken: cancel).ConfigureAwait(false);
            await workers.PutAsync("server", FarmProtocol.Write(mine), cancellationToken: cancel).ConfigureAwait(false);
            await StreamAsync(Names.Work, Names.AllWork, StreamConfigRetention.Workqueue).ConfigureAwait(false);
            await StreamAsync(Names.Results, Names.AllResults, StreamConfigRetention.Workqueue).ConfigureAwait(false);
            foreach (var bucket in (string[])[Names.Inputs, Names.Pictures, Names.Models])
                await Objects.CreateObjectStoreAsync(new NatsObjConfig(bucket)
                {
                    MaxBytes = bucket == Names.Models ? null : Options.StoreBytes,
                    NumberOfReplicas = Options.Replicas,
                }, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (FarmException or OperationCanceledException))
        {
            throw FarmErrors.Of(e, Options);
        }

        async Task StreamAsync(string name, string subjects, StreamConfigRetention retention) => await JetStream.CreateOrUpdateStreamAsync(
            new StreamConfig(name, [subjects])
            {
                Retention = retention,
                Storage = StreamConfigStorage.File,
                Discard = StreamConfigDiscard.New, // what does not fit is refused, and not put in the place of something else
                NumReplicas = Options.Replicas,
                MaxBytes = Options.StoreBytes ?? -1,
                DuplicateWindow = TimeSpan.FromMinutes(1),
            }, cancel).ConfigureAwait(false);
    }

    /// <summary>What the queue is.</summary>
    /// <exception cref="FarmException">There is none of that name, or it is another version's.</exception>
    public async Task<FarmFacts> FactsAsync(CancellationToken cancel)
    {
        try
        {
            var store = await Values.GetStoreAsync(Names.Facts, cancel).ConfigureAwait(false);
            var written = await store.TryGetEntryAsync<byte[]>("queue", cancellationToken: cancel).ConfigureAwait(false);
            if (!written.Success) throw Missing(null); // its server is making it at this moment
            var facts = RecordIn<FarmFacts>(written.Value)
                ?? throw new FarmException($"The queue {Names.Queue} at {Options} was made by another version of Easel: install the same one on all machines.");
            return facts.Version == FarmProtocol.Version ? facts : throw new FarmException(
                $"The queue {Names.Queue} at {Options} speaks version {facts.Version} of the farm's protocol and this Easel version {FarmProtocol.Version}: "
                + "install the same Easel on all machines.");
        }
        catch (Exception e) when (FarmErrors.IsMissing(e))
        {
            throw Missing(e);
        }
        catch (Exception e) when (e is not (FarmException or OperationCanceledException))
        {
            throw FarmErrors.Of(e, Options);
        }

        FarmException Missing(Exception? e) =>
            new($"There is no queue {Names.Queue} at {Options} yet: its server makes it (easel serve --farm {Options}).", e) { MayPass = true };
    }

    /// <summary>A record in a bucket; null where there is none, or none that can be read.</summary>
    public static async Task<T?> ReadAsync<T>(INatsKVStore store, string key, CancellationToken cancel) where T : class
    {
        var found = await store.TryGetEntryAsync<byte[]>(key, cancellationToken: cancel).ConfigureAwait(false);
        return found.Success ? RecordIn<T>(found.Value) : null;
    }

    private static T? RecordIn<T>(NatsKVEntry<byte[]> entry) where T : class => entry.Value is { } bytes ? FarmProtocol.Read<T>(bytes) : null;

    /// <summary>All records of a bucket that can be read, by key.</summary>
    public static async Task<Dictionary<string, T>> AllAsync<T>(INatsKVStore store, CancellationToken cancel) where T : class
    {
        var all = new Dictionary<string, T>();
        var options = new NatsKVWatchOpts { OnNoData = _ => ValueTask.FromResult(true) };
        await foreach (var entry in store.WatchAsync<byte[]>(opts: options, cancellationToken: cancel).ConfigureAwait(false))
        {
            if (RecordIn<T>(entry) is { } record) all[entry.Key] = record;
            else all.Remove(entry.Key);
            if (entry.Delta == 0) break;
        }
        return all;
    }

    /// <summary>Puts an object away, in chunks.</summary>
    /// <exception cref="FarmException">There is no room for it, or no broker.</exception>
    public async Task PutAsync(string bucket, string name, Stream content, CancellationToken cancel)
    {
        try
        {
            var store = await Objects.GetObjectStoreAsync(bucket, cancel).ConfigureAwait(false);
            await store.PutAsync(new ObjectMetadata { Name = name }, content, leaveOpen: true, cancellationToken: cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            throw FarmErrors.Of(e, Options, $"{name} ({content.Length >> 10} KB)");
        }
    }

    /// <summary>Gets an object; the client checks its digest.</summary>
    public async Task GetAsync(string bucket, string name, Stream into, CancellationToken cancel)
    {
        var store = await Objects.GetObjectStoreAsync(bucket, cancel).ConfigureAwait(false);
        await store.GetAsync(name, into, leaveOpen: true, cancellationToken: cancel).ConfigureAwait(false);
    }

    /// <summary>Removes an object, where it is there.</summary>
    public async Task RemoveAsync(string bucket, string name, CancellationToken cancel)
    {
        try
        {
            var store = await Objects.GetObjectStoreAsync(bucket, cancel).ConfigureAwait(false);
            await store.DeleteAsync(name, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (FarmErrors.IsMissing(e))
        {
            // It is gone already.
        }
    }

    public ValueTask DisposeAsync() => Nats.DisposeAsync();

    private async Task CheckAsync(CancellationToken cancel)
    {
        var text = BrokerVersion.Split('-')[0];
        if (Version.TryParse(text, out var version) && version < Oldest)
            throw new FarmException($"The broker at {Options} is nats-server {text}; Easel needs {Oldest} or later.");
        if (Nats.ServerInfo is { JetStreamAvailable: false }) throw FarmErrors.NoJetStream(Options);
        await Nats.PingAsync(cancel).ConfigureAwait(false);
    }
}
