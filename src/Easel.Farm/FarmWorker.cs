using System.Diagnostics.CodeAnalysis;

namespace Easel.Farm;

/// <summary>
/// One that draws: asks for work that it can do, one piece at a time, says that it is alive while it draws, and sends what came of it before it lets the piece
/// go.
/// What it does twice does no harm, so it never has to know whether somebody else did it too.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore whose wait handle nobody asks for holds nothing to dispose.")]
public sealed class FarmWorker
{
    /// <summary>How long a worker keeps to the model in its memory while others wait whose model nobody has in memory.</summary>
    private static readonly TimeSpan Loyalty = TimeSpan.FromSeconds(30);

    /// <summary>How long a worker counts as having no more memory than it had when something did not fit.</summary>
    private static readonly TimeSpan Shortage = TimeSpan.FromMinutes(5);

    /// <summary>One piece, if there is one. An answer that a broker took with it when it ended is not waited for as long as is usual.</summary>
    private static readonly NatsJSFetchOpts Glance = new() { MaxMsgs = 1, Expires = TimeSpan.FromSeconds(2), IdleHeartbeat = TimeSpan.FromSeconds(1) };

    internal const string Client = "easel work"; // how a worker's connections are called at the broker

    private readonly FarmOptions _options;
    private readonly IFarmPainter _painter;
    private readonly ILogger _log;
    private readonly string _id, _name;
    private readonly SemaphoreSlim _changed = new(0);
    private readonly TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<string, INatsJSConsumer> _consumers = [];
    private FarmFacts _facts; // the queue's own once it is joined
    private volatile FarmTable _table = new([], 1);
    private volatile string? _job;
    private long _pictures, _loyalSince, _memory, _memoryUntil; // the last two: what other programs left when something did not fit
    private double? _rate;
    private string? _last; // the class that was drawn last

    /// <param name="options">Where the farm is.</param>
    /// <param name="name">What people call it.</param>
    public FarmWorker(FarmOptions options, string name, IFarmPainter painter, ILogger log)
    {
        (_options, _painter, _log, _name, _facts) = (options, painter, log, name, FarmFacts.Of("", options));
        _id = new string([.. name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')]) + "-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
    }

    /// <summary>Done once it is at the queue.</summary>
    public Task Joined => _joined.Task;

    /// <summary>Pictures drawn so far.</summary>
    public long Pictures => Interlocked.Read(ref _pictures);

    /// <summary>Works until it is told to stop; a broker that goes away is waited for.</summary>
    /// <param name="say">Told in sentences what happens: connected, waiting and for what.</param>
    /// <exception cref="FarmException">It cannot work there: refused, or another version.</exception>
    public async Task RunAsync(Action<string> say, CancellationToken cancel)
    {
        var connection = await FarmConnection.OpenPatientlyAsync(_options, $"{Client} {_name}", say, cancel).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false)) await RunAsync(connection, say, cancel).ConfigureAwait(false);
    }

    /// <summary>Works over a connection that others may use too.</summary>
    internal async Task RunAsync(FarmConnection connection, Action<string> say, CancellationToken cancel)
    {
        _facts = await FactsAsync(connection, say, cancel).ConfigureAwait(false);
        say($"draws for the queue {connection.Names.Queue} at {_options} (nats-server {connection.BrokerVersion}), as {_id}");
        _joined.TrySetResult();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var beside = (Task[])[AnnounceAsync(connection, ended.Token), ListenAsync(connection, ended.Token)];
        try
        {
            await DrawAsync(connection, cancel).ConfigureAwait(false);
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            foreach (var task in beside) await Quietly(() => task).ConfigureAwait(false);
            if (connection.IsUp) await Quietly(() => LeaveAsync(connection)).ConfigureAwait(false);
        }
    }

    private static async Task<FarmFacts> FactsAsync(FarmConnection connection, Action<string> say, CancellationToken cancel)
    {
        for (string? told = null; ;)
        {
            try
            {
                return await connection.FactsAsync(cancel).ConfigureAwait(false);
            }
            catch (FarmException e) when (e.MayPass)
            {
                if (told != e.Message) say(told = e.Message);
            }
            await Task.Delay(TimeSpan.FromSeconds(1), cancel).ConfigureAwait(false);
        }
    }

    private FarmWorkerInfo Describe()
    {
        var told = _painter.Describe();
        var memory = Stopwatch.GetTimestamp() < _memoryUntil ? Math.Min(told.Memory, _memory) : told.Memory;
        return told with { Id = _id, Name = _name, Job = _job, Pictures = Pictures, Rate = _rate, Memory = memory };
    }

