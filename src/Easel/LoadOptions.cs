using Easel.Models;

namespace Easel;

/// <summary>How a model is to be loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>The number format. Default <see cref="Precision.Auto"/>.</summary>
    public Precision Precision { get; init; } = Precision.Auto;

    /// <summary>In how many bits weights are kept in memory, on the CPU. Default <see cref="WeightFormat.Auto"/>.</summary>
    public WeightFormat Weights { get; init; } = WeightFormat.Auto;

    /// <summary>"auto" (CUDA where present), "cpu", "cuda" or "cuda:1". Default "auto".</summary>
    public string Device { get; init; } = "auto";

    /// <summary>The original YAML configuration; null to take one lying beside the checkpoint, if any.</summary>
    public string? Config { get; init; }

    /// <summary>What the UNet predicts; null to have it recognised.</summary>
    public PredictionType? Prediction { get; init; }

    /// <summary>Whether to run the UNet's averaged (EMA) weights where a checkpoint holds both. Default false, as the original scripts do.</summary>
    public bool Ema { get; init; }

    /// <summary>A file with another text encoder (CLIP), or a folder of one, for a checkpoint that holds none or a worse one; null for the checkpoint's
    /// own.</summary>
    public string? TextEncoder { get; init; }

    /// <summary>A file with another autoencoder, or a folder of one; null for the checkpoint's own.</summary>
    public string? Vae { get; init; }

    /// <summary>A file with the tiny autoencoder (TAESD), which then decodes in place of the model's own: many times faster, a little coarser. Null for
    /// none.</summary>
    public string? TinyVae { get; init; }

    /// <summary>A file with the depth estimator (MiDaS DPT-Hybrid) for a depth model that does not hold one; null for none.</summary>
    public string? DepthModel { get; init; }

    /// <summary>Whether to compute with libtorch's own operators only, and not with Easel's faster layers: to compare, or where those are in doubt. Default
    /// false.</summary>
    public bool PlainKernels { get; init; }

    /// <summary>
    /// Bytes of memory that the model and its runs may take together; null for what the system has free. Where it is short, networks are let go when their part
    /// is done, and pictures are decoded in tiles.
    /// </summary>
    public long? MemoryLimit { get; init; }

    /// <summary>A folder that remembers, from one program to the next, how fast this machine is, from which the time of a run is foretold, and the fingerprints
    /// of model files; null to remember nothing beyond this program. <see cref="UserCacheFolder"/> is the customary one.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Where the programs of this person share such a folder: "~/.cache/easel" on Linux.</summary>
    public static string UserCacheFolder => Runtime.CacheFolder.OfUser;

    /// <summary>Threads that compute, from 1; null for as many processors as there are, and fewer where a model or a picture is so small that more would only
    /// be in each other's way. Pictures do not depend on it.</summary>
    public int? Threads { get; init; }

    /// <summary>Checks what can be wrong before a file is opened.</summary>
    /// <exception cref="InvalidRequestException">There cannot be so many threads, or so little memory.</exception>
    public void Validate()
    {
        Runtime.Threads.Check(this);
        if (MemoryLimit is <= 0)
            throw new InvalidRequestException(nameof(MemoryLimit), $"The limit on memory is {MemoryLimit} bytes; it must be more than 0.");
    }

    /// <summary>Whether the whole process gives way to every other program that wants the processor, from here on and for good. Default false.</summary>
    public bool LowPriority { get; init; }

    /// <summary>What is done with explicit pictures. It belongs to the loaded model, so that no request can turn it off. Default
    /// <see cref="SafetyAction.Off"/>.</summary>
    public SafetyAction Safety { get; init; }

    /// <summary>From which share on a picture is taken for explicit: for tests.</summary>
    internal double SafetyShare { get; init; } = Models.Tools.SafetyVerdict.Least;

    /// <summary>Folders of LoRAs, which prompts call as <c>&lt;lora:name:0.8&gt;</c>; of two of one name that of the folder named before counts. Default
    /// none.</summary>
    public IReadOnlyList<string> LoraFolders { get; init; } = [];

    /// <summary>Folders of networks of control (ControlNets, T2I-Adapters, IP-Adapters), which requests call by name. Default none.</summary>
    public IReadOnlyList<string> ControlFolders { get; init; } = [];

    /// <summary>A file or folder with CLIP's vision tower, which IP-Adapters look at pictures with; null for the folder image_encoder beside the
    /// adapter.</summary>
    public string? ImageEncoder { get; init; }

    /// <summary>Gives the network of a name that a request has as <see cref="GenerationRequest.HiresUpscaler"/>, which is let go after the run; null to take
    /// the name for the path of a file.</summary>
    public Func<string, IUpscaler>? Upscalers { get; init; }

    /// <summary>Gives the path of the model of a name that a request has as <see cref="GenerationRequest.Refiner"/>; null to take the name for the
    /// path.</summary>
    public Func<string, string>? Refiners { get; init; }

    /// <summary>Gives the path of the network of a name that a request has as <see cref="GenerationRequest.FaceRestorer"/>; null to take the name for the
    /// path.</summary>
    public Func<string, string>? FaceRestorers { get; init; }

    /// <summary>The families that a model may be of, those with the rarer signs first.</summary>
    internal IReadOnlyList<ModelFamily> Families { get; init; } = ModelFamily.All;

    /// <summary>Folders of textual-inversion embeddings, which prompts call by name. Default none.</summary>
    public IReadOnlyList<string> EmbeddingFolders { get; init; } = [];
}
