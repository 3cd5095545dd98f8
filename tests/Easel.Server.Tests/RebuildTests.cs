using Easel.Imaging;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that <c>easel gallery rebuild</c> tells a full disk and a forbidden folder as what they are, and leaves the index as it was. The disk is a
/// small one in memory where one can be mounted; a user without that right has permissions, which the administrator has not.</summary>
public sealed class RebuildTests : IDisposable
{
    private const int Pictures = 200;

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _mounted = [];

    public void Dispose()
    {
        foreach (var place in _mounted) OtherProgram.Does("umount", place);
        _folder.Dispose();
    }

    [Fact]
    public void AFullDiskIsToldAndTheIndexIsAsItWas()
    {
        var root = Directory.CreateDirectory(_folder.Path("small")).FullName;
        Assert.SkipUnless(Mount(root, "size=4m"), "no small disk can be mounted here");
        Fill(root);
        Assert.Equal(Pictures, GalleryRebuild.Run(root).Pictures);
        var filler = Path.Combine(root, "filler");
        var told = 0;
        foreach (var leave in (int[])[0, 4, 20, 40, 60])
        {
            TakeAllBut(filler, leave << 10);
            try
            {
                Assert.Equal(Pictures, GalleryRebuild.Run(root).Pictures);
            }
            catch (EaselException e)
            {
                Assert.Contains("disk is full", e.Message);
                told++;
            }
            File.Delete(filler);
            Assert.Empty(Directory.GetFiles(Path.Combine(root, ".easel"), "*damaged*"));
            Assert.Equal(Pictures, Indexed(root));
        }
        Assert.InRange(told, 3, 5);
        Assert.Equal(new GalleryRebuild.Outcome(Pictures, [], null).Pictures, GalleryRebuild.Run(root).Pictures);
    }

    [Fact]
    public void AForbiddenFolderIsToldAndNothingIsPutAside()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the folder is closed as Unix does it");
        var root = Directory.CreateDirectory(_folder.Path("closed")).FullName;
        var isMounted = Environment.IsPrivilegedProcess;
        Assert.SkipUnless(!isMounted || Mount(root, "size=4m"), "an administrator may write anywhere, and no disk that may not be written can be mounted here");
        Fill(root);
        GalleryRebuild.Run(root);
        var hidden = Path.Combine(root, ".easel");
        var before = Directory.GetFiles(hidden);
        Close(true);
        var refused = Assert.Throws<EaselException>(() => GalleryRebuild.Run(root));
        Close(false);
        Assert.Matches("Pictures cannot be saved in|cannot be written", refused.Message);
        Assert.Equal(before, Directory.GetFiles(hidden));
        Assert.Equal(Pictures, Indexed(root));
        Assert.Null(GalleryRebuild.Run(root).SetAside);

        void Close(bool isClosed)
        {
            if (isMounted) Assert.True(OtherProgram.Does("mount", "-o", "remount," + (isClosed ? "ro" : "rw"), root));
            else if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(hidden, UnixFileMode.UserRead | UnixFileMode.UserExecute
                | (isClosed ? UnixFileMode.None : UnixFileMode.UserWrite));
        }
    }

    private static void Fill(string root)
    {
        for (var i = 0; i < Pictures; i++)
        {
            using var file = File.Create(Path.Combine(root, $"{i}.png"));
            file.Write(ImageFile.Encode(new RgbImage(8, 8), ImageFormat.Png,
                new ImageMetadata($"a cat {new string('x', 200)}\nSteps: 2, Seed: {i}, Size: 8x8")));
        }
    }

    private static void TakeAllBut(string filler, long leave)
    {
        using var file = File.Create(filler);
        var block = new byte[1024];
        try
        {
            for (var room = new DriveInfo(Path.GetDirectoryName(filler)!).AvailableFreeSpace - leave; room > 0; room -= block.Length) file.Write(block);
        }
        catch (IOException)
        {
            // As full as it gets.
        }
    }

    private static int Indexed(string root)
    {
        using var database = Database.Open(Path.Combine(root, ".easel", "easel.db"));
        return database.Read(connection => Database.Query(connection, "SELECT count(*) FROM pictures", row => row.GetInt32(0)))[0];
    }

    private bool Mount(string place, string options)
    {
        if (!OtherProgram.Does("mount", "-t", "tmpfs", "-o", options, "tmpfs", place)) return false;
        _mounted.Add(place);
        return true;
    }
}
