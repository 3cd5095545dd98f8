using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;

namespace Easel.Torture;

/// <summary>A server, four workers and their broker, or a cluster of three, killed at random and parted from each other while they draw: every job must be
/// done, each picture once.</summary>
internal sealed class FarmOrdeal(string root, int seed)
{
    private const int Workers = 4;

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, int> _promised = []; // pictures by job
    private readonly string _folder = Path.Combine(root, "pictures");
    private int _asked;

    public async Task Run(int kills, int jobs, int pulls, bool isCluster)
    {
        var watch = Stopwatch.StartNew();
        var store = Path.Combine(root, "nats");
        var brokers = isCluster ? Broker.StartCluster(store, 3) : [Broker.Start(store)];
        using var serverLine = new Line(brokers);
        var lines = Enumerable.Range(0, Workers).Select(_ => new Line(brokers)).ToList();
        var workers = lines.Select((line, i) => Child.Work(line.Url, $"worker-{i}")).ToList();
        var server = Child.ServeFarm(_folder, serverLine.Url, brokers.Count);
        var told = new int[3];
        try
        {
            var blows = Enumerable.Repeat(true, kills).Concat(Enumerable.Repeat(false, pulls)).OrderBy(_ => _random.Next()).ToList();
            foreach (var (number, isKill) in blows.Index())
            {
                await Submit(server, jobs * (number + 1) / blows.Count);
                await Task.Delay(_random.Next(100, 900));
                if (!isKill) await Pull([serverLine, .. lines]);
                else
                {
                    var whom = _random.Next(10) switch { < 6 => 0, < 8 => 1, _ => 2 };
                    told[whom]++;
                    switch (whom)
                    {
                        case 0:
                            var i = _random.Next(Workers);
                            workers[i].Kill();
                            workers[i].Dispose();
                            workers[i] = Child.Work(lines[i].Url, $"worker-{i}");
                            break;
                        case 1:
                            server.Kill();
                            server.Dispose();
                            server = Child.ServeFarm(_folder, serverLine.Url, brokers.Count);
                            break;
                        default:
                            var broker = brokers[_random.Next(brokers.Count)];
                            broker.Kill();
                            await Task.Delay(_random.Next(0, isCluster ? 6000 : 1500));
                            broker.Start();
                            break;
                    }
                }
            }
            await Submit(server, jobs);
            await Drained(server);
            await Check(server);
            Console.WriteLine($"a farm{(isCluster ? " with a cluster of three" : "")}: {told[0]} kills of workers, {told[1]} of the server, {told[2]} of "
                + $"nats-server and {pulls} pulled cables over {jobs} jobs of {_promised.Values.Sum()} pictures: "
                + $"each done once; {watch.Elapsed.TotalSeconds:f0} s");
        }
        finally
        {
            server.Dispose();
            foreach (var worker in workers) worker.Dispose();
            foreach (var line in lines) line.Dispose();
            foreach (var broker in brokers) broker.Dispose();
        }
    }

    /// <summary>For shorter or longer than the ack wait; what was open then goes on or is lost.</summary>
    private async Task Pull(IReadOnlyList<Line> lines)
    {
        var line = lines[_random.Next(lines.Count)];
        line.Pull();
        await Task.Delay(_random.Next(2) == 0 ? _random.Next(200, 2000) : _random.Next(3500, 6000));
        line.Plug(losesConnections: _random.Next(2) == 0);
    }

    private async Task Submit(Child server, int until)
    {
        while (_promised.Count < until)
        {
            var count = _random.Next(5) == 0 ? 4 : 1;
            var body = new { request = new { prompt = $"a cat {_asked}", steps = 5, width = 64, height = 64, batchCount = count, seed = _asked++ } };
            using var answer = await server.Client.PostAsJsonAsync("api/jobs", body);
            answer.EnsureSuccessStatusCode();
            _promised[(await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!] = count;
        }
    }

    private static async Task Drained(Child server)
    {
        var (left, since) = (int.MaxValue, Stopwatch.StartNew());
        while (true)
        {
            var active = (await server.Client.GetFromJsonAsync<JsonElement>("api/jobs?count=1")).GetProperty("active");
            if (active.GetArrayLength() == 0) return;
            if (active.GetArrayLength() < left) (left, since) = (active.GetArrayLength(), Stopwatch.StartNew());
            Require(since.Elapsed < TimeSpan.FromMinutes(2), $"nothing goes on with {left} jobs left: {active[0]} "
                + await server.Client.GetStringAsync("api/farm"));
            await Task.Delay(100);
        }
    }

    private async Task Check(Child server)
    {
        foreach (var (id, count) in _promised)
        {
            var job = await server.Client.GetFromJsonAsync<JsonElement>($"api/jobs/{id}");
            Require(job.GetProperty("state").GetString() == "done", $"a job that was promised is not done: {job}");
            var pictures = job.GetProperty("pictures").EnumerateArray().Select(picture => picture.GetString()).ToList();
            var all = string.Join(' ', pictures);
            Require(pictures.SequenceEqual(Enumerable.Range(0, count).Select(i => $"{id}-{i:0000}")), $"the job {id} has the pictures {all}");
        }
        var total = (await server.Client.GetFromJsonAsync<JsonElement>("api/pictures?count=1")).GetProperty("total").GetInt32();
        var files = Directory.EnumerateFiles(_folder, "*.png", SearchOption.AllDirectories)
            .Where(path => !path.Contains(Path.DirectorySeparatorChar + ".easel" + Path.DirectorySeparatorChar)).ToList();
        Require(total == _promised.Values.Sum() && files.Count == total,
            $"{total} pictures in the gallery and {files.Count} files, of {_promised.Values.Sum()}");
        foreach (var file in files) Require(ImageFile.Load(file).Width == 64, $"{file} is not whole");
    }

    /// <summary>What one machine reaches the brokers by: all of its cables are pulled together.</summary>
    private sealed class Line(IReadOnlyList<Broker> brokers) : IDisposable
    {
        private readonly List<Cable> _cables = [.. brokers.Select(broker => new Cable(broker.Port))];

        public string Url => string.Join(',', _cables.Select(cable => cable.Url));

        public void Pull() => _cables.ForEach(cable => cable.Pull());

        public void Plug(bool losesConnections) => _cables.ForEach(cable => cable.Plug(losesConnections));

        public void Dispose() => _cables.ForEach(cable => cable.Dispose());
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException(otherwise);
    }
}
