using Easel.Imaging;

namespace Easel.Extensions.AI;

/// <summary>The names of picture formats in Microsoft.Extensions.AI.</summary>
internal static class Formats
{
    private static readonly (ImageFormat Format, string MediaType, string Extension)[] All =
        [(ImageFormat.Png, "image/png", "png"), (ImageFormat.Jpeg, "image/jpeg", "jpg"), (ImageFormat.WebP, "image/webp", "webp")];

    public static string MediaType(ImageFormat format) => All.First(row => row.Format == format).MediaType;

    public static string Extension(ImageFormat format) => All.First(row => row.Format == format).Extension;

    /// <summary>The format of a media type, PNG where none is asked for.</summary>
    /// <exception cref="InvalidRequestException">It is none that Easel writes.</exception>
    public static ImageFormat Of(string? mediaType)
    {
        if (mediaType is null) return ImageFormat.Png;
        foreach (var row in All)
            if (row.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase)) return row.Format;
        throw new InvalidRequestException(nameof(ImageGenerationOptions.MediaType),
            $"MediaType is '{mediaType}'; {string.Join(", ", All.Select(row => row.MediaType))} are allowed.");
    }
}
