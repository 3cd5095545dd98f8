using Easel.Imaging;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>What is to be done.</summary>
public enum JobTask
{
    /// <summary>Draw what <see cref="JobRequest.Request"/> says; the x4 upscaler and depth models draw too.</summary>
    Draw,

    /// <summary>Enlarge <see cref="GenerationRequest.InitImage"/> with an ESRGAN network or by plain resampling; prompt and seed do not matter.</summary>
    Enlarge,

    /// <summary>Lay the pictures of other jobs out on a sheet; a grid (POST /api/grids) ends with one.</summary>
    Sheet,
}

/// <summary>A job as it is asked for: the library's request, and what to carry it out with.</summary>
public sealed record JobRequest
{
    /// <summary>Draw by default.</summary>
    public JobTask Task { get; init; }

    /// <summary>
    /// The name of a model in the library. For <see cref="JobTask.Enlarge"/> that of an upscaler, "lanczos" or "nearest". Null for the default one.
    /// </summary>
    public string? Model { get; init; }

    /// <summary>The name of another autoencoder in the library; null for the model's own.</summary>
    public string? Vae { get; init; }

    /// <summary>
    /// How many times wider and higher an enlarged picture is to be, above 0; null for the network's own, or 2 where plain. Width and height of the request go
    /// before it.
    /// </summary>
    public double? Scale { get; init; }

    /// <summary>For <see cref="JobTask.Enlarge"/>: the text inside the picture that is enlarged, which goes on with it; null for none.</summary>
    public string? Parameters { get; init; }

    /// <summary>For <see cref="JobTask.Enlarge"/>: networks that mend the faces of the enlarged picture, one after another. None by default.</summary>
    public IReadOnlyList<FaceStep> Faces { get; init; } = [];

    /// <summary>In which form its pictures are kept; null for PNG with the settings inside.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public KeptForm? File { get; init; }

    /// <summary>The request itself.</summary>
    public GenerationRequest Request { get; init; } = new();

    /// <summary>For <see cref="JobTask.Sheet"/>: what lies where; null for everything else.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SheetRequest? Sheet { get; init; }

    /// <summary>The form in which its pictures are kept.</summary>
    internal PictureForm Kept() => (File ?? new KeptForm()).Read();
}

/// <summary>A sheet of the pictures of other jobs.</summary>
public sealed record SheetRequest
{
    /// <summary>The ids of the jobs whose pictures lie at each place, in the order of the sheet; several pictures at one place are laid out in a
    /// square.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Places { get; init; } = [];

    /// <summary>The labels, and what stands between the pictures.</summary>
    public GridSheet Layout { get; init; } = new();

    /// <summary>In place of a grid: the jobs' pictures are tiles of one picture; null where they are not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TileLayout? Tiles { get; init; }

    /// <summary>Whether each layer is kept as a picture of its own too.</summary>
    public bool HasParts { get; init; }

    /// <summary>What the text in the sheet says beside the settings of its first picture.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Told { get; init; } = [];
}

/// <summary>Faces mended once.</summary>
/// <param name="Restorer">The name of a network in the library that mends faces.</param>
/// <param name="Visibility">How much of what was mended is seen, 0 to 1.</param>
/// <param name="Fidelity">How true the faces stay to what was there, 0 to 1, where it is a CodeFormer.</param>
public sealed record FaceStep(string Restorer, double Visibility = 1, double Fidelity = IUpscaler.DefaultFidelity);
