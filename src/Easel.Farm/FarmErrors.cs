using System.Net.Sockets;
using System.Security.Authentication;

namespace Easel.Farm;

/// <summary>What goes wrong with a broker, said in a sentence for those who run it.</summary>
internal static class FarmErrors
{
    /// <summary>Error codes of JetStream.</summary>
    private const int StorageExceeded = 10047, MemoryExceeded = 10028, Insufficient = 10023, StoreFailed = 10077, NotEnabled = 10076,
        NotEnabledForAccount = 10039, NoSpaceForConfig = 10052, StreamNotFound = 10059, ConsumerNotFound = 10014, MessageNotFound = 10037, Unavailable = 10008,
        NoPeers = 10005, NotInACluster = 10074;

    /// <param name="what">What was to be done, for a sentence that needs to say it.</param>
    public static FarmException Of(Exception e, FarmOptions options, string? what = null)
    {
        for (var cause = e; cause is not null; cause = cause.InnerException)
            if (cause is AuthenticationException) return Unencrypted(cause, options); // a certificate's; what is around it could be a login's by its words
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            if (cause is FarmException known) return known;
            if (Known(cause, options, what) is { } found) return found;
        }
        return new FarmException($"The broker at {options} does not do what it is asked{(what is null ? "" : $" with {what}")}: {FirstLine(e)}",
            e)
        { MayPass = true };
    }

    public static FarmException NoJetStream(FarmOptions options) => new($"JetStream is off at the broker {options}: start nats-server with -js, "
        + "or with a jetstream block in its configuration.");

    /// <summary>Whether what was asked for is not there.</summary>
    public static bool IsMissing(Exception e) => e is NatsObjNotFoundException or NatsKVKeyNotFoundException
        || e is NatsJSApiException { Error: { } error } && error.ErrCode is StreamNotFound or ConsumerNotFound or MessageNotFound
        || e is NatsJSApiException { Error.Code: 404 } || e is NatsKVException && e.Message.Contains("not found", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether there is no room for what was sent.</summary>
    public static bool IsFull(Exception e) =>
        e is NatsJSApiException { Error.ErrCode: StorageExceeded or MemoryExceeded or Insufficient or StoreFailed or NoSpaceForConfig }
        || e.Message.Contains("maximum bytes", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("maximum messages", StringComparison.OrdinalIgnoreCase)
        || e.Message.Contains("insufficient", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("no space", StringComparison.OrdinalIgnoreCase);

    private static FarmException? Known(Exception e, FarmOptions options, string? what)
    {
        var said = e.Message.Replace("tls://", "", StringComparison.OrdinalIgnoreCase); // an address says nothing of what is wrong
        if (Has("authentication timeout", "authorization timeout"))
            return new($"The broker at {options} waited too long for this program to say who it is: one of the two machines is busy with other work.", e)
            {
                MayPass = true,
            };
        if (Has("authorization violation", "authentication", "user authentication revoked", "nonce"))
            return new($"The broker at {options} refuses these credentials; --farm-creds names a file with others.", e);
        if (Has("permissions violation"))
            return new($"The broker at {options} does not let this user do that: {FirstLine(e)}; docs/farm.md has the permissions of a server and of a worker.",
                e);
        if (e is NatsJSApiException { Error.ErrCode: NotEnabled or NotEnabledForAccount } || Has("jetstream not enabled")) return NoJetStream(options);
        if (options.Replicas > 1 && e is NatsJSApiException { Error.ErrCode: NoPeers or NotInACluster or Insufficient })
            return new($"The broker at {options} cannot keep {options.Replicas} copies of the queue (--farm-replicas): so many nats-servers must be "
                + $"there in one cluster ({FirstLine(e)}).", e)
            { MayPass = e is not NatsJSApiException { Error.ErrCode: NotInACluster } };
        if (IsFull(e))
            return new($"The broker at {options} has no room{(what is null ? "" : $" for {what}")}: {FirstLine(e)}; "
                + "give nats-server more disk (max_file_store) "
                + "or the queue more room (--farm-store).", e)
            { MayPass = true };
        if (Has("does not support tls"))
            return new($"The broker at {options} speaks no TLS: give nats-server a tls block with a certificate (docs/farm.md), or name it as nats:// "
                + "in place of tls:// and without --farm-ca.", e);
        if (Has("tls", "certificate", "ssl")) return Unencrypted(e, options);
        if (e is NatsJSApiException { Error.ErrCode: Unavailable } || e is NatsNoRespondersException || Has("no responders"))
            return new($"JetStream does not answer at {options}: a cluster may have no leader just now, or JetStream is off.", e) { MayPass = true };
        if (e is NatsNoReplyException)
            return new($"The broker at {options} leaves a question without an answer; where it has permissions, docs/farm.md has those that are needed.",
                e)
            { MayPass = true };
        return e is SocketException or TimeoutException || e is NatsException && Has("can not connect", "failed to connect", "connection", "timed out")
            ? new($"No broker answers at {options}: start nats-server there, or name another with --farm.", e) { MayPass = true } : null;

        bool Has(params string[] words) => Array.Exists(words, word => said.Contains(word, StringComparison.OrdinalIgnoreCase));
    }

    private static FarmException Unencrypted(Exception e, FarmOptions options) => new($"The connection to {options} cannot be encrypted: {FirstLine(e)}; "
        + "--farm-ca names the certificate of the authority that signed the broker's.", e);

    private static string FirstLine(Exception e) => e.Message.ReplaceLineEndings("\n").Split('\n')[0].TrimEnd('.');
}
