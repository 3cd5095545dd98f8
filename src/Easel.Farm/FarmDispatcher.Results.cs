namespace Easel.Farm;

public sealed partial class FarmDispatcher
{
    /// <summary>Takes in what came of the parts. It is ticked off at the broker when it is on disk, so that nothing is lost on the way.</summary>
    private async Task TakeInAsync(CancellationToken stop)
    {
        using var keeping = new SemaphoreSlim(Keeping);
        var consumer = await _connection!.JetStream.GetConsumerAsync(_connection.Names.Results, "server", stop).ConfigureAwait(false);
        // What was asked of a broker that went away is asked again after two heartbeats that did not come, which are 30 seconds if nothing is said.
        var asked = new NatsJSConsumeOpts { MaxMsgs = 64, Expires = TimeSpan.FromSeconds(10), IdleHeartbeat = TimeSpan.FromSeconds(1) };
        await foreach (var message in consumer.ConsumeAsync<byte[]>(opts: asked, cancellationToken: stop).ConfigureAwait(false))
        {
            if (FarmFrame.Read<FarmResult>(message.Data) is not var (result, rest) || result.Version != FarmProtocol.Version)
            {
                _log.LogWarning("What came on {Subject} is no result that this version knows: another program or another Easel uses the same names.",
                    message.Subject);
                await message.AckAsync(cancellationToken: stop).ConfigureAwait(false);
                continue;
            }
            await keeping.WaitAsync(stop).ConfigureAwait(false);
            var kept = Task.CompletedTask;
            try
            {
                kept = await TakeAsync(result, rest, stop).ConfigureAwait(false);
            }
            catch (Exception e) when (e is FarmException or NatsException)
            {
                _log.LogWarning("A picture of the job {Job} did not come whole, and is drawn again: {Reason}", result.Job, e.Message);
                Again(result);
            }
            _ = TickOffAsync(kept, message, result, keeping, stop);
        }
    }

    private async Task TickOffAsync(Task kept, INatsJSMsg<byte[]> message, FarmResult result, SemaphoreSlim keeping, CancellationToken stop)
    {
        try
        {
            await kept.ConfigureAwait(false);
            await message.AckAsync(cancellationToken: stop).ConfigureAwait(false);
            if (result.Stored is { } large) await _connection!.RemoveAsync(_connection.Names.Pictures, large, stop).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _log.LogDebug(e, "A result was not ticked off; it comes again, and does no harm.");
        }
        finally
        {
            try
            {
                keeping.Release();
            }
            catch (ObjectDisposedException)
            {
                // The loop was begun again meanwhile.
            }
        }
    }

    /// <returns>Done when the picture in it is on disk.</returns>
    private async Task<Task> TakeAsync(FarmResult result, ReadOnlyMemory<byte> rest, CancellationToken stop)
    {
        if (!_owner.IsOpen(result.Job)) return Task.CompletedTask;
        var kept = Task.CompletedTask;
        if (result.Index is { } index)
        {
            kept = _owner.KeepAsync(result.Job, index, await FileOfAsync(result, rest, stop).ConfigureAwait(false));
            lock (_lock) _came.Enqueue(Stopwatch.GetTimestamp());
        }
        if (result.Outcome == FarmOutcome.Picture) return kept;
        Order? order;
        Part? part;
        lock (_lock)
        {
            _atBroker.Remove((result.Job, result.First)); // for a job that is not begun again yet
            if (!_orders.TryGetValue(result.Job, out order)) return kept;
            part = order.Parts.FirstOrDefault(part => part.Spec.First == result.First && !part.IsDone);
            if (part is null) return kept; // it came twice
        }
        switch (result.Outcome)
        {
            case FarmOutcome.Done:
                Done(order, part, result);
                break;
            case FarmOutcome.TooLarge:
                TooLarge(order, part, result);
                break;
            case FarmOutcome.Failed:
                Fail(order, result.Error ?? "It could not be drawn.");
                break;
            case FarmOutcome.Parked:
                var reason = part.Trouble is { } trouble && result.Error?.StartsWith("it was", StringComparison.Ordinal) == true ? trouble : result.Error;
                Fail(order, $"Parked after {_options.Tries} tries: {reason?.TrimEnd('.')}.");
                break;
        }
        return kept;
    }

    private async Task<byte[]> FileOfAsync(FarmResult result, ReadOnlyMemory<byte> rest, CancellationToken stop)
    {
        var file = rest.ToArray();
        if (result.Stored is { } large)
        {
            using var content = new MemoryStream();
            try
            {
                await _connection!.GetAsync(_connection.Names.Pictures, large, content, stop).ConfigureAwait(false);
            }
            catch (Exception e) when (e is NatsObjException || FarmErrors.IsMissing(e))
            {
                throw new FarmException($"it is not whole in the object store ({e.Message})", e);
            }
            file = content.ToArray();
        }
        return Convert.ToHexStringLower(SHA256.HashData(file)) == result.Sha256 ? file : throw new FarmException("its digest is another");
    }

