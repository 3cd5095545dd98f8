namespace Easel.Farm;

public sealed partial class FarmDispatcher
{
    /// <summary>How many pictures may be on their way to the disk while the next are read.</summary>
    private const int Keeping = 16;

    /// <summary>The most classes, and reasons, that are told in one answer.</summary>
    private const int MostTold = 500;

    private async Task RunAsync()
    {
        var stop = _stop.Token;
        try
        {
            while (!_isReady)
            {
                await ReadyAsync(stop).ConfigureAwait(false);
                if (!_isReady) await Task.Delay(TimeSpan.FromSeconds(1), stop).ConfigureAwait(false);
            }
            await Task.WhenAll(
                AgainAsync("Handing out", HandOutAsync, stop), AgainAsync("Taking in", TakeInAsync, stop), AgainAsync("Listening", ListenAsync, stop),
                AgainAsync("Answering", AnswerAsync, stop),
                AgainAsync("Watching the workers", WatchAsync, stop), AgainAsync("Looking after", LookAfterAsync, stop)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The server stops.
        }
        catch (FarmException e)
        {
            Amiss(e.Message);
            _log.LogError("The farm is given up: {Sentence}", e.Message);
        }
    }

    private async Task ReadyAsync(CancellationToken stop)
    {
        try
        {
            if (_connection is null)
                _connection = await FarmConnection.OpenPatientlyAsync(_options, "easel serve", Amiss, stop).ConfigureAwait(false);
            await PrepareAsync(stop).ConfigureAwait(false);
        }
        catch (FarmException e) when (e.MayPass)
        {
            Amiss(e.Message);
        }
    }

    /// <summary>Makes what the queue needs, and looks what of an earlier process is still on its way.</summary>
    private async Task PrepareAsync(CancellationToken cancel)
    {
        await _connection!.PrepareAsync(_server, cancel).ConfigureAwait(false);
        await _connection.JetStream.CreateOrUpdateConsumerAsync(_connection.Names.Results, new ConsumerConfig("server")
        {
            AckPolicy = ConsumerConfigAckPolicy.Explicit,
            AckWait = TimeSpan.FromSeconds(60),
            MaxAckPending = 1000,
        }, cancel).ConfigureAwait(false);
        var found = new List<(FarmTask Task, ulong Sequence)>();
        for (ulong next = 1; await MessageAsync(new StreamMsgGetRequest { Seq = next, NextBySubj = _connection.Names.AllWork }, cancel)
            .ConfigureAwait(false) is { } message;
            next = message.Seq + 1)
        {
            var task = FarmProtocol.Read<FarmTask>(message.Data.Span);
            if (task is not null && _owner.IsOpen(task.Job)) found.Add((task, message.Seq));
            else await TakeBackAsync(task?.Job, [message.Seq]).ConfigureAwait(false);
        }
        lock (_lock)
        {
            foreach (var (task, sequence) in found)
                if (!_orders.ContainsKey(task.Job)) _atBroker[(task.Job, task.First)] = (sequence, ClassOf(task.Needs).Id);
            foreach (var kind in _classes.Values) kind.IsReady = false;
            (_isReady, _tableChanged) = (true, true);
            _version++;
        }
        Amiss(null);
        _owner.RoomChanged();
    }

    private async Task AgainAsync(string what, Func<CancellationToken, Task> work, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await work(stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                var known = FarmErrors.Of(e, _options);
                if (_connection!.IsUp) Amiss(known.Message);
                if (_log.IsEnabled(LogLevel.Debug)) _log.LogDebug(e, "{What} is begun again.", what);
                await Task.Delay(TimeSpan.FromMilliseconds(500), stop).ConfigureAwait(false);
                if (FarmErrors.IsMissing(e) || e is NatsNoRespondersException or NatsJSException) await MendAsync(stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Makes anew what a broker lost: all of it, where its disk was lost.</summary>
    private async Task MendAsync(CancellationToken stop)
    {
        try
        {
            if (_connection!.IsUp) await PrepareAsync(stop).ConfigureAwait(false);
        }
        catch (FarmException e)
        {
            Amiss(e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _log.LogDebug(e, "The broker cannot be mended yet.");
        }
    }

    /// <summary>Hands parts to the broker, in the order in which their jobs were begun, as long as there is room for them.</summary>
    private async Task HandOutAsync(CancellationToken stop)
    {
        while (true)
        {
            while (_connection!.IsUp && Next() is var (order, part))
            {
                try
                {
                    await HandOutAsync(order, part, stop).ConfigureAwait(false);
                    if (_problem is not null) Amiss(null);
                }
                catch (FarmException e) when (order.Inputs is null && !e.MayPass)
                {
                    Fail(order, e.Message);
                }
                catch
                {
                    lock (_lock)
                        if (!part.IsDone && part.Sequence is null) Unsend(order, part);
                    throw;
                }
            }
            await _pump.WaitAsync(TimeSpan.FromSeconds(1), stop).ConfigureAwait(false);
        }
    }

    private (Order Order, Part Part)? Next()
    {
        lock (_lock)
        {
            var place = _unsent.FindIndex(entry => entry.Part.Class.Sent < Ahead * Able(entry.Part.Class));
            if (place >= 0)
            {
                var next = _unsent[place];
                _unsent.RemoveAt(place);
                next.Part.IsSent = true;
                next.Part.Class.Sent++;
                return next;
            }
            return null;
        }
    }

    private async Task HandOutAsync(Order order, Part part, CancellationToken stop)
    {
        var names = _connection!.Names;
        await ClassAsync(part.Class, stop).ConfigureAwait(false);
        order.Inputs ??= await InputsAsync(order.Spec, stop).ConfigureAwait(false);
        var task = new FarmTask(order.Spec.Job, part.Spec.First, part.Spec.Count, part.Class.Needs, part.Spec.Request, order.Inputs);
        var ack = await _connection.JetStream.PublishAsync(names.WorkOf(part.Class.Id), FarmProtocol.Write(task), cancellationToken: stop)
            .ConfigureAwait(false);
        ack.EnsureSuccess();
        var isTakenBack = false;
        lock (_lock)
        {
            (part.Sequence, part.Heard, part.Missed) = (ack.Seq, Stopwatch.GetTimestamp(), 0);
            isTakenBack = order.IsOver;
        }
        if (isTakenBack && !_owner.IsOpen(order.Spec.Job)) await TakeBackAsync(order.Spec.Job, [ack.Seq]).ConfigureAwait(false);
    }

    /// <summary>Sees to it that a class of work has its consumer, and that the workers know of it.</summary>
    private async Task ClassAsync(Class kind, CancellationToken stop)
    {
        kind.Used = Stopwatch.GetTimestamp();
        if (kind.IsReady) return;
        await _connection!.JetStream.CreateOrUpdateConsumerAsync(_connection.Names.Work, new ConsumerConfig(kind.Id)
        {
            FilterSubject = _connection.Names.WorkOf(kind.Id),
            AckPolicy = ConsumerConfigAckPolicy.Explicit,
            AckWait = _options.AckWait,
            MaxDeliver = -1, // the worker that gets a part too often parks it, and tells
            MaxAckPending = 100_000,
        }, stop).ConfigureAwait(false);
        kind.IsReady = true;
        await TellTableAsync(keep: true, stop).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<FarmInput>> InputsAsync(FarmOrder order, CancellationToken stop)
    {
        var inputs = new List<FarmInput>();
        foreach (var (name, open) in order.Inputs)
        {
            using var file = new MemoryStream();
            using (var source = open()) await source.CopyToAsync(file, stop).ConfigureAwait(false);
            file.Position = 0;
            var input = new FarmInput(name, $"{order.Job}-{name}", Convert.ToHexStringLower(SHA256.HashData(file.GetBuffer().AsSpan(0, (int)file.Length))));
            await _connection!.PutAsync(_connection.Names.Inputs, input.Stored, file, stop).ConfigureAwait(false);
            inputs.Add(input);
        }
        return inputs;
    }

    private async Task TellTableAsync(bool keep, CancellationToken stop)
    {
        FarmTable table;
        lock (_lock)
        {
            table = new FarmTable([.. _classes.Values.Where(kind => kind.IsReady).Select(kind => new FarmClass(kind.Needs, Warm(kind)))], _workers.Count);
            _tableChanged = false;
        }
        var bytes = FarmProtocol.Write(table);
        await _connection!.Nats.PublishAsync(_connection.Names.Table, bytes, cancellationToken: stop).ConfigureAwait(false);
        if (!keep) return;
        var store = await _connection.Values.GetStoreAsync(_connection.Names.Facts, stop).ConfigureAwait(false);
        await store.PutAsync("classes", bytes, cancellationToken: stop).ConfigureAwait(false);
    }

    /// <summary>Keeps the list of workers.</summary>
    private async Task WatchAsync(CancellationToken stop)
    {
        var store = await _connection!.Values.GetStoreAsync(_connection.Names.Workers, stop).ConfigureAwait(false);
        await foreach (var entry in store.WatchAsync<byte[]>(cancellationToken: stop).ConfigureAwait(false))
        {
            if (entry.Key == "server") continue;
            var changed = false;
            List<(string Job, FarmJobProgress Progress)> left = [];
            lock (_lock)
            {
                if (entry.Value is { } bytes && FarmProtocol.Read<FarmWorkerInfo>(bytes) is { } worker)
                {
                    changed = !_workers.TryGetValue(entry.Key, out var before) || !IsAlike(before.Worker, worker);
                    _workers[entry.Key] = new Seen(worker, Stopwatch.GetTimestamp());
                    if (changed) WorkersChanged();
                }
                else if (entry.Operation is not NatsKVOperation.Put && _workers.ContainsKey(entry.Key)) (changed, left) = (true, Gone(entry.Key));
            }
            if (!changed) continue;
            foreach (var (job, progress) in left) _owner.Progress(job, progress, null);
            Pump();
            _owner.RoomChanged();
        }

        static bool IsAlike(FarmWorkerInfo a, FarmWorkerInfo b) =>
            a.Loaded == b.Loaded && a.Memory == b.Memory && a.Models.SequenceEqual(b.Models) && a.Others.SequenceEqual(b.Others);
    }

    /// <summary>What has to be seen to every other second: who is gone, what was lost, what the workers should know.</summary>
    private async Task LookAfterAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(2));
        var wasUp = true;
        for (var round = 0; await timer.WaitForNextTickAsync(stop).ConfigureAwait(false); round++)
        {
            var isUp = _connection!.IsUp;
            if (isUp != wasUp)
            {
                Amiss(isUp ? null : NoBroker);
                lock (_lock) _version++;
                _owner.RoomChanged();
            }
            if (!(wasUp = isUp)) continue;
            List<string> late;
            List<(string Job, FarmJobProgress Progress)> left;
            lock (_lock)
            {
                late = [.. _workers.Where(worker => Stopwatch.GetElapsedTime(worker.Value.At) > _options.Presence).Select(worker => worker.Key)];
                left = [.. late.SelectMany(Gone)];
            }
            foreach (var (job, progress) in left) _owner.Progress(job, progress, null);
            if (late.Count > 0) _owner.RoomChanged();
            await TellTableAsync(keep: _tableChanged, stop).ConfigureAwait(false);
            if (round % 2 == 0)
            {
                var store = await _connection.Values.GetStoreAsync(_connection.Names.Workers, stop).ConfigureAwait(false);
                await store.PutAsync("server", FarmProtocol.Write(FarmFacts.Of(_server, _options)), cancellationToken: stop).ConfigureAwait(false);
                await FindLostAsync(stop).ConfigureAwait(false);
                await RestAsync(stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Tells those who ask how the farm stands. The workers are in their bucket, and may be too many for an answer.</summary>
    private async Task AnswerAsync(CancellationToken stop)
    {
        await foreach (var asked in _connection!.Nats.SubscribeAsync<byte[]>(_connection.Names.State, cancellationToken: stop).ConfigureAwait(false))
        {
            var state = State();
            state = state with { Workers = [], Classes = [.. state.Classes.Take(MostTold)], Held = [.. state.Held.Take(MostTold)] };
            await asked.ReplyAsync(FarmProtocol.Write(state), cancellationToken: stop).ConfigureAwait(false);
        }
    }

    /// <summary>Hands out again what is neither at the broker nor came back, as after a disk that was lost.</summary>
    private async Task FindLostAsync(CancellationToken stop)
    {
        List<(Order Order, Part Part)> silent;
        lock (_lock)
        {
            silent = [.. _orders.Values.SelectMany(order => order.Parts, (order, part) => (order, part)).Where(entry => !entry.part.IsDone
                && entry.part.Sequence is not null
                && Stopwatch.GetElapsedTime(entry.part.Heard) > _options.AckWait).Take(200)];
        }
        if (silent.Count == 0) return;
        var results = await _connection!.JetStream.GetConsumerAsync(_connection.Names.Results, "server", stop).ConfigureAwait(false);
        if (results.Info.NumPending > 0 || results.Info.NumAckPending > 0) return; // it may be among what came
        foreach (var (order, part) in silent)
        {
            if (part.Sequence is not { } sequence || await IsThereAsync(order.Spec.Job, part.Spec.First, sequence, stop).ConfigureAwait(false))
            {
                part.Missed = 0;
                continue;
            }
            lock (_lock)
            {
                if (part.IsDone || ++part.Missed < 2) continue;
                Unsend(order, part);
            }
            _log.LogInformation("A part was lost at the broker, and is handed out again.");
            Pump();
        }
    }

    /// <summary>Whether a part's message is at the broker; after a lost disk another may have its number.</summary>
    private async Task<bool> IsThereAsync(string job, int first, ulong sequence, CancellationToken stop) =>
        await MessageAsync(new StreamMsgGetRequest { Seq = sequence }, stop).ConfigureAwait(false) is { } message
        && FarmProtocol.Read<FarmTask>(message.Data.Span) is { } task && task.Job == job && task.First == first;

    /// <summary>Lets consumers go that had no work for long.</summary>
    private async Task RestAsync(CancellationToken stop)
    {
        List<Class> idle;
        lock (_lock)
        {
            idle = [.. _classes.Values.Where(kind => Stopwatch.GetElapsedTime(kind.Used) > ClassRest && kind.Open == 0
                && _atBroker.Values.All(known => known.Class != kind.Id))];
            foreach (var kind in idle) _classes.Remove(kind.Id);
            _tableChanged |= idle.Count > 0;
        }
        foreach (var kind in idle)
        {
            try
            {
                if (kind.IsReady) await _connection!.JetStream.DeleteConsumerAsync(_connection.Names.Work, kind.Id, stop).ConfigureAwait(false);
            }
            catch (Exception e) when (FarmErrors.IsMissing(e))
            {
                // It is gone already.
            }
        }
    }

    private async Task<StoredMessage?> MessageAsync(StreamMsgGetRequest request, CancellationToken cancel)
    {
        try
        {
            var stream = await StreamAsync(cancel).ConfigureAwait(false);
            return (await stream.GetAsync(request, cancel).ConfigureAwait(false)).Message;
        }
        catch (Exception e) when (FarmErrors.IsMissing(e))
        {
            return null;
        }
    }

    private async Task<INatsJSStream> StreamAsync(CancellationToken cancel) =>
        await _connection!.JetStream.GetStreamAsync(_connection.Names.Work, cancellationToken: cancel).ConfigureAwait(false);
}
