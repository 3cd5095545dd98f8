namespace Easel.Farm;

/// <summary>The farm as its broker tells, for somebody who asks from outside.</summary>
public static class FarmReport
{
    /// <summary>How long the server may take to answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Asks the broker.</summary>
    /// <exception cref="FarmException">It does not answer, refuses, or has no such queue.</exception>
    public static async Task<FarmState> ReadAsync(FarmOptions options, CancellationToken cancel)
    {
        var connection = await FarmConnection.OpenAsync(options, "easel farm", cancel).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        await connection.FactsAsync(cancel).ConfigureAwait(false);
        try
        {
            var names = connection.Names;
            var presence = await connection.Values.GetStoreAsync(names.Workers, cancel).ConfigureAwait(false);
            var all = await FarmConnection.AllAsync<FarmWorkerInfo>(presence, cancel).ConfigureAwait(false);
            all.Remove("server");
            var told = await ServerAsync(connection, cancel).ConfigureAwait(false) ?? new FarmState
            {
                Queue = names.Queue,
                Broker = options.ToString(),
                IsUp = true,
                Problem = "Its server is not there: what is at the broker is drawn, and nothing new comes.",
                Classes = await ClassesAsync(connection, all.Values, cancel).ConfigureAwait(false),
            };
            return told with
            {
                Broker = options.ToString(),
                BrokerVersion = connection.BrokerVersion,
                Workers = [.. all.Values.OrderBy(worker => worker.Name, StringComparer.OrdinalIgnoreCase).ThenBy(worker => worker.Id, StringComparer.Ordinal)
                    .Select(worker => new FarmWorkerState(worker, 0, worker.Version == FarmProtocol.Version ? null : "it is of another version of Easel."))],
            };
        }
        catch (Exception e) when (e is not (FarmException or OperationCanceledException))
        {
            throw FarmErrors.Of(e, options);
        }
    }

    /// <summary>What the server knows of its farm; null where it is not there.</summary>
    private static async Task<FarmState?> ServerAsync(FarmConnection connection, CancellationToken cancel)
    {
        try
        {
            var answer = await connection.Nats.RequestAsync<byte[], byte[]>(connection.Names.State, [],
                replyOpts: new NatsSubOpts { Timeout = Patience }, cancellationToken: cancel).ConfigureAwait(false);
            return answer.Data is { } bytes ? FarmProtocol.Read<FarmState>(bytes) : null;
        }
        catch (Exception e) when (e is NatsNoRespondersException or NatsNoReplyException)
        {
            return null;
        }
    }

    /// <summary>The classes of work as the broker counts them.</summary>
    private static async Task<List<FarmClassState>> ClassesAsync(FarmConnection connection, IReadOnlyCollection<FarmWorkerInfo> workers,
        CancellationToken cancel)
    {
        var facts = await connection.Values.GetStoreAsync(connection.Names.Facts, cancel).ConfigureAwait(false);
        var table = await FarmConnection.ReadAsync<FarmTable>(facts, "classes", cancel).ConfigureAwait(false);
        var classes = new List<FarmClassState>();
        foreach (var (needs, _) in table?.Classes ?? [])
        {
            try
            {
                var consumer = await connection.JetStream.GetConsumerAsync(connection.Names.Work, needs.ClassId, cancel).ConfigureAwait(false);
                var (waiting, drawn) = ((int)consumer.Info.NumPending, (int)consumer.Info.NumAckPending);
                if (waiting + drawn > 0)
                    classes.Add(new FarmClassState(needs.Model.Name, needs.Memory, waiting, drawn, workers.Count(worker => needs.LackOf(worker) is null),
                        workers.Count(worker => worker.Loaded == needs.Model.Stamp)));
            }
            catch (Exception e) when (FarmErrors.IsMissing(e))
            {
                // It had no work for long.
            }
        }
        return classes;
    }
}
