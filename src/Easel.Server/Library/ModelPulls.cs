using System.Collections.Concurrent;
using Easel.Hub;
using Easel.Server.Errors;

namespace Easel.Server.Library;

/// <summary>How far the fetching of a model is.</summary>
public enum PullState
{
    /// <summary>It is being fetched.</summary>
    Fetching,

    /// <summary>It is there.</summary>
    Done,

    /// <summary>It could not be had.</summary>
    Failed,

    /// <summary>Somebody stopped it; what is there of it is gone on with the next time.</summary>
    Cancelled,
}

/// <summary>A model that is, or was, fetched.</summary>
/// <param name="Name">The name that it was asked for by.</param>
/// <param name="Title">What it is, in words.</param>
/// <param name="State">How far it is.</param>
/// <param name="Done">The bytes that are there.</param>
/// <param name="Total">All its bytes; null while they are not known.</param>
/// <param name="Error">Why it failed, and what would help; null where it did not.</param>
public sealed record ModelPullStatus(string Name, string Title, PullState State, long Done, long? Total, string? Error = null);

/// <summary>Fetches models while the server runs: only when asked, a few at once, each once.</summary>
internal sealed class ModelPulls(ServerOptions options, ModelLibrary library, ILogger<ModelPulls> log) : IDisposable
{
    private const int MostAtOnce = 2, MostKept = 50;
    private static readonly TimeSpan BetweenReports = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<string, Pull> _pulls = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lock _turn = new();
    private volatile bool _isEnding;

    /// <summary>Told when one of them is further.</summary>
    public event Action? Changed;

    /// <summary>Whether this server fetches models at all.</summary>
    public bool IsOffered => options.Hub is { IsOffline: false };

    /// <summary>Those that were asked for since the server started, in that order.</summary>
    public IReadOnlyList<ModelPullStatus> All => [.. _pulls.Values.OrderBy(pull => pull.Number).Select(pull => pull.Status)];

    /// <summary>The models of the built-in list that draw or decode, and whether each is there.</summary>
    public IReadOnlyList<KnownModelEntry> Known()
    {
        var folders = new ModelFolders(options.ModelPlaces);
        return
        [
            .. KnownModels.All.Where(model => model.Use == ModelPurpose.Checkpoint).Select(model => new KnownModelEntry(model.Name, model.Title, model.Licence,
                model.Selection.Repository, model.Selection.Bytes > 0 ? model.Selection.Bytes : null,
                folders.PathOf(model) is not null)),
        ];
    }

