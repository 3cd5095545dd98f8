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

    private const int DefaultQuality = 95;

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

    /// <summary>What a browser's cookie says; null for the file as it lies there.</summary>
    public static PictureForm? OfCookie(HttpRequest request) => request.Cookies[Cookie]?.Split('-') is [var format, var quality, var text]
        && Formats.Contains(format) && int.TryParse(quality, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 100
        && (format != "png" || text == "bare") ? Of(format, number, text != "bare") : null;

    /// <summary>The ending of its files.</summary>
    public string Ending => Format switch { ImageFormat.Jpeg => ".jpg", ImageFormat.WebP => ".webp", _ => ".png" };

    /// <summary>A file in this form.</summary>
    /// <param name="path">The file as it lies there.</param>
    /// <exception cref="EaselException">It cannot be read.</exception>
    public byte[] Make(string path) => ImageFile.Encode(ImageFile.Load(path), Format, HasText ? ImageFile.ReadMetadata(path) : null, Quality);

    private static ServerException Refused(string sentence) => new(Status400BadRequest, sentence);
}