    private void Done(Order order, Part part, FarmResult result)
    {
        bool over;
        lock (_lock)
        {
            Close(part);
            foreach (var remark in result.Remarks)
                if (!order.Remarks.Contains(remark)) order.Remarks.Add(remark);
            over = order.Parts.TrueForAll(other => other.IsDone);
        }
        if (over) End(order, null);
        Pump();
        _owner.RoomChanged();
    }

    private void TooLarge(Order order, Part part, FarmResult result)
    {
        lock (_lock)
        {
            var memory = Math.Max(result.Memory, part.Class.Needs.Memory + 1);
            _memory[$"{part.Class.Needs.Model.Stamp}|{order.Spec.SizeKey}"] = memory;
            part.Trouble = result.Error;
            Unsend(order, part);
            foreach (var other in order.Parts.Where(other => !other.IsDone && !other.IsSent))
            {
                other.Class.Open--;
                other.Class = ClassOf(other.Class.Needs with { Memory = memory });
                other.Class.Open++;
            }
            _version++;
        }
        Pump();
    }

    private void Again(FarmResult result)
    {
        lock (_lock)
        {
            if (_orders.TryGetValue(result.Job, out var order) && order.Parts.Find(part => part.Spec.First == result.First && !part.IsDone) is { } part)
                Unsend(order, part);
        }
        Pump();
    }

    private void Fail(Order order, string error) => End(order, error);

    private void End(Order order, string? error)
    {
        List<string> remarks;
        lock (_lock)
        {
            if (order.IsOver) return;
            remarks = [.. order.Remarks];
        }
        _owner.Finish(order.Spec.Job, error, remarks);
        if (order.Inputs is { Count: > 0 } inputs) _ = RemoveAsync(inputs);
        Forget(order.Spec.Job, tellWorkers: error is not null);
    }

    private async Task RemoveAsync(IReadOnlyList<FarmInput> inputs)
    {
        try
        {
            foreach (var input in inputs) await _connection!.RemoveAsync(_connection.Names.Inputs, input.Stored, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _log.LogDebug(e, "Input pictures were left at the broker.");
        }
    }

    private async Task TakeBackAsync(string? job, IReadOnlyList<ulong> sequences)
    {
        try
        {
            if (job is not null) await SteerAsync(job, CancelWord).ConfigureAwait(false);
            foreach (var sequence in sequences)
            {
                try
                {
                    await _connection!.JetStream.DeleteMessageAsync(_connection.Names.Work, new StreamMsgDeleteRequest { Seq = sequence }, _stop.Token)
                        .ConfigureAwait(false);
                }
                catch (Exception e) when (FarmErrors.IsMissing(e) || e is NatsJSApiException)
                {
                    // It was done meanwhile.
                }
            }
        }
        catch (Exception e)
        {
            _log.LogDebug(e, "A job could not be taken back; whoever draws it is told when it is heard of next.");
        }
    }

    private ValueTask SteerAsync(string job, string word) => _connection!.Nats.PublishAsync(_connection.Names.SteerOf(job), word,
        cancellationToken: _stop.Token);

    /// <summary>Hears how far the jobs have come.</summary>
    private async Task ListenAsync(CancellationToken stop)
    {
        await foreach (var message in _connection!.Nats.SubscribeAsync<byte[]>(_connection.Names.AllProgress, cancellationToken: stop).ConfigureAwait(false))
        {
            if (FarmFrame.Read<FarmProgress>(message.Data) is not var (progress, rest)) continue;
            Order? order;
            FarmJobProgress? whole = null;
            lock (_lock)
            {
                if (_orders.TryGetValue(progress.Job, out order)) whole = Whole(order, progress);
            }
            // Never within the lock: the owner has one of its own, within which it asks for room.
            string? word = null;
            if (order is null) word = _owner.IsOpen(progress.Job) ? null : CancelWord;
            else if (Stopwatch.GetElapsedTime(order.Steered) > TimeSpan.FromSeconds(3) && _owner.WantsPreview(progress.Job))
                (word, order.Steered) = (LookWord, Stopwatch.GetTimestamp());
            if (word is not null) await SteerAsync(progress.Job, word).ConfigureAwait(false);
            if (whole is not null) _owner.Progress(progress.Job, whole, rest.IsEmpty ? null : rest.ToArray());
        }
    }

    private static FarmJobProgress? Whole(Order order, FarmProgress progress)
    {
        if (order.Parts.Find(part => part.Spec.First == progress.First) is not { IsDone: false } part) return null;
        part.Heard = Stopwatch.GetTimestamp();
        (part.Worker, part.Trouble) = progress.Trouble is { } trouble ? (null, trouble) : (progress.Worker, part.Trouble);
        part.Share = progress.Share;
        var share = order.Parts.Average(other => other.Share);
        var elapsed = Stopwatch.GetElapsedTime(order.Began).TotalSeconds;
        return new FarmJobProgress(progress.Stage, progress.Step, progress.StepCount, order.Parts.IndexOf(part), order.Parts.Count, share,
            order.Parts.Count == 1 ? progress.SecondsLeft : share > 0.02 ? elapsed * (1 - share) / share : null);
    }
}
