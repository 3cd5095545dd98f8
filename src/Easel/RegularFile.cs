using System.Runtime.InteropServices;

namespace Easel;

/// <summary>Tells files from what only looks like one: opening a pipe waits for ever, and many a device has no end.</summary>
internal static unsafe partial class RegularFile
{
    private const int KindMask = 0xF000, Pipe = 0x1000, CharacterDevice = 0x2000, BlockDevice = 0x6000, Socket = 0xC000; // S_IFMT and its values
    private const int CurrentFolder = -100, KindOnly = 1; // AT_FDCWD, STATX_TYPE
    private const int LinuxMode = 28, MacMode = 4; // where the two structures have it
    private const int Room = 512; // more than either takes

    /// <summary>Why what stands at a path is not to be opened, to follow its name: "is a pipe, not a file"; null for files, for folders, and where the system
    /// does not say. Links are followed.</summary>
    public static string? WhyNot(string path)
    {
        if (!File.Exists(path)) return Lost(path);
        return (ModeOf(path) & KindMask) switch
        {
            Pipe => "is a pipe, not a file",
            Socket => "is a socket, not a file",
            CharacterDevice or BlockDevice => "is a device, not a file",
            _ => null,
        };
    }

    /// <summary>A link without an end is told from a file that is not there.</summary>
    private static string? Lost(string path)
    {
        try
        {
            return !Directory.Exists(path) && new FileInfo(path).LinkTarget is not null ? "is a link that leads to no file" : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private static int ModeOf(string path)
    {
        var facts = stackalloc byte[Room];
        try
        {
            if (OperatingSystem.IsLinux() && StatX(CurrentFolder, path, 0, KindOnly, facts) == 0) return *(ushort*)(facts + LinuxMode);
            if (OperatingSystem.IsMacOS() && Stat(path, facts) == 0) return *(ushort*)(facts + MacMode);
        }
        catch (EntryPointNotFoundException)
        {
            // A C library too old to say.
        }
        return 0;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, byte* facts);

    [LibraryImport("libc", EntryPoint = "stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, byte* facts);
}
