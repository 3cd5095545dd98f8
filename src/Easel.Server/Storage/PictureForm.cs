using Easel.Imaging;
using Easel.Server.Errors;

namespace Easel.Server.Storage;

/// <summary>In which form a picture is handed out that is kept as a PNG.</summary>
/// <param name="Format">The format.</param>
/// <param name="Quality">Of JPEG and WebP, 1 to 100.</param>
/// <param name="HasText">Whether the settings stay inside.</param>
internal sealed record PictureForm(ImageFormat Format, int Quality, bool HasText)
{
    /// <summary>The cookie in which a browser keeps how its person wants downloads: "webp-90-text".</summary>
    public const string Cookie = "easel-download";

    private const int DefaultQuality = 95, LeastForWatermark = 90;

    /// <summary>The formats by their names.</summary>
    public static IReadOnlyList<string> Formats { get; } = ["png", "jpeg", "webp"];

    /// <summary>The form that is asked for; null for the file as it lies there.</summary>
    /// <exception cref="ServerException">A word or a number is none (400).</exception>
    public static PictureForm? Of(string? format, int? quality, bool? metadata)
    {
        if (format is null && quality is null && metadata is null) return null;
        if (quality is < 1 or > 100) throw Refused($"quality is {quality}; it must be from 1 to 100.");
        return new PictureForm(format?.ToLowerInvariant() switch
        {
            null or "png" => ImageFormat.Png,
            "jpeg" or "jpg" => ImageFormat.Jpeg,
            "webp" => ImageFormat.WebP,
            _ => throw Refused($"format is \"{format}\"; it must be one of {string.Join(", ", Formats)}."),
        }, quality ?? DefaultQuality, metadata ?? true);
    }

    /// <summary>The word for the form in which a picture is kept.</summary>
    public const string AsKept = "kept";

    /// <summary>What a browser's cookie says of a file; null for the file as it lies there.</summary>
    public static PictureForm? OfCookie(HttpRequest request, string path)
    {
        if (request.Cookies[Cookie]?.Split('-') is not [var format, var quality, var text] || format != AsKept && !Formats.Contains(format)
            || !int.TryParse(quality, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 1 or > 100) return null;
        var own = Path.GetExtension(path).TrimStart('.').ToLowerInvariant();
        var form = Of(format == AsKept ? own : format, number, text != "bare")!;
        return form.HasText && (format == AsKept || form.Format == ImageFormat.Png && own == "png") ? null : form;
    }

    /// <summary>The ending of its files.</summary>
    public string Ending => Format switch { ImageFormat.Jpeg => ".jpg", ImageFormat.WebP => ".webp", _ => ".png" };

    /// <summary>Whether it is the file as Easel makes one.</summary>
    public bool IsPlain => Format == ImageFormat.Png && HasText;

    /// <summary>Whether it spoils the watermark that may be in a picture.</summary>
    public bool LosesWatermark => Format == ImageFormat.WebP || Format == ImageFormat.Jpeg && Quality < LeastForWatermark;

    /// <summary>A file in this form.</summary>
    /// <param name="path">The file as it lies there.</param>
    /// <exception cref="EaselException">It cannot be read.</exception>
    public byte[] Make(string path) => ImageFile.Encode(ImageFile.Load(path), Format, HasText ? ImageFile.ReadMetadata(path) : null, Quality);

    /// <summary>A PNG in this form.</summary>
    /// <exception cref="EaselException">It cannot be read.</exception>
    public byte[] Make(byte[] png) => IsPlain ? png : ImageFile.Encode(ImageFile.Load(new MemoryStream(png, writable: false), "the picture"), Format,
        HasText ? ImageFile.ReadMetadata(new MemoryStream(png, writable: false), "the picture") : null, Quality);

    private static ServerException Refused(string sentence) => new(Status400BadRequest, sentence);
}

/// <summary>In which form a job's pictures are kept on disk.</summary>
public sealed record KeptForm
{
    /// <summary>"png", "jpeg" or "webp". Default "png", without loss.</summary>
    public string Format { get; init; } = "png";

    /// <summary>Of JPEG and WebP, 1 to 100. Default 95.</summary>
    public int Quality { get; init; } = 95;

    /// <summary>Whether the settings are inside the files; the gallery knows them either way. Default true.</summary>
    public bool Metadata { get; init; } = true;

    /// <exception cref="ServerException">A word or a number is none (400).</exception>
    internal PictureForm Read() => PictureForm.Of(Format, Quality, Metadata)!;
}