    /// <summary>Begins to fetch a model.</summary>
    /// <param name="name">A name of the built-in list, "org/name", "org/name:file" or an https address.</param>
    /// <exception cref="ServerException">It is no such name, it is being fetched already, or as many as may be are.</exception>
    public ModelPullStatus Start(string name)
    {
        if (options.Hub is not { } hub) throw new ServerException(Status403Forbidden, "This server fetches no models.");
        if (hub.IsOffline) throw new ServerException(Status403Forbidden, "This server fetches no models: HF_HUB_OFFLINE is set where it runs.");
        if (ModelPull.Of(name, hub.Endpoint, options.ModelFolder) is not { } order)
        {
            var near = Similar.To(name, KnownModels.All.Select(model => model.Name));
            throw ServerException.Refused($"\"{name}\" is no model to fetch"
                + (near is null ? ": names" : $"; did you mean {near}? Names") + " of the list, org/name, org/name:file and https addresses are.");
        }
        Pull pull;
        lock (_turn)
        {
            var running = _pulls.Values.Where(other => other.Status.State == PullState.Fetching).ToList();
            if (running.Any(other => other.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
                throw new ServerException(Status409Conflict, $"\"{name}\" is being fetched already.");
            if (running.Count >= MostAtOnce)
            {
                throw new ServerException(Status409Conflict, $"{running.Count} models are being fetched, and no more than {MostAtOnce} are at once: "
                    + $"{string.Join(" and ", running.Select(other => other.Name))}.");
            }
            if (_pulls.Count >= MostKept && _pulls.Values.Where(other => other.Status.State != PullState.Fetching).MinBy(other => other.Number) is { } oldest)
            {
                _pulls.TryRemove(oldest.Name, out _);
                oldest.Dispose();
            }
            var title = order.Known?.Title ?? name;
            pull = _pulls[name] = new Pull(name, _pulls.Values.Select(other => other.Number).DefaultIfEmpty().Max() + 1)
            {
                Status = new ModelPullStatus(name, title, PullState.Fetching, 0, order.Known?.Selection.Bytes is > 0 and var bytes ? bytes : null),
            };
        }
        _ = Task.Run(() => RunAsync(pull, order, hub));
        Changed?.Invoke();
        return pull.Status;
    }

    /// <summary>Stops the fetching of a model; what is there of it is kept for the next time.</summary>
    /// <returns>Whether it was being fetched.</returns>
    public bool Cancel(string name)
    {
        if (!_pulls.TryGetValue(name, out var pull) || pull.Status.State != PullState.Fetching) return false;
        pull.Ends.Cancel();
        return true;
    }

    public void Dispose()
    {
        _isEnding = true;
        foreach (var pull in _pulls.Values)
        {
            pull.Ends.Cancel();
            pull.Dispose();
        }
    }

    private async Task RunAsync(Pull pull, ModelPull order, HubSettings hub)
    {
        var cancel = pull.Ends.Token;
        try
        {
            using var client = new HubClient(hub);
            var path = await order.RunAsync(client, selection =>
            {
                if (selection.Bytes > 0) Tell(pull, pull.Status with { Total = selection.Bytes });
            }, new Progress(this, pull), cancel);
            if (log.IsEnabled(LogLevel.Information)) log.LogInformation("Fetched {Name}: {Path}", pull.Name, path);
            library.Refresh();
            Tell(pull, pull.Status with { State = PullState.Done, Done = pull.Status.Total ?? pull.Status.Done });
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            Tell(pull, pull.Status with { State = PullState.Cancelled });
        }
        catch (EaselException e)
        {
            log.LogWarning("{Name} was not fetched: {Reason}", pull.Name, e.Message);
            Tell(pull, pull.Status with { State = PullState.Failed, Error = e.Message });
        }
        catch (Exception e) // what is not foreseen may not end the server
        {
            log.LogError(e, "{Name} was not fetched.", pull.Name);
            Tell(pull, pull.Status with { State = PullState.Failed, Error = "It failed for a reason that was not foreseen; the server's log has it." });
        }
    }

    private void Tell(Pull pull, ModelPullStatus status)
    {
        pull.Status = status;
        if (!_isEnding) Changed?.Invoke();
    }

    private sealed class Pull(string name, long number) : IDisposable
    {
        private volatile ModelPullStatus _status = null!;

        public string Name => name;

        public long Number => number;

        public CancellationTokenSource Ends { get; } = new();

        public required ModelPullStatus Status
        {
            get => _status;
            set => _status = value;
        }

        public void Dispose() => Ends.Dispose();
    }

    /// <summary>The bytes of all files together, told a few times a second.</summary>
    private sealed class Progress(ModelPulls pulls, Pull pull) : IProgress<HubProgress>
    {
        private readonly Dictionary<string, (long Done, long? Total)> _files = [];
        private long _told;

        public void Report(HubProgress value)
        {
            _files[value.File] = (value.Done, value.Total);
            if (Stopwatch.GetElapsedTime(_told) < BetweenReports && value.Done != value.Total) return;
            _told = Stopwatch.GetTimestamp();
            var total = pull.Status.Total ?? (_files.Values.All(file => file.Total is not null) ? _files.Values.Sum(file => file.Total) : null);
            pulls.Tell(pull, pull.Status with { Done = _files.Values.Sum(file => file.Done), Total = total });
        }
    }
}

/// <summary>A model of the built-in list.</summary>
/// <param name="Name">The name to fetch it by.</param>
/// <param name="Title">What it is, in words.</param>
/// <param name="Licence">Its licence, in words.</param>
/// <param name="Repository">Where it comes from: "org/name".</param>
/// <param name="Bytes">Its size; null where it is known only to the hub.</param>
/// <param name="IsThere">Whether it was fetched before.</param>
public sealed record KnownModelEntry(string Name, string Title, string Licence, string Repository, long? Bytes, bool IsThere);
