using System.Threading.Channels;

namespace Easel.Farm;

/// <summary>One piece of work in a worker's hands, from its delivery until what came of it is with the broker.</summary>
internal sealed class FarmPiece(FarmConnection connection, FarmFacts facts, IFarmPainter painter, string worker, ILogger log) : IFarmCanvas
{
    /// <summary>How long a worker tries to send what it has drawn before it leaves the piece to another.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>How long somebody counts as looking after the server said so.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(10);

    private readonly Channel<(int Index, byte[] File)> _drawn = Channel.CreateBounded<(int, byte[])>(4);
    private readonly long _began = Stopwatch.GetTimestamp();
    private FarmTask _task = null!; // set before anything else is asked
    private (int Index, byte[] File)? _last; // kept back, to be sent with the news that all is done
    private int _sent;
    private long _lookedAt, _told;
    private volatile bool _cancelled;

    /// <summary>Bytes of memory that this piece needs and that there are not; null where it fitted.</summary>
    public long? TooLargeFor { get; private set; }

    public bool WantsPreview => Interlocked.Read(ref _lookedAt) is > 0 and var at && Stopwatch.GetElapsedTime(at) < Look;

    /// <summary>Draws what a message asks for.</summary>
    /// <param name="onJob">Told the job.</param>
    /// <returns>How many pictures were drawn.</returns>
    public async Task<int> DoAsync(INatsJSMsg<byte[]> message, Action<string?> onJob, CancellationToken stop)
    {
        var tries = (int)Math.Min(int.MaxValue, message.Metadata?.NumDelivered ?? 1);
        if (message.Data is not { } bytes || FarmProtocol.Read<FarmTask>(bytes) is not { } task || task.Version != FarmProtocol.Version)
        {
            log.LogWarning("A piece of work on {Subject} is left alone: another version of Easel wrote it, or another program.", message.Subject);
            await message.NakAsync(new AckOpts { NakDelay = TimeSpan.FromSeconds(30) }, stop).ConfigureAwait(false);
            return 0;
        }
        _task = task;
        onJob(task.Job);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var beside = (Task[])[KeepAsync(message, over.Token), ObeyAsync(cancel, over.Token)];
        try
        {
            if (tries > facts.Tries)
            {
                await ResultAsync(FarmOutcome.Parked, error: $"it was begun {tries - 1} times, and each time the worker ended or fell silent")
                    .ConfigureAwait(false);
                await EndAsync(message).ConfigureAwait(false);
                return 0;
            }
            await PaintAsync(message, tries, cancel, stop).ConfigureAwait(false);
            return _sent;
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            foreach (var task2 in beside) await Quietly(task2).ConfigureAwait(false);
        }
    }

    public void Report(string stage, int done, int stepCount, double share, double? secondsLeft, byte[]? preview = null)
    {
        var now = Stopwatch.GetTimestamp();
        if (preview is null && _told != 0 && Stopwatch.GetElapsedTime(_told, now).TotalMilliseconds < 200 && done < stepCount) return;
        _told = now;
        Tell(new FarmProgress(_task.Job, _task.First, worker, stage, done, stepCount, share, secondsLeft), preview);
    }

    public ValueTask PictureAsync(int index, byte[] file) => _drawn.Writer.WriteAsync((index, file));

