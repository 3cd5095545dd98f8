using System.Diagnostics.CodeAnalysis;
using System.Runtime.Loader;
using System.Security.Cryptography;

namespace Easel.Runtime;

/// <summary>
/// Loads TorchSharp's shim where the machine's C++ library is older than the one it was linked with. libLibTorchSharp.so of TorchSharp 0.107 demands the symbol
/// version GLIBCXX_3.4.32, though no relocation uses the one symbol that carries it; Debian 12, Ubuntu 22.04 and RHEL 9 have an older libstdc++ and refuse the
/// file. A copy in memory, in which that one need is marked as weak, they take. The file is left as it is.
/// </summary>
internal static partial class OldCppLibrary
{
    private const string Shim = "LibTorchSharp", FileName = "libLibTorchSharp.so", Version = "GLIBCXX_3.4.32";

    /// <summary>Nothing but the file that is known is changed.</summary>
    private const string Sha256OfShim = "cf33b1b0bb6bbb9754a768fb5c5d04d9f498603be50e73f55621a0b40ee608b8";

    private const int SectionVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort WeakFlag = 0x2;                // VER_FLG_WEAK

    /// <summary>The shim is asked for by whoever touches a tensor first, be it a program that uses TorchSharp beside Easel: so this is in place before any
    /// method of this assembly runs, and costs nothing until the system itself has refused the file.</summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "See above: no other moment is early enough for all callers.")]
    internal static void Watch()
    {
        if (OperatingSystem.IsLinux()) AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => name == Shim ? Load() : 0;
        if (OperatingSystem.IsMacOS()) AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => LoadBesideOpenMp(name);
    }

    /// <summary>libtorch_cpu.dylib asks for OpenMP under the path that Homebrew has it at, though it lies beside. A library that is loaded already is found by
    /// the name that it was built with, which is that path.</summary>
    private static nint LoadBesideOpenMp(string name)
    {
        var file = name.StartsWith("lib", StringComparison.Ordinal) ? name : "lib" + name;
        if (!file.EndsWith(".dylib", StringComparison.Ordinal)) file += ".dylib";
        if (Folders().FirstOrDefault(folder => File.Exists(Path.Combine(folder, file))) is not { } folder) return 0;
        if (!NativeLibrary.TryLoad(Path.Combine(folder, "libomp.dylib"), out _)) return 0;
        return NativeLibrary.TryLoad(Path.Combine(folder, file), out var library) ? library : 0;
    }

    private static nint Load()
    {
        if (Folders().Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists) is not { } path) return 0;
        try
        {
            var file = File.ReadAllBytes(path);
            if (!Convert.ToHexString(SHA256.HashData(file)).Equals(Sha256OfShim, StringComparison.OrdinalIgnoreCase)) return 0;
            if (!Weaken(file, Version)) return 0;

            // What it needs is found beside a file, and a copy in memory has no such place: its libraries are there before it.
            foreach (var needed in (ReadOnlySpan<string>)["libc10.so", "libtorch_cpu.so", "libtorch.so"])
                foreach (var folder in Folders())
                    if (File.Exists(Path.Combine(folder, needed))) _ = NativeLibrary.TryLoad(Path.Combine(folder, needed), out _);
            return InMemory(file) ?? InFolder(file);
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            return 0; // TorchSharp says that it found nothing, and NativeRuntime says it in one sentence
        }
    }

    /// <summary>Where the runtime looks for native files: beside the program, and in the packages where it runs from those.</summary>
    private static IEnumerable<string> Folders() =>
        (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append(AppContext.BaseDirectory).Distinct(StringComparer.Ordinal);

    private static nint? InMemory(byte[] file)
    {
        try
        {
            var descriptor = CreateInMemory(FileName, 0);
            if (descriptor < 0) return null;
            using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
            RandomAccess.Write(handle, file, 0);
            return NativeLibrary.TryLoad(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}"), out var library) ? library : null;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or IOException)
        {
            return null; // a kernel or a C library without memfd_create
        }
    }

    private static nint InFolder(byte[] file)
    {
        var path = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"easel-{Guid.NewGuid():N}.so"));
        try
        {
            File.WriteAllBytes(path, file);
            return NativeLibrary.Load(path);
        }
        finally
        {
            File.Delete(path); // what is loaded stays
        }
    }

    /// <summary>Sets the weak flag (VER_FLG_WEAK) on every entry of the .gnu.version_r section of a 64-bit little-endian ELF library that needs one symbol
    /// version, so that the loader warns about a missing version in place of refusing the file. See the chapter "Symbol Versioning" of the Linux Standard Base:
    /// Elfxx_Verneed and Elfxx_Vernaux.</summary>
    /// <param name="file">The library, changed in place.</param>
    /// <param name="version">The version's name.</param>
    /// <returns>Whether there was such an entry.</returns>
    internal static bool Weaken(Span<byte> file, string version)
    {
        try
        {
            return WeakenIn(file, Encoding.ASCII.GetBytes(version));
        }
        catch (ArgumentOutOfRangeException)
        {
            return false; // an offset leads out of the file
        }
    }

    private static bool WeakenIn(Span<byte> file, ReadOnlySpan<byte> version)
    {
        if (file.Length < 64 || !file.StartsWith((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1])) return false;
        var found = false;
        var (sections, count) = (Long(file, 0x28), Short(file, 0x3c));
        for (var i = 0; i < count; i++)
        {
            var section = sections + 64 * i;
            if (Int(file, section + 4) != SectionVersionNeeds) continue;

            var names = Long(file, sections + 64 * Int(file, section + 40) + 24);
            for (int need = Long(file, section + 24), next; ; need += next)
            {
                var entry = need + Int(file, need + 8);
                for (int k = 0, entries = Short(file, need + 2); k < entries; k++)
                {
                    var name = file[(names + Int(file, entry + 8))..];
                    if (name.Length > version.Length && name.StartsWith(version) && name[version.Length] == 0)
                    {
                        file[entry + 4] |= (byte)WeakFlag;
                        found = true;
                    }
                    entry += Int(file, entry + 12);
                }
                next = Int(file, need + 12);
                if (next <= 0) break;
            }
        }
        return found;
    }

    private static int Long(ReadOnlySpan<byte> file, int at) => (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt64LittleEndian(file[at..]));

    private static int Int(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadInt32LittleEndian(file[at..]);

    private static int Short(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file[at..]);

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateInMemory(string name, uint flags);
}
