using Easel.Imaging;

namespace Easel.Server.Jobs;

/// <summary>Enlarging without a network.</summary>
internal static class PlainEnlargement
{
    public const string Lanczos = "lanczos", Nearest = "nearest";
    public const double DefaultScale = 2;

    public static bool IsOne(string name) =>
        name.Equals(Lanczos, StringComparison.OrdinalIgnoreCase) || name.Equals(Nearest, StringComparison.OrdinalIgnoreCase);

    public static ResampleFilter FilterOf(string name) =>
        name.Equals(Nearest, StringComparison.OrdinalIgnoreCase) ? ResampleFilter.Nearest : ResampleFilter.Lanczos;
}