    private async Task PaintAsync(INatsJSMsg<byte[]> message, int tries, CancellationTokenSource cancel, CancellationToken stop)
    {
        Tell(new FarmProgress(_task.Job, _task.First, worker, "loading", 0, 0, 0, null), null);
        var sending = SendAsync(cancel);
        try
        {
            var inputs = await InputsAsync(cancel.Token).ConfigureAwait(false);
            var remarks = await painter.PaintAsync(_task, inputs, this, cancel.Token).ConfigureAwait(false);
            _drawn.Writer.TryComplete();
            await sending.ConfigureAwait(false);
            await ResultAsync(FarmOutcome.Done, remarks, _last).ConfigureAwait(false);
            if (_last is not null) _sent++;
            await EndAsync(message).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_cancelled)
        {
            await EndAsync(message).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await LeaveAsync(message, TimeSpan.Zero).ConfigureAwait(false);
        }
        catch (NotEnoughMemoryException e) when (e.Needed is { } needed)
        {
            TooLargeFor = needed;
            await ResultAsync(FarmOutcome.TooLarge, error: e.Message, memory: needed).ConfigureAwait(false);
            await EndAsync(message).ConfigureAwait(false);
        }
        catch (InvalidRequestException e)
        {
            await ResultAsync(FarmOutcome.Failed, error: e.Message).ConfigureAwait(false);
            await EndAsync(message).ConfigureAwait(false);
        }
        catch (FarmException e) when (e.MayPass)
        {
            await TroubleAsync(message, tries, e.Message).ConfigureAwait(false);
        }
        // What is wrong with a request is wrong everywhere; what is wrong with a machine need not be so with the next.
        catch (EaselException e) when (tries > 1)
        {
            await ResultAsync(FarmOutcome.Failed, error: e.Message).ConfigureAwait(false);
            await EndAsync(message).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (e is not EaselException) log.LogError(e, "A part of the job {Job} could not be drawn.", _task.Job);
            await TroubleAsync(message, tries, (NotEnoughMemoryException.Of(e) ?? e).Message.ReplaceLineEndings("\n").Split('\n')[0]).ConfigureAwait(false);
        }
        finally
        {
            _drawn.Writer.TryComplete();
            await Quietly(sending).ConfigureAwait(false);
        }
    }

