using System.Net;
using System.Net.Sockets;
using Easel.Cli.Terminal;
using Easel.Server;

namespace Easel.Cli.Commands;

/// <summary>Who answers at an address.</summary>
internal enum Health
{
    Nobody,
    Stranger, // something else than Easel, or one that does not know us by that name
    Busy, // Easel, which starts or stops
    Well,
}

/// <summary><c>easel health</c>: asks a running server whether it can work; for containers, whose image then needs no other client.</summary>
internal static class HealthCommand
{
    private static readonly string DefaultAddress = $"http://127.0.0.1:{ServerOptions.DefaultPort}";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Command Create(Shell shell)
    {
        var address = new Argument<string?>("address") { Arity = ArgumentArity.ZeroOrOne };
        return new PlainCommand("health", "ask a running server whether it can work",
            new HelpNotes("[ADDRESS]", ["easel health", "easel health http://127.0.0.1:7861", "easel health unix:/run/easel/easel.sock"]), [address], parsed =>
        {
            var asked = (parsed.GetValue(address) ?? DefaultAddress).TrimEnd('/');
            if (SocketOf(asked) is null && (!Uri.TryCreate(asked, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")))
                throw new UsageException($"\"{asked}\" is no address of a server; those look like {DefaultAddress}.");
            var health = Ask(asked, shell.Cancel);
            if (health != Health.Well)
            {
                throw new EaselException(health switch
                {
                    Health.Nobody => $"Nobody answers at {asked}.",
                    Health.Busy => $"The server at {asked} starts or stops.",
                    _ => $"What answers at {asked} is not Easel.",
                });
            }
            shell.Out.WriteLine("ready");
        });
    }

    /// <summary>The path of a Unix socket in an address, as ASP.NET writes it; null for any other address.</summary>
    private static string? SocketOf(string address) => ((string[])["http://unix:", "unix://", "unix:"])
        .Where(start => address.StartsWith(start, StringComparison.Ordinal)).Select(start => address[start.Length..]).FirstOrDefault();

    /// <summary>Asks; needs no login, since health is no secret.</summary>
    public static Health Ask(string address, CancellationToken cancel)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        if (SocketOf(address) is { } path)
        {
            handler.ConnectCallback = async (_, stop) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            };
        }
        using var client = new HttpClient(handler) { Timeout = Patience };
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, (SocketOf(address) is null ? address : "http://localhost") + "/health/ready");
            using var answer = client.Send(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable) return Health.Busy;
            if (!answer.IsSuccessStatusCode || answer.Content.Headers.ContentLength is > 64) return Health.Stranger;
            var text = new byte[64];
            using var stream = answer.Content.ReadAsStream(cancel);
            var count = stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            return Encoding.ASCII.GetString(text, 0, count) == "\"ready\"" ? Health.Well : Health.Stranger;
        }
        catch (Exception e) when (e is HttpRequestException or IOException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return e is HttpRequestException { InnerException: SocketException } ? Health.Nobody : Health.Stranger;
        }
    }
}
