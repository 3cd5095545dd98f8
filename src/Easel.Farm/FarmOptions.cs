namespace Easel.Farm;

/// <summary>Where the farm is and how it is worked with. The defaults are those of machines in one house.</summary>
public sealed record FarmOptions
{
    /// <summary>The brokers, as <c>nats://host:4222</c>, or <c>tls://</c> for an encrypted connection; several of one cluster parted by commas.</summary>
    public required string Url { get; init; }

    /// <summary>The name of the queue: all its subjects and stores begin with it, so that one broker can serve several. Default "easel".</summary>
    public string Name { get; init; } = "easel";

    /// <summary>A file that says who one is: a NATS creds file, an NKey's seed, or one line <c>user:password</c>; null where the broker asks nobody.</summary>
    public string? Credentials { get; init; }

    /// <summary>A file with the certificate of the authority that signed the broker's; null for those that the system trusts.</summary>
    public string? Authority { get; init; }

    /// <summary>How long a worker may be silent before what it draws is given to another. Default 30 seconds.</summary>
    public TimeSpan AckWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a worker counts as there after it was heard of. Default 15 seconds.</summary>
    public TimeSpan Presence { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a part of a job is begun before it is given up. Default 5.</summary>
    public int Tries { get; init; } = 5;

    /// <summary>Pictures up to so many bytes travel in the message that tells of them, larger ones through the object store. Default 256 KB.</summary>
    public int InlineBytes { get; init; } = 256 << 10;

    /// <summary>Bytes that each of the stores of pictures on their way may take at the broker; null for what it allows.</summary>
    public long? StoreBytes { get; init; }

    /// <summary>Copies that a cluster can keep at most, which is JetStream's bound.</summary>
    public const int MostReplicas = 5;

    /// <summary>Copies that a cluster keeps of everything, 1 to <see cref="MostReplicas"/>. Default 1.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>How long an answer of the broker is waited for.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The address, without a password that may stand in it.</summary>
    public override string ToString() => string.Join(',', Servers.Select(server =>
        $"{server.Scheme}://{server.Host}:{(server.Port > 0 ? server.Port : 4222)}"));

    internal IEnumerable<Uri> Servers => Url.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part =>
        Uri.TryCreate(part.Contains("://", StringComparison.Ordinal) ? part : "nats://" + part, UriKind.Absolute, out var server)
        && server.Scheme is "nats" or "tls" or "ws" or "wss" && server.Host.Length > 0
            ? server : throw new FarmException($"\"{part}\" is no broker's address; those look like nats://host:4222."));

    /// <summary>Checks what can be wrong before anything is connected.</summary>
    /// <exception cref="FarmException">It cannot be worked with so.</exception>
    public void Validate()
    {
        if (Servers.ToList().Count == 0) throw new FarmException("The farm's address is empty; it looks like nats://host:4222.");
        if (Name.Length is 0 or > 32 || Name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
            throw new FarmException($"The farm's name is \"{Name}\"; it must be 1 to 32 letters, digits, - and _.");
        if (Replicas is < 1 or > MostReplicas)
            throw new FarmException($"The farm's number of copies is {Replicas}; it must be from 1 to {MostReplicas}.");
        foreach (var file in (string?[])[Credentials, Authority])
            if (file is not null && !File.Exists(file)) throw new FarmException($"There is no file {file}.");
    }

    /// <summary>What the client of NATS is to be told.</summary>
    internal NatsOpts ToNats(string client) => NatsOpts.Default with
    {
        Url = string.Join(',', Servers.Select(server => server.ToString().TrimEnd('/'))),
        Name = client,
        AuthOpts = Auth(),
        TlsOpts = Servers.Any(server => server.Scheme is "tls" or "wss") || Authority is not null
            ? new NatsTlsOpts { CaFile = Authority, Mode = TlsMode.Require } : NatsTlsOpts.Default,
        InboxPrefix = $"_INBOX.{Name}.{(client.StartsWith(FarmWorker.Client, StringComparison.Ordinal) ? "worker" : "server")}", // answers are nobody else's
        ConnectTimeout = TimeSpan.FromSeconds(5),
        RequestTimeout = Patience,
        PingInterval = TimeSpan.FromSeconds(10),
        MaxPingOut = 2,
        ReconnectWaitMin = TimeSpan.FromMilliseconds(250),
        ReconnectWaitMax = TimeSpan.FromSeconds(5),
        IgnoreAuthErrorAbort = true,
        SubPendingChannelCapacity = 4096,
    };

    private NatsAuthOpts Auth()
    {
        if (Credentials is not { } path) return NatsAuthOpts.Default;
        if (new FileInfo(path).Length > 64 << 10) throw new FarmException($"{path} has more than 64 KB; a file with credentials is shorter.");
        var text = File.ReadAllText(path).Trim();
        if (text.Contains("-----BEGIN NATS USER JWT-----", StringComparison.Ordinal)) return new NatsAuthOpts { CredsFile = path };
        if (text.StartsWith("SU", StringComparison.Ordinal) && !text.Contains(':', StringComparison.Ordinal))
        {
            try
            {
                return new NatsAuthOpts { Seed = text, NKey = NATS.NKeys.KeyPair.FromSeed(text).GetPublicKey() };
            }
            catch (NATS.NKeys.NKeysException e)
            {
                throw new FarmException($"{path} holds no NKey's seed, though it begins like one: {e.Message}", e);
            }
        }
        return text.Split(':', 2) is [{ Length: > 0 } user, { Length: > 0 } password] && !text.Contains('\n', StringComparison.Ordinal)
            ? new NatsAuthOpts { Username = user, Password = password }
            : throw new FarmException($"{path} holds no credentials: it must be a NATS creds file, an NKey's seed, or one line user:password.");
    }
}
