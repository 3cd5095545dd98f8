namespace Easel;

/// <summary>Times and sizes as people read them.</summary>
public static class Readable
{
    /// <summary>"0:07", "12:34" or "1:02:03", rounded up.</summary>
    public static string Clock(TimeSpan time)
    {
        var seconds = (long)Math.Ceiling(time.TotalSeconds);
        return seconds >= 3600 ? $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}" : $"{seconds / 60}:{seconds % 60:00}";
    }

    /// <summary>"4.2 s".</summary>
    public static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");

    /// <summary>"2.9 GB", or "0.4 MB" of what is small; of 2^30 and of 2^20 bytes.</summary>
    public static string Size(double bytes) =>
        bytes >= 1 << 28 ? Gigabytes(bytes) : string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):0.0} MB");

    /// <summary>"2.9 GB", of 2^30 bytes.</summary>
    public static string Gigabytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 30):0.0} GB");

    /// <summary>What is needed and what there is, where that is too little: "3.0 GB" and "1.0 GB", or "600 MB" and "583 MB" where both would
    /// read the same or what there is would read as nothing.</summary>
    internal static (string Needed, string Available) Shortfall(double needed, double available)
    {
        var (more, less) = (Gigabytes(needed), Gigabytes(available));
        if (more != less && available >= (1 << 30) / 10.0) return (more, less);
        return (string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(needed / (1 << 20)):#,0} MB"),
            string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(available / (1 << 20)):#,0} MB"));
    }
}
