using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Server.Storage;

/// <summary>A picture of the gallery.</summary>
public sealed record Picture
{
    /// <summary>Its name in the APIs: the job's id and the place in it, or, for a picture that came from elsewhere, letters of its own.</summary>
    public required string Id { get; init; }

    /// <summary>The job that made it; null for one that was found in the folder.</summary>
    public string? Job { get; init; }

    /// <summary>Its file, relative to the folder of the pictures.</summary>
    public required string File { get; init; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>Pixels per row.</summary>
    public int Width { get; init; }

    /// <summary>Rows.</summary>
    public int Height { get; init; }

    /// <summary>What it shows.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>What it should not show.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>Its seed, where its text tells.</summary>
    public long? Seed { get; init; }

    /// <summary>Its steps, where its text tells.</summary>
    public int? Steps { get; init; }

    /// <summary>Its sampler's name, where its text tells.</summary>
    public string? Sampler { get; init; }

    /// <summary>Its model's name, where its text tells.</summary>
    public string? Model { get; init; }

    /// <summary>The whole text inside it, AUTOMATIC1111's infotext; null where it has none.</summary>
    public string? Parameters { get; init; }

    /// <summary>The tags that people put on it, in their order; <see cref="Favourite"/> among them.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>The tag of what people like best.</summary>
    public const string Favourite = "favourite";

    /// <summary>When it was deleted; null while it is there.</summary>
    public DateTimeOffset? Deleted { get; init; }

    /// <summary>A picture as its file tells; its pixels are not decoded.</summary>
    /// <param name="file">Relative to the folder.</param>
    /// <exception cref="EaselException">It is no picture, or damaged.</exception>
    internal static Picture Read(PictureFolder folder, string file, string id, string? job)
    {
        var path = folder.PathOf(file);
        var parameters = ImageFile.ReadMetadata(path).Parameters;
        var (width, height) = ImageFile.SizeOf(path);
        return Of(id, job, file, System.IO.File.GetLastWriteTimeUtc(path), width, height, parameters);
    }

    /// <summary>A picture as its own text describes it.</summary>
    internal static Picture Of(string id, string? job, string file, DateTimeOffset created, int width, int height, string? parameters)
    {
        var text = Infotext.Parse(parameters ?? "");
        return new Picture
        {
            Id = id,
            Job = job,
            File = file,
            Created = created,
            Width = width,
            Height = height,
            Prompt = text.Prompt,
            NegativePrompt = text.NegativePrompt,
            Seed = long.TryParse(text["Seed"], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed) ? seed : null,
            Steps = int.TryParse(text["Steps"], NumberStyles.None, CultureInfo.InvariantCulture, out var steps) ? steps : null,
            Sampler = text["Sampler"],
            Model = text["Model"],
            Parameters = parameters,
        };
    }
}

/// <summary>Which pictures of the gallery are wanted; what is null does not matter.</summary>
/// <param name="Words">Words that all are in the prompts, the model's or the sampler's name; the last letters of a word may be missing.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Sampler">The sampler's name.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Steps">The number of steps.</param>
/// <param name="Width">The width in pixels.</param>
/// <param name="Height">The height in pixels.</param>
/// <param name="Job">The job that made them.</param>
/// <param name="Tag">A tag that they have.</param>
/// <param name="Deleted">True for the deleted ones.</param>
/// <param name="After">Where an earlier page ended: its <see cref="PicturePage.Next"/>; null for the first page.</param>
/// <param name="Skip">How many to pass over, for whoever jumps to a place far down. Default 0.</param>
/// <param name="Count">How many at most, 1 to 200. Default 50.</param>
public sealed record PictureQuery(string? Words = null, string? Model = null, string? Sampler = null, long? Seed = null, int? Steps = null, int? Width = null,
    int? Height = null, string? Job = null, string? Tag = null, bool Deleted = false, string? After = null, int Skip = 0, int Count = 50);

/// <summary>Some pictures, the youngest first.</summary>
/// <param name="Pictures">The pictures.</param>
/// <param name="Next">What to ask for the next page with; null where there is none.</param>
/// <param name="Total">How many there are in all pages.</param>
public sealed record PicturePage(IReadOnlyList<Picture> Pictures, string? Next, int Total);