    private async Task<IReadOnlyDictionary<string, byte[]>> InputsAsync(CancellationToken cancel)
    {
        var inputs = new Dictionary<string, byte[]>();
        foreach (var input in _task.Inputs)
        {
            using var content = new MemoryStream();
            try
            {
                await connection.GetAsync(connection.Names.Inputs, input.Stored, content, cancel).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
            {
                throw FarmErrors.Of(e, connection.Options, $"the input picture {input.Name}");
            }
            var file = content.ToArray();
            if (Convert.ToHexStringLower(SHA256.HashData(file)) != input.Sha256)
                throw new FarmException($"The input picture {input.Name} came damaged: its digest is another.") { MayPass = true };
            inputs[input.Name] = file;
        }
        return inputs;
    }

    private async Task SendAsync(CancellationTokenSource cancel)
    {
        try
        {
            await foreach (var picture in _drawn.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                if (_last is { } before)
                {
                    await ResultAsync(FarmOutcome.Picture, picture: before).ConfigureAwait(false);
                    _sent++;
                }
                _last = picture;
            }
        }
        catch (Exception e)
        {
            _drawn.Writer.TryComplete(e);
            await cancel.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends what came of it, however long the broker is away, within a worker's patience.</summary>
    private async Task ResultAsync(FarmOutcome outcome, IReadOnlyList<string>? remarks = null, (int Index, byte[] File)? picture = null, string? error = null,
        long memory = 0)
    {
        var result = new FarmResult(_task.Job, _task.First, outcome, worker)
        {
            Error = error,
            Remarks = remarks ?? [],
            Memory = memory,
            Seconds = Stopwatch.GetElapsedTime(_began).TotalSeconds,
        };
        var began = Stopwatch.GetTimestamp();
        for (var full = 0; ;)
        {
            try
            {
                await SendOnceAsync(result, picture).ConfigureAwait(false);
                return;
            }
            catch (Exception e)
            {
                var known = FarmErrors.Of(e, connection.Options, picture is null ? null : $"a picture of {picture.Value.File.Length >> 10} KB");
                if (FarmErrors.IsFull(e) || e.InnerException is { } inner && FarmErrors.IsFull(inner) || !known.MayPass)
                {
                    // A store that is full may be emptied; one that is too small for the picture stays so.
                    if (++full >= 5) (result, picture, full) = (result with { Outcome = FarmOutcome.Failed, Error = known.Message, Index = null }, null, 0);
                }
                if (log.IsEnabled(LogLevel.Debug)) log.LogDebug(e, "A result of the job {Job} is sent again.", _task.Job);
            }
            if (Stopwatch.GetElapsedTime(began) > Patience) throw new FarmException("What was drawn could not be sent.") { MayPass = true };
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(200, 800))).ConfigureAwait(false);
        }
    }

    private async Task SendOnceAsync(FarmResult result, (int Index, byte[] File)? picture)
    {
        var rest = ReadOnlyMemory<byte>.Empty;
        if (picture is var (index, file))
        {
            result = result with { Index = index, Sha256 = Convert.ToHexStringLower(SHA256.HashData(file)) };
            if (file.Length <= facts.InlineBytes) rest = file;
            else
            {
                result = result with { Stored = string.Create(CultureInfo.InvariantCulture, $"{_task.Job}-{index:0000}-{Guid.NewGuid():N}") };
                using var content = new MemoryStream(file);
                await connection.PutAsync(connection.Names.Pictures, result.Stored, content, CancellationToken.None).ConfigureAwait(false);
            }
        }
        var ack = await connection.JetStream.PublishAsync(connection.Names.ResultsOf(_task.Job), FarmFrame.Write(result, rest.Span)).ConfigureAwait(false);
        ack.EnsureSuccess();
    }

    /// <summary>Has another try made, or gives the part up.</summary>
    private async Task TroubleAsync(INatsJSMsg<byte[]> message, int tries, string reason)
    {
        if (tries >= facts.Tries)
        {
            await ResultAsync(FarmOutcome.Parked, error: reason).ConfigureAwait(false);
            await EndAsync(message).ConfigureAwait(false);
            return;
        }
        Tell(new FarmProgress(_task.Job, _task.First, worker, "loading", 0, 0, 0, null) { Trouble = reason }, null);
        await LeaveAsync(message, TimeSpan.FromSeconds(Math.Min(30, tries))).ConfigureAwait(false);
    }

    private async Task EndAsync(INatsJSMsg<byte[]> message)
    {
        try
        {
            await message.AckAsync(new AckOpts { DoubleAck = true }).AsTask().WaitAsync(TimeSpan.FromSeconds(10)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            log.LogDebug(e, "What is done could not be ticked off; it comes again, and does no harm."); // the server knows what it has
        }
    }

    private async Task LeaveAsync(INatsJSMsg<byte[]> message, TimeSpan delay)
    {
        try
        {
            await message.NakAsync(new AckOpts { NakDelay = delay }).AsTask().WaitAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            log.LogDebug(e, "A piece could not be handed back; it comes back by itself.");
        }
    }

    /// <summary>Says that the piece is still worked on.</summary>
    private async Task KeepAsync(INatsJSMsg<byte[]> message, CancellationToken over)
    {
        var pause = TimeSpan.FromSeconds(facts.AckWait / 3);
        while (!over.IsCancellationRequested)
        {
            await Task.Delay(pause, over).ConfigureAwait(false);
            try
            {
                await message.AckProgressAsync(cancellationToken: over).ConfigureAwait(false);
            }
            catch (Exception e) when (!over.IsCancellationRequested)
            {
                log.LogDebug(e, "The broker is away.");
            }
        }
    }

    /// <summary>Does what the server says of the job.</summary>
    private async Task ObeyAsync(CancellationTokenSource cancel, CancellationToken over)
    {
        await foreach (var said in connection.Nats.SubscribeAsync<string>(connection.Names.SteerOf(_task.Job), cancellationToken: over).ConfigureAwait(false))
        {
            if (said.Data == FarmDispatcher.LookWord) Interlocked.Exchange(ref _lookedAt, Stopwatch.GetTimestamp());
            if (said.Data != FarmDispatcher.CancelWord) continue;
            _cancelled = true;
            await cancel.CancelAsync().ConfigureAwait(false);
            return;
        }
    }

    private void Tell(FarmProgress progress, byte[]? preview)
    {
        if (!connection.IsUp) return;
        _ = Quietly(connection.Nats.PublishAsync(connection.Names.ProgressOf(_task.Job), FarmFrame.Write(progress, preview)).AsTask());
    }

    private async Task Quietly(Task task)
    {
        try
        {
            await task.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            log.LogDebug(e, "Left as it is.");
        }
    }
}
