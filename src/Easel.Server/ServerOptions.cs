using System.Net;
using System.Text;
using Easel.Farm;
using Easel.Hub;

namespace Easel.Server;

/// <summary>How the server runs. The defaults are those of one person on one machine.</summary>
public sealed record ServerOptions
{
    /// <summary>The address to listen on. Any other than a loopback address demands a <see cref="Token"/> or a <see cref="User"/>. Default 127.0.0.1.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port where nothing else is said: that of AUTOMATIC1111.</summary>
    public const int DefaultPort = 7860;

    /// <summary>The port; 0 for any that is free. Default <see cref="DefaultPort"/>.</summary>
    public int Port { get; init; } = DefaultPort;

    /// <summary>The path of a Unix socket to listen on in place of <see cref="Address"/> and <see cref="Port"/>; null for those. Default null.</summary>
    public string? UnixSocket { get; init; }

    /// <summary>Who may use the <see cref="UnixSocket"/>, besides what its folder allows. Default the user who runs the server.</summary>
    public UnixFileMode UnixSocketMode { get; init; } = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The path below which a proxy passes requests on, as "/easel", whether it takes it off or not; null for none. Default null.</summary>
    public string? BasePath { get; init; }

    /// <summary>The folder of the pictures; what the server keeps beside them is in its subfolder <c>.easel</c>. Default "outputs".</summary>
    public string OutputFolder { get; init; } = "outputs";

    /// <summary>Where models are, as <see cref="ModelFolders"/> takes it: folders, searched with their subfolders, among them those of AUTOMATIC1111 and
    /// ComfyUI and the Hugging Face cache; files <c>extra_model_paths.yaml</c>; single models. The first folder is where a person is told to put one.</summary>
    public IReadOnlyList<string> Models { get; init; } = ["models"];

    /// <summary>The model to draw with where a request names none: its name or path; null for the first that is found.</summary>
    public string? DefaultModel { get; init; }

    /// <summary>The small model to draw with where there is no other; null for none. Default is the one that comes with Easel.</summary>
    public string? SpareModel { get; init; } = BuiltInModel.Path;

    /// <summary>The files of the small tools, upscalers among them, that are there beside what the folders hold. Default are those that come with
    /// Easel.</summary>
    public IReadOnlyList<string> Tools { get; init; } = [.. BuiltInTool.All.Where(tool => tool.Kind == ModelKind.Upscaler).Select(tool => tool.Path)];

    /// <summary>Where models are fetched from when somebody who may asks for one; null for a server that fetches none. Default null.</summary>
    public HubSettings? Hub { get; init; }

    /// <summary>A file with a person's own styles as AUTOMATIC1111 writes it, which need not be there; null for none. Default "styles.csv".</summary>
    public string? StylesFile { get; init; } = "styles.csv";

    /// <summary>A folder of lists that prompts call as <c>__name__</c>, which need not be there; null for none. Default "wildcards".</summary>
    public string? WildcardsFolder { get; init; } = "wildcards";

    /// <summary>How models are loaded: device and precision, the folders of LoRAs and embeddings, a tiny autoencoder for previews.</summary>
    public LoadOptions Load { get; init; } = new();

    /// <summary>The farm that draws the jobs; null where this machine does it alone. Default null.</summary>
    public FarmOptions? Farm { get; init; }

    /// <summary>Whether this machine draws too where there is a <see cref="Farm"/>. Default true.</summary>
    public bool Draws { get; init; } = true;

    /// <summary>A secret that programs send as <c>Authorization: Bearer</c> and that opens the page; null for none.</summary>
    public string? Token { get; init; }

    /// <summary>A user's name for HTTP Basic authentication, together with <see cref="Password"/>; null for none.</summary>
    public string? User { get; init; }

    /// <summary>The password of <see cref="User"/>.</summary>
    public string? Password { get; init; }

    /// <summary>Origins such as <c>https://example.org</c> whose pages may use the APIs. None by default; there is no wildcard.</summary>
    public IReadOnlyList<string> Cors { get; init; } = [];

