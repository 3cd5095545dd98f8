namespace Easel.Farm;

/// <summary>The farm as its broker tells, for somebody who asks from outside.</summary>
public static class FarmView
{
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
            var server = await FarmConnection.ReadAsync<FarmFacts>(presence, "server", cancel).ConfigureAwait(false);
            var facts = await connection.Values.GetStoreAsync(names.Facts, cancel).ConfigureAwait(false);
            var table = await FarmConnection.ReadAsync<FarmTable>(facts, "classes", cancel).ConfigureAwait(false);
            var classes = new List<FarmClassState>();
            foreach (var kind in table?.Classes ?? [])
            {
                try
                {
                    var consumer = await connection.JetStream.GetConsumerAsync(names.Work, kind.Needs.ClassId, cancel).ConfigureAwait(false);
                    var (waiting, drawn) = ((int)consumer.Info.NumPending, consumer.Info.NumAckPending);
                    if (waiting + drawn > 0)
                        classes.Add(new FarmClassState(kind.Needs.Model.Name, kind.Needs.Memory, waiting, (int)drawn,
                            all.Values.Count(worker => kind.Needs.LackOf(worker) is null), all.Values.Count(worker =>
                                worker.Loaded == kind.Needs.Model.Stamp)));
                }
                catch (Exception e) when (FarmErrors.IsMissing(e))
                {
                    // It had no work for long.
                }
            }
            return new FarmState
            {
                Queue = names.Queue,
                Broker = options.ToString(),
                IsUp = true,
                Problem = server is null ? "Its server is not there: what is at the broker is drawn, and nothing new comes." : null,
                BrokerVersion = connection.BrokerVersion,
                Workers = [.. all.Values.OrderBy(worker => worker.Name, StringComparer.OrdinalIgnoreCase).ThenBy(worker => worker.Id, StringComparer.Ordinal)
                    .Select(worker => new FarmWorkerState(worker, 0, worker.Version == FarmProtocol.Version ? null : "it is of another version of Easel."))],
                Classes = classes,
            };
        }
        catch (Exception e) when (e is not (FarmException or OperationCanceledException))
        {
            throw FarmErrors.Of(e, options);
        }
    }
}
