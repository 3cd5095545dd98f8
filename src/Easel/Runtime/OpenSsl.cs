namespace Easel.Runtime;

/// <summary>On Linux .NET computes hashes with OpenSSL, which it does not bring along: where there is none, the first hash ends the process.</summary>
internal static class OpenSsl
{
    /// <summary>As .NET looks for them, the usual one first.</summary>
    private static readonly string[] Files = ["libssl.so.3", "libssl.so.4", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10", "libssl.so"];

    /// <summary>That it is missing, as a sentence; null where it is there.</summary>
    public static string? Lack() =>
        // Whoever sets that variable names a file of their own.
        !OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE") is { Length: > 0 }
            || Files.Any(file => NativeLibrary.TryLoad(file, out _)) ? null
            : "OpenSSL is not installed, which .NET needs on Linux: install the package libssl3 (Debian, Ubuntu) or openssl-libs (Fedora, RHEL).";
}
