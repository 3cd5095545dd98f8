using Microsoft.Win32.SafeHandles;

namespace Easel.Kernels;

/// <summary>Operators that libtorch registers and TorchSharp does not bind, reached by a script module written in memory: TorchScript can name any registered
/// operator. The code is what torch.jit.save writes, a class "Operators" of one-line methods, read by libtorch's own parser of serialized code.</summary>
internal static partial class ScriptOperators
{
    /// <summary>Loads the module.</summary>
    /// <exception cref="ExternalException">This build of libtorch does not know a name in the code.</exception>
    /// <exception cref="IOException">There is no place for a file of a few kilobytes.</exception>
    public static jit.ScriptModule Load(string code)
    {
        var archive = Archive(code);
        return InMemory(archive) ?? InFolder(archive);
    }

    /// <summary>By a file that lies in memory alone, which Linux has: no folder must be there, or be writable. Null where there is no such thing.</summary>
    private static jit.ScriptModule? InMemory(byte[] archive)
    {
        if (!OperatingSystem.IsLinux() || !Directory.Exists("/proc/self/fd")) return null;
        try
        {
            using var file = new SafeFileHandle(CreateInMemory("easel-operators", 0), ownsHandle: true);
            if (file.IsInvalid) return null;
            RandomAccess.Write(file, archive, 0);
            return Loaded($"/proc/self/fd/{file.DangerousGetHandle()}");
        }
        catch (Exception e) when (e is EntryPointNotFoundException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static jit.ScriptModule InFolder(byte[] archive)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, archive);
            return Loaded(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static jit.ScriptModule Loaded(string path)
    {
        var operators = jit.load(path);
        operators.eval();
        return operators;
    }

    /// <summary>A TorchScript archive: a zip of stored entries with the code and a pickle of the one object, which has no attributes.</summary>
    private static byte[] Archive(string code)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add("data.pkl", "\u0080\u0002c__torch__\nOperators\n)\u0081}b."); // protocol 2, GLOBAL, EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, BUILD, STOP
            Add("code/__torch__.py", code);
            Add("constants.pkl", "\u0080\u0002).");
            Add("version", "6\n");

            void Add(string name, string content)
            {
                using var entry = zip.CreateEntry("operators/" + name, CompressionLevel.NoCompression).Open();
                entry.Write(Encoding.Latin1.GetBytes(content));
            }
        }
        return bytes.ToArray();
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateInMemory(string name, uint flags);
}
