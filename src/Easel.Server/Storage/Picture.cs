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
public sealed record PictureQuery
{
    /// <summary>Words that all are in the prompts, the model's or the sampler's name; the last letters of a word may be missing.</summary>
    public string? Words { get; init; }

    /// <summary>The model's name.</summary>
    public string? Model { get; init; }

    /// <summary>The sampler's name.</summary>
    public string? Sampler { get; init; }

    /// <summary>The seed.</summary>
    public long? Seed { get; init; }

    /// <summary>The number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>The width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>The height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>The job that made them.</summary>
    public string? Job { get; init; }

    /// <summary>A tag that they have.</summary>
    public string? Tag { get; init; }

    /// <summary>True for the deleted ones.</summary>
    public bool? Deleted { get; init; }

    /// <summary>Where an earlier page ended: its <see cref="PicturePage.Next"/>; null for the first page.</summary>
    public string? After { get; init; }

    /// <summary>How many to pass over, for whoever jumps to a place far down. Default 0.</summary>
    public int? Skip { get; init; }

    /// <summary>How many at most, 1 to 200. Default 50.</summary>
    public int? Count { get; init; }
}

/// <summary>Some pictures, the youngest first.</summary>
/// <param name="Pictures">The pictures.</param>
/// <param name="Next">What to ask for the next page with; null where there is none.</param>
/// <param name="Total">How many there are in all pages.</param>
public sealed record PicturePage(IReadOnlyList<Picture> Pictures, string? Next, int Total);
