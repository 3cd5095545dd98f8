namespace Easel.Server.Library;

/// <summary>What a file in the model folders is good for.</summary>
public enum ModelUse
{
    /// <summary>It draws.</summary>
    Checkpoint,

    /// <summary>It only does the last steps of what a checkpoint began.</summary>
    Refiner,

    /// <summary>It enlarges pictures (ESRGAN).</summary>
    Upscaler,

    /// <summary>It mends the faces of pictures.</summary>
    FaceRestorer,

    /// <summary>It is an autoencoder, to stand in for a checkpoint's own.</summary>
    Vae,

    /// <summary>Easel has no use for it; <see cref="ModelEntry.Problem"/> says why.</summary>
    None,
}

/// <summary>A model in the folders, as its tensors describe it; nothing of it is loaded.</summary>
public sealed record ModelEntry
{
    /// <summary>The name in requests: the file's without its ending, and with its folder's where two have one name.</summary>
    public required string Name { get; init; }

    /// <summary>Where it lies.</summary>
    public required string Path { get; init; }

    /// <summary>What it is good for.</summary>
    public ModelUse Use { get; init; }

    /// <summary>What it takes and what it decides; null where it is no checkpoint.</summary>
    [JsonIgnore]
    public ModelInfo? Model { get; init; }

    /// <summary>The family, as "Stable Diffusion 1"; null where it is no checkpoint.</summary>
    public string? Family => Model?.Family;

    /// <summary>What the model takes beside a prompt, in a word: "plain", "inpainting", "depth" or "upscaler"; null where it is no checkpoint.</summary>
    public string? Task =>
        Model switch { null => null, { Enlarges: > 1 } => "upscaler", { TakesDepth: true } => "depth", { TakesMask: true } => "inpainting", _ => "plain" };

    /// <summary>The side in pixels that it was trained at; null where it is no checkpoint.</summary>
    public int? NativeSize => Model?.Defaults.Size;

    /// <summary>What it decides where a request says nothing; null where it is no checkpoint.</summary>
    public ModelDefaults? Defaults => Model?.Defaults;

    /// <summary>What mends faces with it, "GFPGAN" or "CodeFormer"; null for all others.</summary>
    public string? Restorer { get; init; }

    /// <summary>Bytes on disk.</summary>
    public long Bytes { get; init; }

    /// <summary>The number formats of its tensors, as "Float16".</summary>
    public string Precision { get; init; } = "";

    /// <summary>The SHA-256 of its file; null until it was computed, which the first picture drawn with it does.</summary>
    public string? Sha256 { get; init; }

    /// <summary>The first ten digits of <see cref="Sha256"/>.</summary>
    public string? Hash => Sha256?[..10];

    /// <summary>What was noticed on reading it.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Why it cannot be used; null where it can.</summary>
    public string? Problem { get; init; }

    /// <summary>Whether it is the small model that comes with Easel.</summary>
    public bool IsBuiltIn { get; init; }

    /// <summary>Whether it is that model, wherever it lies.</summary>
    internal bool IsSketch => Use == ModelUse.Checkpoint && (IsBuiltIn || Name.Equals("sketch", StringComparison.OrdinalIgnoreCase));
}
