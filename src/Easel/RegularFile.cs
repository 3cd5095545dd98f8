namespace Easel;

/// <summary>Tells files from what only looks like one: opening a pipe waits for ever, and many a device has no end.</summary>
internal static unsafe partial class RegularFile
{
    private const int KindMask = 0xF000, Pipe = 0x1000, CharacterDevice = 0x2000, BlockDevice = 0x6000, Socket = 0xC000; // S_IFMT and its values
    private const int CurrentFolder = -100, KindOnly = 1; // AT_FDCWD, STATX_TYPE
    private const int LinuxMode = 28, MacMode = 4; // where the two structures have it
    private const int Lost = -1;
    private const int Room = 512; // more than either takes

    /// <summary>Why what stands at a path is not to be opened, to follow its name: "is a pipe, not a file"; null for files, for folders, and where the system
    /// does not say. Links are followed.</summary>
    public static string? WhyNot(string path)
    {
        var mode = ModeOf(path);
        return mode == Lost ? (IsLink(path) ? "is a link that leads to no file" : null) : (mode & KindMask) switch
        {
            Pipe => "is a pipe, not a file",
            Socket => "is a socket, not a file",
            CharacterDevice or BlockDevice => "is a device, not a file",
            _ => null,
        };
    }

    private static bool IsLink(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>The kind of what a path leads to; <see cref="Lost"/> where that is nothing, 0 where the system does not say.</summary>
    private static int ModeOf(string path)
    {
        var facts = stackalloc byte[Room];
        try
        {
            if (OperatingSystem.IsLinux()) return StatX(CurrentFolder, path, 0, KindOnly, facts) == 0 ? *(ushort*)(facts + LinuxMode) : Lost;
            if (OperatingSystem.IsMacOS()) return Stat(path, facts) == 0 ? *(ushort*)(facts + MacMode) : Lost;
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
