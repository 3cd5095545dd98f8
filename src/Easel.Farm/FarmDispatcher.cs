namespace Easel.Farm;

/// <summary>
/// The server's side: hands parts of jobs to the broker, a few more than there are workers for them, so that the order of the rest can still be changed, and
/// takes in what comes back. Everything that it knows can be lost: the jobs are the server's, and the broker tells what is on its way.
/// </summary>
public sealed partial class FarmDispatcher : IAsyncDisposable
{
    internal const string LookWord = "look", CancelWord = "cancel";

    /// <summary>Parts at the broker for each worker that can draw them: one in its hands and one that it finds at once when that is done.</summary>
    private const int Ahead = 2;

    /// <summary>How long a class without work keeps its consumer.</summary>
    private static readonly TimeSpan ClassRest = TimeSpan.FromMinutes(10);

    private readonly FarmOptions _options;
    private readonly IFarmOwner _owner;
    private readonly ILogger _log;
    private readonly string _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _pump = new(0);
    private readonly Lock _lock = new(); // all that is below
    private readonly Dictionary<string, Order> _orders = [];
    private readonly List<(Order Order, Part Part)> _unsent = []; // in the order in which they are to be handed out
    private readonly Dictionary<string, Class> _classes = [];
    private readonly Dictionary<string, Seen> _workers = [];
    private readonly Dictionary<(string Job, int First), (ulong Sequence, string Class)> _atBroker = []; // of an earlier process
    private readonly Dictionary<string, long> _memory = []; // by model and size, learnt from workers that had too little
    private readonly Dictionary<string, (string Model, string Reason)> _held = []; // by the owner's key
    private readonly Queue<long> _came = [];
    private FarmConnection? _connection;
    private Task? _running;
    private string? _problem = "The broker was not asked yet.";
    private bool _tableChanged;
    private int _version; // of all that room depends on
    private int _workersVersion;
    private bool _isReady;
    private int _disposed;

    /// <param name="server">The server's own name, the same after a restart.</param>
    public FarmDispatcher(FarmOptions options, string server, IFarmOwner owner, ILogger log) => (_options, _server, _owner, _log) = (options, server, owner,
        log);

    private sealed class Order(FarmOrder spec)
    {
        public FarmOrder Spec => spec;
        public List<Part> Parts { get; } = [];
        public List<string> Remarks { get; } = [];
        public IReadOnlyList<FarmInput>? Inputs { get; set; }
        public long Began { get; } = Stopwatch.GetTimestamp();
        public long Steered { get; set; }
        public bool IsOver { get; set; }
    }

    private sealed class Part(FarmPart spec, Class kind)
    {
        public FarmPart Spec => spec;
        public Class Class { get; set; } = kind;
        public ulong? Sequence { get; set; } // its message's; null while it is not at the broker
        public bool IsSent { get; set; } // at the broker, or being handed to it
        public bool IsDone { get; set; }
        public int Missed { get; set; }
        public long Heard { get; set; } = Stopwatch.GetTimestamp();
        public string? Worker { get; set; } // whoever draws it
        public double Share { get; set; }
        public string? Trouble { get; set; }
    }

    private sealed class Class(FarmNeeds needs)
    {
        public FarmNeeds Needs => needs;
        public string Id { get; } = needs.ClassId;
        public bool IsReady { get; set; }
        public long Used { get; set; } = Stopwatch.GetTimestamp();
        public int Open { get; set; } // parts that were begun and are not done
        public int Sent { get; set; } // those of them that are at the broker
        public (int Version, int Able, int Warm) Counted { get; set; } = (-1, 0, 0);
    }

    private readonly record struct Seen(FarmWorkerInfo Worker, long At);

