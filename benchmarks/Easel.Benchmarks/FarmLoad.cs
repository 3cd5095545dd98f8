using System.Diagnostics;
using Easel.Farm;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Easel.Benchmarks;

/// <summary>
/// A farm without models: the dispatcher, the order of the queue, the broker and the workers are those that draw; only the drawing is waiting. Fifty users keep
/// their jobs coming, some with ten times as many as others; there are three models, which not every worker has.
/// </summary>
internal static class FarmLoad
{
    public const string WorkersWord = "farm-workers";

    private const int Users = 50, Connections = 16, MostWaiting = 4000;

    /// <param name="jobs">Jobs in all.</param>
    /// <param name="workers">Workers.</param>
    /// <param name="seconds">Seconds that a drawing takes on average.</param>
    public static async Task Run(int jobs, int workers, double seconds)
    {
        var store = Directory.CreateTempSubdirectory("easel-farm-").FullName;
        using var broker = Broker.Start(store);
        using var fleet = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal)
            ? [typeof(FarmLoad).Assembly.Location, WorkersWord, broker.Url, $"{workers}", $"{seconds}"] : [WorkersWord, broker.Url, $"{workers}",
                $"{seconds}"]))!;
        try
        {
            var owner = new Owner(jobs);
            await using var dispatcher = new FarmDispatcher(Farm(broker.Url), "simulation", owner, NullLogger.Instance);
            await dispatcher.StartAsync(default);
            while (dispatcher.State().Workers.Count < workers) await Task.Delay(200);
            Console.WriteLine($"{workers} workers are there; {dispatcher.State().BrokerVersion}");
            await owner.Run(dispatcher);
            owner.Tell(Process.GetProcesses().Where(process => process.ProcessName.StartsWith("nats-server", StringComparison.Ordinal)).Max(process =>
                process.WorkingSet64));
        }
        finally
        {
            fleet.Kill();
            fleet.WaitForExit();
            broker.Kill();
            Directory.Delete(store, recursive: true);
        }
    }

    /// <summary>The workers, all in one process and over a few connections.</summary>
    public static async Task Work(string url, int workers, double seconds)
    {
        var connections = new List<FarmConnection>();
        for (var i = 0; i < Connections; i++) connections.Add(await FarmConnection.OpenAsync(Farm(url), FarmWorker.Client, default));
        ThreadPool.SetMinThreads(64, 64);
        var working = Enumerable.Range(0, workers).Select(i =>
            new FarmWorker(Farm(url), $"worker-{i}", new Painter(i, seconds), NullLogger.Instance).RunAsync(connections[i % Connections], _ => { }, default));
        await Task.WhenAll(working);
    }

    private static FarmOptions Farm(string url) => new() { Url = url, Patience = TimeSpan.FromSeconds(60), Presence = TimeSpan.FromSeconds(60) };

    private static FarmFile Model(int i) => new($"model-{i}", $"{i:x16}");

    /// <summary>Waits in place of drawing. All have the first model, half of them the second, a tenth the third.</summary>
    private sealed class Painter(int number, double seconds) : IFarmPainter
    {
        private static readonly byte[] Picture = new byte[20_000];

        private readonly Random _random = new(number);
        private string? _loaded;

        public FarmWorkerInfo Describe() => new()
        {
            Id = "",
            Name = "",
            Processor = "simulated",
            Memory = 16L << 30,
            Models = [.. new[] { 1, 2, 10 }.Index().Where(model => number % model.Item == 0).Select(model => Model(model.Index))],
            Loaded = _loaded,
        };

        public async Task<IReadOnlyList<string>> PaintAsync(FarmTask task, IReadOnlyDictionary<string, byte[]> inputs, IFarmCanvas canvas,
            CancellationToken cancel)
        {
            if (_loaded != task.Needs.Model.Stamp && seconds > 0) await Task.Delay(TimeSpan.FromSeconds(seconds), cancel); // loading
            _loaded = task.Needs.Model.Stamp;
            for (var left = -Math.Log(1 - _random.NextDouble()) * seconds; left > 0; left -= 1)
            {
                canvas.Report("sampling", 1, 20, 0.5, left);
                await Task.Delay(TimeSpan.FromSeconds(Math.Min(1, left)), cancel);
            }
            await canvas.PictureAsync(task.First, Picture);
            return [];
        }
    }

    /// <summary>The server's part: the real order of the queue, with users that ask on and on.</summary>
    private sealed class Owner(int jobs) : IFarmOwner
    {
        private readonly JobOrder _order = new(int.MaxValue, int.MaxValue);
        private readonly object _lock = new();
        private readonly Dictionary<string, (int User, long Asked, int Model)> _open = [];
        private readonly Dictionary<string, int> _pictures = [];
        private readonly List<double> _waits = [];
        private readonly List<(int User, double Second)> _done = [];
        private readonly Random _random = new(1);
        private readonly Stopwatch _watch = new();
        private int _asked, _finished, _twice;
        private long _memory;

        public void Progress(string job, FarmJobProgress progress, byte[]? preview)
        {
        }

        public bool WantsPreview(string job) => false;

        public bool IsOpen(string job)
        {
            lock (_lock) return _open.ContainsKey(job);
        }

        public Task KeepAsync(string job, int index, byte[] file)
        {
            lock (_lock)
            {
                if (!_pictures.TryAdd(job, index)) _twice++;
            }
            return Task.CompletedTask;
        }

        public void Finish(string job, string? problem, IReadOnlyList<string> remarks)
        {
            lock (_lock)
            {
                if (!_open.Remove(job, out var known)) return;
                _order.End(job);
                _waits.Add(Stopwatch.GetElapsedTime(known.Asked).TotalSeconds);
                _done.Add((known.User, _watch.Elapsed.TotalSeconds));
                _finished++;
                Monitor.PulseAll(_lock);
            }
        }

        public IReadOnlyDictionary<string, int> Waiting() => new Dictionary<string, int>();

        public void RoomChanged()
        {
            lock (_lock) Monitor.PulseAll(_lock);
        }

        public Task Run(FarmDispatcher dispatcher) => Task.Factory.StartNew(() => Feed(dispatcher), TaskCreationOptions.LongRunning);

        public void Tell(long broker)
        {
            var seconds = _watch.Elapsed.TotalSeconds;
            _waits.Sort();
            // Fairness while all users have work waiting: how many of each were done in the middle half of the run.
            var middle = _done.Where(done => done.Second > seconds / 4 && done.Second < seconds * 3 / 4).GroupBy(done => done.User).Select(group =>
                (double)group.Count()).ToList();
            var jain = Math.Pow(middle.Sum(), 2) / (Users * middle.Sum(count => count * count));
            Console.WriteLine((
                $"{_finished} jobs in {seconds:0} s: {_finished / seconds:0} a second; "
                + $"from asked to done p50 {At(0.5):0.0} s, p99 {At(0.99):0.0} s; pictures that came twice: {_twice}"));
            Console.WriteLine((
                $"memory at most: server {_memory >> 20} MB, nats-server {broker >> 20} MB; "
                + $"users in the middle of the run: {middle.Min():0} to {middle.Max():0} jobs each, Jain's index {jain:0.000}"));

            double At(double share) => _waits[Math.Min(_waits.Count - 1, (int)(share * _waits.Count))];
        }

        private void Feed(FarmDispatcher dispatcher)
        {
            _watch.Start();
            var (room, version, told) = (new Dictionary<int, bool>(), -1, Stopwatch.StartNew());
            lock (_lock)
            {
                while (_finished < jobs)
                {
                    while (_asked < jobs && _order.Waiting.Count < MostWaiting) Ask();
                    if (dispatcher.Version != version)
                    {
                        room.Clear();
                        version = dispatcher.Version;
                    }
                    if (_order.Begin(entry => MayBegin(_open[entry.Id].Model)) is { } next)
                    {
                        var model = Model(_open[next.Id].Model);
                        dispatcher.Begin(new FarmOrder(next.Id, new FarmNeeds(model, 4L << 30, []), "512x512", [new FarmPart(0, 1, Request)], []));
                    }
                    else Monitor.Wait(_lock, 100);
                    if (told.Elapsed.TotalSeconds < 10) continue;
                    told.Restart();
                    using var process = Process.GetCurrentProcess();
                    _memory = Math.Max(_memory, process.WorkingSet64);
                    Console.Error.WriteLine($"{_watch.Elapsed.TotalSeconds:0} s: {_finished} done, {_order.Waiting.Count} wait");
                }
            }
            _watch.Stop();

            bool MayBegin(int model) => room.TryGetValue(model, out var known) && !known ? false
                : room[model] = dispatcher.HasRoom($"{model}", new FarmNeeds(Model(model), 4L << 30, []), "512x512");
        }

        /// <summary>A request as long as such texts are.</summary>
        private static string Request { get; } = $$"""{ "request": { "prompt": "{{new string('a', 600)}}" } }""";

        private void Ask()
        {
            // Five users ask for ten times as much as each of the others.
            var user = _random.Next(95) is var drawn && drawn < 50 ? drawn / 10 : drawn - 45;
            var model = _random.Next(10) switch { < 6 => 0, < 9 => 1, _ => 2 };
            var id = $"{_asked++:x16}";
            _open[id] = (user, Stopwatch.GetTimestamp(), model);
            _order.Add(id, $"user-{user}");
        }
    }
}