    private async Task AnnounceAsync(FarmConnection connection, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            await Quietly(async () =>
            {
                var store = await connection.Values.GetStoreAsync(connection.Names.Workers, cancel).ConfigureAwait(false);
                await store.PutAsync(_id, FarmProtocol.Write(Describe()), cancellationToken: cancel).ConfigureAwait(false);
            }).ConfigureAwait(false);
            await Quietly(() => _changed.WaitAsync(TimeSpan.FromSeconds(_facts.Presence / 3), cancel)).ConfigureAwait(false);
            await Quietly(() => Task.Delay(TimeSpan.FromSeconds(Math.Clamp(_table.Workers / 200.0, 0.2, _facts.Presence / 3)), cancel))
                .ConfigureAwait(false); // told once
            while (_changed.CurrentCount > 0 && await _changed.WaitAsync(0, CancellationToken.None).ConfigureAwait(false))
            {
                // All that changed meanwhile is told with the next.
            }
        }
    }

    private async Task LeaveAsync(FarmConnection connection)
    {
        var store = await connection.Values.GetStoreAsync(connection.Names.Workers).ConfigureAwait(false);
        await store.DeleteAsync(_id).ConfigureAwait(false);
    }

    /// <summary>Keeps the table of classes up to date.</summary>
    private async Task ListenAsync(FarmConnection connection, CancellationToken cancel)
    {
        await Quietly(async () =>
        {
            var store = await connection.Values.GetStoreAsync(connection.Names.Facts, cancel).ConfigureAwait(false);
            if (await FarmConnection.ReadAsync<FarmTable>(store, "classes", cancel).ConfigureAwait(false) is { } first) _table = first;
        }).ConfigureAwait(false);
        while (!cancel.IsCancellationRequested)
        {
            await Quietly(async () =>
            {
                await foreach (var told in connection.Nats.SubscribeAsync<byte[]>(connection.Names.Table, cancellationToken: cancel).ConfigureAwait(false))
                    if (told.Data is { } bytes && FarmProtocol.Read<FarmTable>(bytes) is { } table) _table = table;
            }).ConfigureAwait(false);
        }
    }

    private async Task DrawAsync(FarmConnection connection, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                if (!connection.IsUp)
                {
                    await Task.Delay(200, cancel).ConfigureAwait(false);
                    continue;
                }
                if (await NextAsync(connection, cancel).ConfigureAwait(false) is not var (message, classId)) continue;
                if (_last != classId) (_last, _loyalSince) = (classId, Stopwatch.GetTimestamp());
                await DoAsync(connection, message, cancel).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _consumers.Clear(); // a broker that came back may have other ones
                _log.LogDebug(e, "Asking for work failed; it is asked again.");
                await Quietly(() => Task.Delay(TimeSpan.FromMilliseconds(500), cancel)).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The next piece of work and its class; null where none came within a while.</summary>
    private async Task<(INatsJSMsg<byte[]> Message, string Class)?> NextAsync(FarmConnection connection, CancellationToken cancel)
    {
        var info = Describe();
        var able = _table.Classes.Where(kind => kind.Needs.LackOf(info) is null).ToList();
        if (able.Count == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), cancel).ConfigureAwait(false);
            return null;
        }
        bool IsLoaded(FarmClass kind) => kind.Needs.Model.Stamp == info.Loaded || kind.Needs.Model.Stamp == FarmProtocol.NoModel;
        // The model in memory first, the class of the last piece before others with it; then models that nobody has in memory. Who was loyal long enough asks
        // for those first, so that a model with endless work does not keep all others waiting.
        var tired = Stopwatch.GetElapsedTime(_loyalSince) > Loyalty;
        var order = able.OrderBy(kind => IsLoaded(kind) ? tired ? 1 : 0 : tired && kind.Warm == 0 ? 0 : 2 + Math.Min(kind.Warm, 1))
            .ThenBy(kind => kind.Needs.ClassId == _last ? 0 : 1).ThenBy(_ => Random.Shared.Next()).ToList();
        foreach (var kind in order)
        {
            if (await ConsumerAsync(connection, kind, cancel).ConfigureAwait(false) is not { } consumer) continue;
            await foreach (var message in consumer.FetchNoWaitAsync<byte[]>(Glance, cancellationToken: cancel).ConfigureAwait(false))
                return (message, kind.Needs.ClassId);
        }
        // Nothing at all: whoever waits does so at the class of its own model, and gets what comes there before anybody else.
        _loyalSince = Stopwatch.GetTimestamp();
        var own = order.Find(IsLoaded) ?? order[0];
        if (await ConsumerAsync(connection, own, cancel).ConfigureAwait(false) is not { } patient) return null;
        var wait = TimeSpan.FromSeconds(Math.Clamp(_table.Workers / 200.0, 1, 5));
        return await patient.NextAsync<byte[]>(opts: new NatsJSNextOpts { Expires = wait }, cancellationToken: cancel).ConfigureAwait(false) is { } next
            ? (next, own.Needs.ClassId) : null;
    }

    private async Task<INatsJSConsumer?> ConsumerAsync(FarmConnection connection, FarmClass kind, CancellationToken cancel)
    {
        var id = kind.Needs.ClassId;
        if (_consumers.TryGetValue(id, out var known)) return known;
        try
        {
            return _consumers[id] = await connection.JetStream.GetConsumerAsync(connection.Names.Work, id, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (FarmErrors.IsMissing(e))
        {
            return null; // the table is ahead of the broker, or behind it
        }
    }

    private async Task DoAsync(FarmConnection connection, INatsJSMsg<byte[]> message, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        var piece = new FarmPiece(connection, _facts, _painter, _id, _log);
        var done = await piece.DoAsync(message, Drawing, cancel).ConfigureAwait(false);
        if (piece.TooLargeFor is { } needed) (_memory, _memoryUntil) = (needed - 1, Stopwatch.GetTimestamp()
            + (long)(Shortage.TotalSeconds * Stopwatch.Frequency));
        Drawing(null);
        if (done == 0) return;
        Interlocked.Add(ref _pictures, done);
        var rate = done / Stopwatch.GetElapsedTime(began).TotalMinutes;
        _rate = _rate is { } before ? 0.7 * before + 0.3 * rate : rate;

        void Drawing(string? job)
        {
            _job = job;
            _changed.Release();
        }
    }

    /// <summary>Does something whose failure is met by doing it again later.</summary>
    private async Task Quietly(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _log.LogDebug(e, "Told again later.");
        }
    }
}
