using System.Text.Encodings.Web;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Easel.Farm;

/// <summary>The protocol's version and how its records are written.</summary>
public static class FarmProtocol
{
    /// <summary>Server and workers must have the same: a request means the same pictures only between equals.</summary>
    public const int Version = 1;

    /// <summary>What a worker can draw without any model: resampling.</summary>
    public const string NoModel = "none";

    internal static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true, // half of a record is none
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { WholeLists.Modify } },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // read by programs alone
    };

    internal static byte[] Write<T>(T record) => JsonSerializer.SerializeToUtf8Bytes(record, Json);

    /// <summary>A record; null where what came is none, be it of another version or of another program on the same subject.</summary>
    internal static T? Read<T>(ReadOnlySpan<byte> bytes) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(bytes, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A file by its content, so that two machines mean the same by it.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Stamp">The first sixteen digits of its SHA-256; of a folder, that of its files' names and digests.</param>
public sealed record FarmFile(string Name, string Stamp);

/// <summary>What a worker must have for a piece of work.</summary>
/// <param name="Model">The model; its stamp is <see cref="FarmProtocol.NoModel"/> where none is needed.</param>
/// <param name="Memory">Bytes of memory, as far as is known.</param>
/// <param name="Others">Other files: LoRAs, control networks, an upscaler, another autoencoder.</param>
public sealed record FarmNeeds(FarmFile Model, long Memory, IReadOnlyList<FarmFile> Others)
{
    /// <summary>The class of all work with these needs, as a name at the broker.</summary>
    [JsonIgnore]
    public string ClassId
    {
        get
        {
            var text = string.Join('|', (string[])[Model.Stamp, MemoryStep(Memory).ToString(CultureInfo.InvariantCulture), .. Others.Select(file => file.Stamp)
                .Order(StringComparer.Ordinal)]);
            return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)))[..16];
        }
    }

    /// <summary>Bytes in steps of half a gigabyte, so that there are few classes.</summary>
    public static long MemoryStep(long bytes) => (bytes + (1L << 29) - 1) >> 29 << 29;

    /// <summary>What a worker lacks for it, in words; null where it lacks nothing.</summary>
    public string? LackOf(FarmWorkerInfo worker)
    {
        if (worker.Version != FarmProtocol.Version) return "the same version of Easel";
        if (Model.Stamp != FarmProtocol.NoModel && worker.Models.All(model => model.Stamp != Model.Stamp)) return $"the model {Model.Name}";
        foreach (var other in Others)
            if (worker.Others.All(file => file.Stamp != other.Stamp)) return other.Name;
        return worker.Memory < Memory ? string.Create(CultureInfo.InvariantCulture, $"{MemoryStep(Memory) / (double)(1 << 30):0.#} GB of memory") : null;
    }
}

/// <summary>A class of work, as the server tells the workers of it.</summary>
/// <param name="Needs">What it takes.</param>
/// <param name="Warm">How many workers have its model in memory now.</param>
public sealed record FarmClass(FarmNeeds Needs, int Warm);

/// <summary>All classes of work.</summary>
/// <param name="Classes">The classes.</param>
/// <param name="Workers">How many workers there are: the more, the less often each asks for work.</param>
public sealed record FarmTable(IReadOnlyList<FarmClass> Classes, int Workers);

/// <summary>An input picture of a job.</summary>
/// <param name="Name">What it is to the job: "init", "mask", "control0".</param>
/// <param name="Stored">Its name in the object store.</param>
/// <param name="Sha256">Its digest.</param>
public sealed record FarmInput(string Name, string Stored, string Sha256);

/// <summary>A part of a job that is drawn on one machine: a whole batch.</summary>
/// <param name="Job">The job.</param>
/// <param name="First">The place in the job of its first picture.</param>
/// <param name="Count">How many pictures it has.</param>
/// <param name="Needs">What it takes.</param>
/// <param name="Request">What is to be drawn, as the painter understands it.</param>
/// <param name="Inputs">The pictures that it begins from.</param>
public sealed record FarmTask(string Job, int First, int Count, FarmNeeds Needs, string Request, IReadOnlyList<FarmInput> Inputs)
{
    /// <summary>The protocol's version.</summary>
    public int Version { get; init; } = FarmProtocol.Version;
}

/// <summary>What came of a part of a job.</summary>
public enum FarmOutcome
{
    /// <summary>A picture of it is there; more will come.</summary>
    Picture,

    /// <summary>All of it is drawn.</summary>
    Done,

