using System.Net;
using System.Net.Sockets;

namespace Easel.Server.Tests.Support;

/// <summary>A nats-server of the test's own, on this machine's own address alone, that can be killed and started again over the same store.</summary>
internal sealed class Broker : IDisposable
{
    private readonly string _store;
    private readonly string _words;
    private readonly string? _configuration;
    private System.Diagnostics.Process? _process;

    private Broker(string store, int port, string words, string? configuration) => (_store, Port, _words, _configuration) = (store, port, words, configuration);

    public int Port { get; }

    public string Url => $"nats://127.0.0.1:{Port}";

    /// <summary>Where the program is; null where it is not on this machine.</summary>
    public static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/sbin")
        .SelectMany(path => (string[])[Path.Combine(path, "nats-server"), Path.Combine(path, "nats-server.exe")]).FirstOrDefault(File.Exists);

    /// <summary>Starts one.</summary>
    /// <param name="store">Where it keeps its streams.</param>
    /// <param name="configuration">What is to stand in its configuration file beside the address; null for JetStream on and nobody asked who they are.</param>
    public static Broker Start(string store, string words = "", string? configuration = null)
    {
        var broker = new Broker(store, FreePort(), words, configuration);
        broker.Start();
        return broker;
    }

    /// <summary>Starts several as one cluster. Each tells its clients of none but itself, so that whoever is to reach all must know all.</summary>
    public static IReadOnlyList<Broker> StartCluster(string store, int count)
    {
        var ports = Enumerable.Range(0, count).Select(_ => FreePort()).ToList();
        var routes = string.Join(", ", ports.Select(port => $"\"nats://127.0.0.1:{port}\""));
        return [.. ports.Select((port, i) => Start(Path.Combine(store, $"broker-{i}"), configuration: $$"""
            server_name: broker-{{i}}
            jetstream { store_dir: "STORE" }
            cluster { name: farm, listen: "127.0.0.1:{{port}}", routes: [{{routes}}], no_advertise: true }
            """))];
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public void Start()
    {
        Directory.CreateDirectory(_store);
        var arguments = $"-a 127.0.0.1 -p {Port} {_words}";
        if (_configuration is null) arguments += $" -js -sd {_store}";
        else
        {
            var file = Path.Combine(_store, "nats.conf");
            File.WriteAllText(file, _configuration.Replace("STORE", _store, StringComparison.Ordinal));
            arguments += $" -c {file}";
        }
        _process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(Program!, arguments)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true
        })!;
        _process.ErrorDataReceived += (_, _) => { };
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        for (var patience = System.Diagnostics.Stopwatch.StartNew(); ;)
        {
            try
            {
                using var client = new TcpClient();
                client.Connect(IPAddress.Loopback, Port);
                return;
            }
            catch (SocketException) when (patience.Elapsed < TimeSpan.FromSeconds(20) && !_process.HasExited)
            {
                Thread.Sleep(20);
            }
        }
    }

    /// <summary>Ends it as a power cut would.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Loses its disk.</summary>
    public void Forget() => Directory.Delete(_store, recursive: true);

    public void Dispose()
    {
        if (_process is not null) Kill();
    }
}