    /// <summary>Addresses of proxies that are believed when they say for whom a request is, whether it came encrypted, and below which path
    /// (<c>X-Forwarded-For</c>, <c>X-Forwarded-Proto</c>, <c>X-Forwarded-Prefix</c>). None by default; what comes through a
    /// <see cref="UnixSocket"/> is believed as such.</summary>
    public IReadOnlyList<IPAddress> Proxies { get; init; } = [];

    /// <summary>Names beside localhost, this machine's own and plain addresses by which the server may be called.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <summary>After how long without work the model is let go; null to keep it. Default null.</summary>
    public TimeSpan? UnloadAfter { get; init; }

    /// <summary>How long a stop waits for the running job before it is put back into the queue. Default 10 seconds.</summary>
    public TimeSpan StopPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How much is written to the log. Default <see cref="LogAmount.Info"/>.</summary>
    public LogAmount Log { get; init; } = LogAmount.Info;

    /// <summary>What a request may ask for at most.</summary>
    public ServerLimits Limits { get; init; } = new();

    /// <summary>Whether a caller must say who they are.</summary>
    public bool NeedsLogin => Token is not null || User is not null;

    /// <summary>The address alone: secrets do not belong into logs.</summary>
    public override string ToString() => UnixSocket ?? $"{Address}:{Port}";

    /// <summary>The folder that a person is told to put models into.</summary>
    public string ModelFolder => Models.FirstOrDefault(place => !File.Exists(place)) ?? "models";

    /// <summary>Where models are looked for: besides <see cref="Models"/> the cache that the page fetches into, which need not be there before.</summary>
    internal IReadOnlyList<string> ModelPlaces => Hub is { } hub && !Models.Contains(hub.CacheFolder) ? [.. Models, hub.CacheFolder] : Models;

    /// <summary>The options with the folders of LoRAs, embeddings and networks of control that lie among the models, where none are named.</summary>
    /// <exception cref="CheckpointException">A file extra_model_paths.yaml cannot be read.</exception>
    internal ServerOptions WithFolders()
    {
        if (Load is { LoraFolders.Count: > 0, EmbeddingFolders.Count: > 0, ControlFolders.Count: > 0 }) return this;
        var found = new ModelFolders(ModelPlaces);
        return this with
        {
            Load = Load with
            {
                LoraFolders = Load.LoraFolders is { Count: > 0 } loras ? loras : found.Of(ModelPurpose.Lora),
                EmbeddingFolders = Load.EmbeddingFolders is { Count: > 0 } embeddings ? embeddings : found.Of(ModelPurpose.Embedding),
                ControlFolders = Load.ControlFolders is { Count: > 0 } controls ? controls : found.Of(ModelPurpose.Control),
            },
        };
    }

    /// <summary>Checks what can be wrong before anything is started.</summary>
    /// <exception cref="EaselException">It cannot be run so.</exception>
    public void Validate()
    {
        Farm?.Validate();
        Limits.Validate();
        Load.Validate();
        if (!Draws && Farm is null) throw new EaselException("A server that does not draw needs a farm that does: give --farm too.");
        if (Port is < 0 or > 65535) throw new EaselException($"The port is {Port}; it must be from 0 to 65535.");
        if (User is null != Password is null) throw new EaselException("A user and a password go together; give both or neither.");
        if (Token is { Length: 0 } || User is { Length: 0 } || Password is { Length: 0 })
            throw new EaselException("A token, user or password may not be empty.");
        if (User?.Contains(':') == true) throw new EaselException("A user's name may not hold a colon, by which HTTP parts it from the password.");
        if (UnixSocket is { } socket && Encoding.UTF8.GetByteCount(Path.GetFullPath(socket)) > Server.UnixSocket.MostBytes)
            throw new EaselException($"The path of the socket, {Path.GetFullPath(socket)}, is too long; it may have {Server.UnixSocket.MostBytes} bytes.");
        if (BasePath is { } path && !Security.BasePath.IsOne(path))
            throw new EaselException($"The base path is \"{path}\"; it must look like /easel, without a slash at its end.");
        if (UnixSocket is null && !IPAddress.IsLoopback(Address) && !NeedsLogin)
            throw new EaselException($"Whoever reaches {Address} could use the server: give a --token, or a --user and a --password.");
        foreach (var origin in Cors)
        {
            if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")
                || uri.GetLeftPart(UriPartial.Authority) != origin.TrimEnd('/'))
                throw new EaselException($"\"{origin}\" is no origin; those look like https://example.org.");
        }
    }
}

