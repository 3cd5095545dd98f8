using System.Text;
using Easel.Server.Errors;

namespace Easel.Server.Storage;

/// <summary>Makes the index of the pictures anew from the files, whoever made them: what <c>easel draw</c> put into the folder is found as well.</summary>
public static class GalleryRebuild
{
    private static readonly string[] Endings = [".png", ".jpg", ".jpeg", ".webp"];

    /// <summary>What came of it.</summary>
    /// <param name="Pictures">Pictures found, those in the trash included.</param>
    /// <param name="Unreadable">Files that are no pictures or damaged, and why.</param>
    /// <param name="SetAside">Where a damaged database was put; null where it was sound.</param>
    public sealed record Outcome(int Pictures, IReadOnlyList<string> Unreadable, string? SetAside);

    /// <summary>Reads the whole folder. Jobs that wait are kept where the database can be read.</summary>
    /// <param name="root">The folder of the pictures.</param>
    /// <param name="onProgress">Told the share that is read.</param>
    /// <param name="cancel">Ends it; the index is as it was.</param>
    /// <exception cref="EaselException">The folder is not there or cannot be written, a server works in it, or the database is busy or cannot be
    /// written.</exception>
    public static Outcome Run(string root, Action<double>? onProgress = null, CancellationToken cancel = default)
    {
        if (!Directory.Exists(root)) throw new EaselException($"There is no folder {root}.");
        using var folder = new PictureFolder(root);
        folder.Open();
        var setAside = SetAsideIfDamaged(folder);
        using var database = Database.Open(folder.Database);
        using var pictureReader = new PictureReader(new ServerLimits());
        var gallery = new Gallery(database, folder, pictureReader, TimeProvider.System);

        var deleted = gallery.Deleted().ToDictionary(picture => picture.Id);
        var (pictures, unreadable, done) = (new List<Picture>(), new List<string>(), 0);
        var files = FolderTree.Files(folder.Root, inner => inner != folder.Hidden, (path, why) => unreadable.Add($"{path} {why}."))
            .Where(path => Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase) && new FileInfo(path) is { Exists: true, Length: > 0 })
            .Order(StringComparer.Ordinal).ToList();
        var trash = Directory.EnumerateFiles(folder.Trash).ToList();

        foreach (var path in files) Read(path, () => Home(folder, path));
        foreach (var path in trash) Read(path, () => Trashed(folder, path, deleted));
        gallery.Replace(pictures);
        return new Outcome(pictures.Count, unreadable, setAside);

        void Read(string path, Func<Picture> read)
        {
            cancel.ThrowIfCancellationRequested();
            try
            {
                pictures.Add(read());
            }
            catch (EaselException e)
            {
                unreadable.Add(e.Message);
            }
            onProgress?.Invoke((double)++done / (files.Count + trash.Count));
        }
    }

    private static Picture Home(PictureFolder folder, string path)
    {
        var file = Path.GetRelativePath(folder.Root, path);
        var name = Path.GetFileNameWithoutExtension(path);
        var isOurs = PictureFolder.IsPictureId(name) && PictureFolder.FileOf(name, Path.GetExtension(path)) == file;
        return isOurs ? Picture.Read(folder, file, name, name[..JobId.Length]) : Picture.Read(folder, file, StrangersId(file), null);
    }

    private static Picture Trashed(PictureFolder folder, string path, Dictionary<string, Picture> deleted)
    {
        var id = Path.GetFileNameWithoutExtension(path);
        var known = deleted.GetValueOrDefault(id);
        var file = known?.File ?? (PictureFolder.IsPictureId(id) ? PictureFolder.FileOf(id, Path.GetExtension(path)) : Path.GetFileName(path));
        var picture = Picture.Read(folder, Path.GetRelativePath(folder.Root, path), id, PictureFolder.IsPictureId(id) ? id[..JobId.Length] : null);
        return picture with { File = file, Deleted = known?.Deleted ?? DateTimeOffset.UtcNow };
    }

    /// <summary>The same file has the same id however often the index is made.</summary>
    private static string StrangersId(string file) => "x" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(file.Replace('\\', '/'))))[..20];

    /// <summary>Only what is damaged is put aside: a database that is busy, or that may not be written now, is a good one.</summary>
    private static string? SetAsideIfDamaged(PictureFolder folder)
    {
        try
        {
            using var database = Database.Open(folder.Database, patience: 1);
            if (database.IsSound()) return null;
        }
        catch (DamagedDatabaseException)
        {
            // Put aside below.
        }
        var aside = $"{folder.Database}.damaged-{DateTime.UtcNow:yyyyMMddHHmmss}";
        try
        {
            // With its log, in which its last changes may be.
            foreach (var part in (string[])["", "-wal", "-shm"])
                if (File.Exists(folder.Database + part)) File.Move(folder.Database + part, aside + part);
            return aside;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"The damaged database {folder.Database} cannot be put aside: {e.Message}", e);
        }
    }
}