    /// <summary>Connects, or throws where that would never work, and works from then on until it is disposed of.</summary>
    /// <exception cref="FarmException">It cannot be worked with so; a broker that is only not there is waited for instead.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        _options.Validate();
        try
        {
            _connection = await FarmConnection.OpenAsync(_options, "easel serve", cancel).ConfigureAwait(false);
            await PrepareAsync(cancel).ConfigureAwait(false);
        }
        catch (FarmException e) when (e.MayPass)
        {
            Amiss(e.Message);
        }
        _running = Task.Run(RunAsync, CancellationToken.None);
    }

    private string NoBroker => $"No broker answers at {_options}; the jobs wait for it.";

    /// <summary>Rises with all that may change the answer of <see cref="HasRoom"/>.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>Whether a job with these needs can be handed out now. Where no worker can draw it, that is remembered and told.</summary>
    /// <param name="key">What is the same for all jobs with these needs and this size.</param>
    public bool HasRoom(string key, FarmNeeds needs, string sizeKey)
    {
        lock (_lock)
        {
            if (!_isReady || _connection is not { IsUp: true }) return false;
            var kind = ClassOf(Learnt(needs, sizeKey));
            if (Able(kind) == 0)
            {
                _held[key] = (needs.Model.Name, WhyNone(kind.Needs));
                return false;
            }
            _held.Remove(key);
            return kind.Open < Ahead * Able(kind);
        }
    }

    /// <summary>Takes a job to be drawn.</summary>
    public void Begin(FarmOrder order)
    {
        var taken = new Order(order);
        lock (_lock)
        {
            foreach (var spec in order.Parts)
            {
                var part = new Part(spec, ClassOf(Learnt(order.Needs, order.SizeKey)));
                part.Class.Open++;
                taken.Parts.Add(part);
                if (!_atBroker.Remove((order.Job, spec.First), out var known))
                {
                    _unsent.Add((taken, part));
                    continue;
                }
                (part.Sequence, part.IsSent) = (known.Sequence, true);
                part.Class.Sent++;
            }
            _orders[order.Job] = taken;
            _version++;
        }
        Pump();
    }

    /// <summary>Takes a job back: what nobody has begun is removed, and whoever draws it is told to stop.</summary>
    public void Cancel(string job) => Forget(job, tellWorkers: true);

    /// <summary>Gives a job up without a word to those who draw it: the process ends, and the next one goes on with what they send.</summary>
    public void Leave(string job) => Forget(job, tellWorkers: false);

    /// <summary>The farm as it stands.</summary>
    public FarmState State()
    {
        var waiting = _owner.Waiting(); // not within the lock: the owner has one of its own
        lock (_lock)
        {
            var up = _isReady && _connection is { IsUp: true };
            return new FarmState
            {
                Queue = _options.Name,
                Broker = _options.ToString(),
                IsUp = up,
                Problem = up ? _problem : _problem ?? NoBroker,
                BrokerVersion = _connection?.BrokerVersion,
                Workers = [.. _workers.Values.OrderBy(seen => seen.Worker.Name, StringComparer.OrdinalIgnoreCase).ThenBy(seen => seen.Worker.Id,
                    StringComparer.Ordinal)
                    .Select(seen => new FarmWorkerState(seen.Worker, Stopwatch.GetElapsedTime(seen.At).TotalSeconds, ProblemOf(seen.Worker)))],
                Classes = [.. _classes.Values.Select(StateOf).Where(state => state.Waiting + state.Drawn > 0)],
                Held = up ? Held(waiting) : [], // without a broker there is one reason for all
                PicturesLastMinute = CameLately(),
            };
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_running is not null) await _running.ConfigureAwait(false);
        if (_connection is not null) await _connection.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
        _pump.Dispose();
    }

    /// <summary>Jobs that no worker can draw, those that wait and those that were begun, counted together where the reason is the same.</summary>
    private List<FarmHeld> Held(IReadOnlyDictionary<string, int> waiting) =>
        [.. _held.Select(held => (held.Value.Model, Jobs: waiting.GetValueOrDefault(held.Key), held.Value.Reason))
            .Concat(_classes.Values.Where(kind => kind.Open > 0 && Able(kind) == 0).Select(kind => (Model: kind.Needs.Model.Name, Jobs: JobsOf(kind),
                Reason: WhyNone(kind.Needs))))
            .GroupBy(held => (held.Model, held.Reason)).Select(group => new FarmHeld(group.Key.Model, group.Sum(held => held.Jobs), group.Key.Reason))
            .Where(held => held.Jobs > 0)];

    /// <summary>Takes a worker off the list, and what it drew out of its hands.</summary>
    /// <returns>The jobs that nobody draws for that reason.</returns>
    private List<(string Job, FarmJobProgress Progress)> Gone(string worker)
    {
        if (!_workers.Remove(worker)) return [];
        WorkersChanged();
        var left = new List<(string, FarmJobProgress)>();
        foreach (var order in _orders.Values)
        {
            var its = order.Parts.FindAll(part => part.Worker == worker && !part.IsDone);
            foreach (var part in its) (part.Worker, part.Share) = (null, 0);
            if (its.Count > 0 && order.Parts.TrueForAll(part => part.Worker is null))
                left.Add((order.Spec.Job, new FarmJobProgress(FarmJobProgress.Waiting, 0, 0, order.Parts.IndexOf(its[0]), order.Parts.Count,
                    order.Parts.Average(part => part.Share), null)));
        }
        return left;
    }

    private static string? ProblemOf(FarmWorkerInfo worker) => worker.Version == FarmProtocol.Version ? null
        : $"it speaks version {worker.Version} of the farm's protocol and this server version {FarmProtocol.Version}: install the same Easel on both.";

    private FarmClassState StateOf(Class kind)
    {
        var drawn = _orders.Values.Sum(order => order.Parts.Count(part => part.Class == kind && !part.IsDone && part.Worker is not null));
        return new FarmClassState(kind.Needs.Model.Name, kind.Needs.Memory, kind.Open - drawn, drawn, Able(kind), Warm(kind));
    }

    private int JobsOf(Class kind) => _orders.Values.Count(order => order.Parts.Exists(part => part.Class == kind && !part.IsDone));

    private int CameLately()
    {
        while (_came.TryPeek(out var first) && Stopwatch.GetElapsedTime(first) > TimeSpan.FromMinutes(1)) _came.Dequeue();
        return _came.Count;
    }

    private Class ClassOf(FarmNeeds needs)
    {
        var kind = new Class(needs);
        return _classes.TryGetValue(kind.Id, out var known) ? known : _classes[kind.Id] = kind;
    }

    /// <summary>How many workers can draw what is of a class.</summary>
    private int Able(Class kind) => Counted(kind).Able;

    /// <summary>How many workers have its model in memory.</summary>
    private int Warm(Class kind) => Counted(kind).Warm;

    private (int Version, int Able, int Warm) Counted(Class kind) => kind.Counted.Version == _workersVersion ? kind.Counted : kind.Counted = (_workersVersion,
        _workers.Values.Count(seen => kind.Needs.LackOf(seen.Worker) is null), _workers.Values.Count(seen => seen.Worker.Loaded == kind.Needs.Model.Stamp));

    private void WorkersChanged()
    {
        _workersVersion++;
        _version++;
        _tableChanged = true;
    }

    /// <summary>Has a part handed out anew.</summary>
    private void Unsend(Order order, Part part)
    {
        if (part.IsSent) part.Class.Sent--;
        (part.IsSent, part.Sequence, part.Worker, part.Missed) = (false, null, null, 0);
        if (!_unsent.Contains((order, part))) _unsent.Insert(0, (order, part));
    }

    /// <summary>Closes the account of a part, done or given up.</summary>
    private void Close(Part part)
    {
        if (part.IsDone) return;
        (part.IsDone, part.Share, part.Worker) = (true, 1, null);
        part.Class.Open--;
        if (part.IsSent) part.Class.Sent--;
        part.IsSent = false;
        part.Class.Used = Stopwatch.GetTimestamp();
        _version++;
    }

    private FarmNeeds Learnt(FarmNeeds needs, string sizeKey) =>
        _memory.TryGetValue($"{needs.Model.Stamp}|{sizeKey}", out var learnt) && learnt > needs.Memory ? needs with { Memory = learnt } : needs;

    /// <summary>Why no worker can draw something, and what would help.</summary>
    private string WhyNone(FarmNeeds needs)
    {
        if (_workers.Count == 0) return $"No worker is there: start one with easel work --farm {_options}.";
        var nearest = _workers.Values.Where(seen => seen.Worker.Version == FarmProtocol.Version).Select(seen => needs.LackOf(seen.Worker)).OfType<string>()
            .GroupBy(lack => lack).OrderBy(group => group.Key.StartsWith("the model", StringComparison.Ordinal) ? 1 : 0).Select(group => group.Key)
                .FirstOrDefault();
        if (nearest is null) return "All workers are of another version of Easel: install the same one on all machines.";
        var help = nearest.StartsWith("the model", StringComparison.Ordinal) || !nearest.EndsWith("memory", StringComparison.Ordinal)
            ? $"put it into a worker's folder, or hand it out with easel farm push \"{needs.Model.Name}\"" : "a machine with more, or a smaller picture";
        return $"No worker has {nearest}; what would help is: {help}.";
    }

    private void Forget(string job, bool tellWorkers)
    {
        List<ulong> sequences;
        lock (_lock)
        {
            if (!_orders.Remove(job, out var order)) return;
            order.IsOver = true;
            sequences = tellWorkers ? [.. order.Parts.Where(part => !part.IsDone).Select(part => part.Sequence).OfType<ulong>()] : [];
            if (order.Parts.Exists(part => !part.IsSent && !part.IsDone)) _unsent.RemoveAll(entry => entry.Order == order);
            foreach (var part in order.Parts) Close(part);
        }
        if (tellWorkers) _ = TakeBackAsync(job, sequences);
        Pump();
        _owner.RoomChanged();
    }

    private void Pump()
    {
        if (_pump.CurrentCount == 0) _pump.Release();
    }

    private void Amiss(string? sentence)
    {
        lock (_lock)
        {
            if (_problem == sentence) return;
            _problem = sentence;
        }
        if (sentence is not null) _log.LogWarning("The farm: {Sentence}", sentence);
        else if (_log.IsEnabled(LogLevel.Information)) _log.LogInformation("The farm: the broker at {Broker} answers.", _options);
    }
}