    /// <summary>It cannot be drawn, here or anywhere.</summary>
    Failed,

    /// <summary>It does not fit into this worker's memory.</summary>
    TooLarge,

    /// <summary>It was begun so often that it is given up.</summary>
    Parked,
}

/// <summary>What a worker says came of a part of a job.</summary>
/// <param name="Job">The job.</param>
/// <param name="First">The place in the job of the part's first picture.</param>
/// <param name="Outcome">What.</param>
/// <param name="Worker">Whose work it is.</param>
public sealed record FarmResult(string Job, int First, FarmOutcome Outcome, string Worker)
{
    /// <summary>The protocol's version.</summary>
    public int Version { get; init; } = FarmProtocol.Version;

    /// <summary>The place in the job of the picture that comes with it; null where none does.</summary>
    public int? Index { get; init; }

    /// <summary>Where the picture lies in the object store; null where it is in the message.</summary>
    public string? Stored { get; init; }

    /// <summary>The picture's digest.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Why it failed, in one sentence.</summary>
    public string? Error { get; init; }

    /// <summary>What the person should be told.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Bytes of memory that it needs; for <see cref="FarmOutcome.TooLarge"/>.</summary>
    public long Memory { get; init; }

    /// <summary>Seconds that it took.</summary>
    public double Seconds { get; init; }
}

/// <summary>How far a part of a job has come. The picture in the making, where somebody wants to see it, is what the message holds beside it.</summary>
/// <param name="Job">The job.</param>
/// <param name="First">The place in the job of the part's first picture.</param>
/// <param name="Worker">Whose work it is.</param>
/// <param name="Stage">What is being done, in the painter's words.</param>
/// <param name="Step">Steps done.</param>
/// <param name="StepCount">Steps in all.</param>
/// <param name="Share">The share that is done, 0 to 1.</param>
/// <param name="SecondsLeft">Seconds that the rest of the part will take; null before that can be told.</param>
public sealed record FarmProgress(string Job, int First, string Worker, string Stage, int Step, int StepCount, double Share, double? SecondsLeft = null)
{
    /// <summary>What went wrong on this try, after which another is made; null where nothing did.</summary>
    public string? Trouble { get; init; }
}

/// <summary>A worker as it tells of itself.</summary>
public sealed record FarmWorkerInfo
{
    /// <summary>Its own name at the broker.</summary>
    public required string Id { get; init; }

    /// <summary>What people call it: the machine's name where nothing else was said.</summary>
    public required string Name { get; init; }

    /// <summary>The protocol's version.</summary>
    public int Version { get; init; } = FarmProtocol.Version;

    /// <summary>The processor or card.</summary>
    public string Processor { get; init; } = "";

    /// <summary>The number format in which it draws, as far as that was said.</summary>
    public string Precision { get; init; } = "";

    /// <summary>Bytes of memory that its work may take.</summary>
    public long Memory { get; init; }

    /// <summary>The models it has.</summary>
    public IReadOnlyList<FarmFile> Models { get; init; } = [];

    /// <summary>Other files it has: LoRAs, control networks, upscalers, autoencoders.</summary>
    public IReadOnlyList<FarmFile> Others { get; init; } = [];

    /// <summary>The stamp of the model in its memory; null for none.</summary>
    public string? Loaded { get; init; }

    /// <summary>The job that it draws; null for none.</summary>
    public string? Job { get; init; }

    /// <summary>Pictures drawn since it began.</summary>
    public long Pictures { get; init; }

    /// <summary>Pictures a minute lately, while it drew; null before it has drawn.</summary>
    public double? Rate { get; init; }
}

/// <summary>What a queue is: written by its server.</summary>
/// <param name="Version">The protocol's version.</param>
/// <param name="Server">The server's own name, kept with its folder.</param>
/// <param name="Machine">The machine that it runs on.</param>
/// <param name="AckWait">Seconds that a worker may be silent.</param>
/// <param name="Tries">How often a part is begun.</param>
/// <param name="InlineBytes">Bytes of the largest picture that travels in a message.</param>
/// <param name="Presence">Seconds that a worker counts as there.</param>
public sealed record FarmFacts(int Version, string Server, string Machine, double AckWait, int Tries, int InlineBytes, double Presence)
{
    /// <summary>Those of a queue that this machine serves.</summary>
    internal static FarmFacts Of(string server, FarmOptions options) => new(FarmProtocol.Version, server, Environment.MachineName,
        options.AckWait.TotalSeconds, options.Tries, options.InlineBytes, options.Presence.TotalSeconds);
}
