using Easel.Imaging;

namespace Easel.Server.Storage;

/// <summary>Where everything lies. Files are named by ids alone, so no text that somebody sent is ever part of a path.</summary>
public sealed class PictureFolder : IDisposable
{
    private const string HiddenName = ".easel";
    private FileStream? _lock;

    /// <summary>Names the folder; touches nothing.</summary>
    public PictureFolder(string root)
    {
        Root = Path.GetFullPath(root);
        Hidden = Path.Combine(Root, HiddenName);
        (Inputs, Thumbnails, Trash) = (Path.Combine(Hidden, "inputs"), Path.Combine(Hidden, "thumbnails"), Path.Combine(Hidden, "trash"));
        Database = Path.Combine(Hidden, "easel.db");
    }

    /// <summary>The folder of the pictures, with a subfolder for each day.</summary>
    public string Root { get; }

    /// <summary>What the server keeps beside them.</summary>
    public string Hidden { get; }

    /// <summary>Pictures that jobs begin from.</summary>
    public string Inputs { get; }

    /// <summary>Small copies.</summary>
    public string Thumbnails { get; }

    /// <summary>Deleted pictures, until they are purged.</summary>
    public string Trash { get; }

    /// <summary>The database's file.</summary>
    public string Database { get; }

    /// <summary>Makes the folders and takes them for this process.</summary>
    /// <exception cref="EaselException">They cannot be written, or another server has them.</exception>
    public void Open()
    {
        foreach (var folder in (string[])[Root, Hidden, Inputs, Thumbnails, Trash]) ImageFile.PrepareFolder(folder);
        try
        {
            _lock = new FileStream(Path.Combine(Hidden, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e) when (IsHeld(e))
        {
            throw new EaselException($"Another easel already works in {Root}; stop it, or give this one another folder with --output.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"The folder {Hidden} cannot be written: {e.Message.Split(" : '")[0].TrimEnd('.')}.", e);
        }
    }

    /// <summary>Whether another process holds the file: a sharing or lock violation of Windows, or what locks of Unix answer.</summary>
    private static bool IsHeld(IOException error) => OperatingSystem.IsWindows() ? (error.HResult & 0xFFFF) is 32 or 33
        : error.HResult is 11 or 35; // EAGAIN of Linux and of macOS

    /// <summary>Gives the folder free for another process.</summary>
    public void Dispose() => _lock?.Dispose();

    /// <summary>The id of a job's picture.</summary>
    public static string PictureId(string jobId, int index) => string.Create(CultureInfo.InvariantCulture, $"{jobId}-{index:0000}");

    /// <summary>Whether a text is the id of a job's picture.</summary>
    public static bool IsPictureId(ReadOnlySpan<char> text) =>
        text.Length is > JobId.Length + 4 and < JobId.Length + 10 && JobId.IsOne(text[..JobId.Length]) && text[JobId.Length] == '-'
        && !text[(JobId.Length + 1)..].ContainsAnyExceptInRange('0', '9');

    /// <summary>The file of a job's picture, relative to <see cref="Root"/>: <c>2025-08-17/ID.png</c>, the day being that of the job.</summary>
    /// <param name="ending">That of the form in which it is kept.</param>
    public static string FileOf(string pictureId, string ending = ".png") => Path.Combine(Day(JobId.TimeOf(pictureId)), pictureId + ending);

    /// <summary>The folder of a day's pictures.</summary>
    public string DayOf(DateTimeOffset time) => Path.Combine(Root, Day(time));

    /// <summary>The whole path of a file that the database names.</summary>
    public string PathOf(string file) => Path.Combine(Root, file);

    /// <summary>Where a deleted picture lies.</summary>
    public string TrashOf(string id, string file) => Path.Combine(Trash, id + Path.GetExtension(file));

    /// <summary>Where the small copy of a picture lies.</summary>
    public string ThumbnailOf(string id) => Path.Combine(Thumbnails, id + ".webp");

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