/// <summary>How much the server tells of what it does.</summary>
public enum LogAmount
{
    /// <summary>A line for each job, and what is wrong.</summary>
    Info,

    /// <summary>What is wrong.</summary>
    Warning,

    /// <summary>What went wrong in Easel itself.</summary>
    Error,

    /// <summary>Nothing.</summary>
    None,
}

/// <summary>What a request may ask for at most.</summary>
public sealed record ServerLimits
{
    /// <summary>Steps where nothing else is said.</summary>
    public const int DefaultSteps = 200;

    /// <summary>Pictures of a job where nothing else is said.</summary>
    public const int DefaultImages = 100;

    /// <summary>Waiting jobs of a client where nothing else is said.</summary>
    public const int DefaultQueuedPerClient = 500;

    /// <summary>Bytes of a request's body. Default 64 MB.</summary>
    public long BodyBytes { get; init; } = 64L << 20;

    /// <summary>Pixels of a picture that is drawn. Default 2048 x 2048.</summary>
    public long Pixels { get; init; } = 2048 * 2048;

    /// <summary>Pixels of a picture that is sent. Default 4096 x 4096.</summary>
    public long InputPixels { get; init; } = 4096 * 4096;

    /// <summary>Pixels of all pictures that are sent with one request. Default four of 4096 x 4096.</summary>
    public long SentPixels { get; init; } = 4 * 4096 * 4096;

    /// <summary>Pixels of a picture that is enlarged. Default 8192 x 4096.</summary>
    public long EnlargedPixels { get; init; } = 8192 * 4096;

    /// <summary>Pixels of a sheet with many pictures. Default 8192 x 8192.</summary>
    public long SheetPixels { get; init; } = Imaging.GridSheet.MostPixels;

    /// <summary>Sampling steps. Default 200.</summary>
    public int Steps { get; init; } = DefaultSteps;

    /// <summary>Pictures of one job. Default 100.</summary>
    public int Images { get; init; } = DefaultImages;

    /// <summary>Characters of a prompt. Default 10,000.</summary>
    public int PromptLength { get; init; } = 10_000;

    /// <summary>Jobs that one client may have waiting. Default 500.</summary>
    public int QueuedPerClient { get; init; } = DefaultQueuedPerClient;

    /// <summary>Jobs that may wait in all. Default 5000.</summary>
    public int Queued { get; init; } = 5000;

    /// <summary>Megabytes of the waiting jobs of a client where nothing else is said.</summary>
    public const int DefaultQueuedMegabytes = 512;

    /// <summary>Bytes that the waiting jobs of one client may take, with the pictures they begin from. Default 512 MB.</summary>
    public long QueuedBytesPerClient { get; init; } = (long)DefaultQueuedMegabytes << 20;

    /// <summary>Bytes that all waiting jobs may take. Default 2 GB.</summary>
    public long QueuedBytes { get; init; } = 2L << 30;

    /// <summary>Bytes of a request's first line, and of its headers together. Fixed.</summary>
    public const int LineBytes = 8 << 10, HeaderBytes = 32 << 10;

    /// <summary>Connections at once, those that watch included. Default 1000.</summary>
    public int Connections { get; init; } = 1000;

    /// <summary>How long a connection may take to say what it wants. Default 15 seconds.</summary>
    public TimeSpan HeaderPatience { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Checks that something is left that may be asked for.</summary>
    /// <exception cref="EaselException">A limit is below one.</exception>
    internal void Validate()
    {
        foreach (var (what, value) in ((string, long)[])[("steps", Steps), ("pictures of a job", Images), ("pixels of a picture", Pixels),
            ("jobs that a client may have waiting", QueuedPerClient), ("bytes of a client's waiting jobs", QueuedBytesPerClient)])
            if (value < 1) throw new EaselException($"The server's limit of {what} is {value}; it must be at least 1.");
    }

    /// <summary>Bytes a second that a body must come with, after five seconds in which it need not. Default 1000.</summary>
    public double BodyRate { get; init; } = 1000;
}
