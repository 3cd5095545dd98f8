using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Easel.Server.Tests.Support;

/// <summary>The cable between somebody and the broker, which can be pulled: connections that are open fall silent, as they do then, and new ones get no
/// answer.</summary>
internal sealed class Cable : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _port;
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentDictionary<TcpClient, byte> _open = [];
    private volatile TaskCompletionSource _plugged = Plugged();

    /// <param name="port">The broker's port.</param>
    public Cable(int port)
    {
        _port = port;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Url => $"nats://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public void Pull()
    {
        if (_plugged.Task.IsCompleted) _plugged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Plugs it in again; what was held up is delivered, or its connection is lost.</summary>
    public void Plug(bool losesConnections = false)
    {
        if (losesConnections) foreach (var client in _open.Keys) client.Close();
        _plugged.TrySetResult();
    }

    public void Dispose()
    {
        _over.Cancel();
        _listener.Stop();
        foreach (var client in _open.Keys) client.Close();
        _plugged.TrySetResult();
    }

    private static TaskCompletionSource Plugged()
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        source.SetResult();
        return source;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = await _listener.AcceptTcpClientAsync(_over.Token);
                _ = ConnectAsync(near);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ConnectAsync(TcpClient near)
    {
        using var far = new TcpClient();
        _open[near] = 0;
        try
        {
            await _plugged.Task;
            await far.ConnectAsync(IPAddress.Loopback, _port);
            _open[far] = 0;
            await Task.WhenAny(PumpAsync(near.GetStream(), far.GetStream()), PumpAsync(far.GetStream(), near.GetStream()));
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // One of the two is gone.
        }
        finally
        {
            _open.TryRemove(near, out _);
            _open.TryRemove(far, out _);
            near.Close();
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to)
    {
        var block = new byte[16 << 10];
        while (await from.ReadAsync(block, _over.Token) is var count and > 0)
        {
            await _plugged.Task;
            await to.WriteAsync(block.AsMemory(0, count), _over.Token);
        }
    }
}
