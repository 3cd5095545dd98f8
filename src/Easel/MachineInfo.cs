using System.Reflection;
using Easel.Kernels;
using Easel.Runtime;

namespace Easel;

/// <summary>What Easel meets on this machine and what it uses of it, for a person who reports a fault or wonders at a speed. Nothing in it is secret but the
/// names of folders.</summary>
public sealed record MachineInfo
{
    private MachineInfo() { }

    /// <summary>The system and its C library.</summary>
    public required string System { get; init; }

    /// <summary>The processor's name and model.</summary>
    public required string Processor { get; init; }

    /// <summary>The vector instructions that it has, of those that Easel knows how to use.</summary>
    public required IReadOnlyList<string> Vectors { get; init; }

    /// <summary>What computes: each kernel, and whether it is in use or why not.</summary>
    public required IReadOnlyList<string> Kernels { get; init; }

    /// <summary>Threads that libtorch computes with.</summary>
    public required int Threads { get; init; }

    /// <summary>Processors that this process may use.</summary>
    public required int Processors { get; init; }

    /// <summary>The libraries below, with their versions.</summary>
    public required IReadOnlyList<string> Libraries { get; init; }

    /// <summary>Bytes of memory that can still be taken without swapping.</summary>
    public required long MemoryFree { get; init; }

    /// <summary>Bytes of memory that this process may take in all, as the system or its container allows.</summary>
    public required long MemoryInAll { get; init; }

    /// <summary>Limits that the system sets to this process; empty where it does not tell.</summary>
    public required IReadOnlyList<string> Limits { get; init; }

    /// <summary>The folders that Easel writes to, and whether it can.</summary>
    public required IReadOnlyList<string> Folders { get; init; }

    /// <summary>Looks at the machine. Loads libtorch.</summary>
    /// <param name="cacheFolder">The folder of <see cref="LoadOptions.CacheFolder"/>.</param>
    /// <exception cref="EaselException">libtorch cannot be loaded.</exception>
    public static MachineInfo Read(string? cacheFolder = null)
    {
        NativeRuntime.Load();
        return new MachineInfo
        {
            System = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.RuntimeIdentifier}",
            Processor = Easel.Processor.Name,
            Vectors = [.. VectorsHere()],
            Kernels = [.. KernelsHere()],
            Threads = get_num_threads(),
            Processors = Environment.ProcessorCount,
            Libraries = [$"Easel {VersionOf(typeof(MachineInfo))}", RuntimeInformation.FrameworkDescription, $"libtorch {__version__}",
                $"TorchSharp {VersionOf(typeof(torch))}", $"SkiaSharp {VersionOf(typeof(SkiaSharp.SKCodec))}"],
            MemoryFree = Hardware.AvailableMemory(),
            MemoryInAll = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            Limits = [.. ProcessLimits.All()],
            Folders = [Described("cache", cacheFolder ?? CacheFolder.OfUser), Described("temporary files", Path.GetTempPath()),
                Described("current", Environment.CurrentDirectory)],
        };
    }

    /// <summary>The processor's name and model, told without libtorch being loaded.</summary>
    public static string ProcessorName => Easel.Processor.Name;

    /// <summary>A limit of this process, or a lack of this machine, with which nothing can be drawn, as a sentence; null where there is none. Asked first, it
    /// is the true cause of what would fail later and elsewhere.</summary>
    public static string? Shortage() => ProcessLimits.Shortage() ?? OpenSsl.Lack();

    private static IEnumerable<string> VectorsHere()
    {
        if (Avx2.IsSupported) yield return "AVX2";
        if (Fma.IsSupported) yield return "FMA";
        if (Avx512F.IsSupported) yield return "AVX-512";
        if (Easel.Processor.HasAvx512BFloat16) yield return "AVX512-BF16";
        if (Easel.Processor.HasBFloat16 && !Easel.Processor.HasAvx512BFloat16) yield return "AMX-BF16";
        if (global::System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported) yield return "NEON";
    }

    private static IEnumerable<string> KernelsHere()
    {
        yield return "packed layers (oneDNN): " + (OneDnn.Lacking is { } lacking ? $"not in use, for {lacking}" : "in use");
        yield return "attention and norms: " + (Singles512.IsSupported ? "with AVX-512" : Singles256.IsSupported ? "with AVX2" : "libtorch's own");
        yield return "attention in bf16: " + (BFloat16Product.IsSupported ? "machine code for AVX512-BF16"
            : BFloat16Product.IsForbidden ? "without machine code, for the system does not let code be made" : "no AVX512-BF16, so none of its own");
        yield return "graphics card: " + (cuda.is_available() ? $"{cuda.device_count()} with CUDA" : "none that this build can use");
    }

    private static string Described(string what, string folder)
    {
        var probe = Path.Combine(folder, $".{Guid.NewGuid():N}.part");
        try
        {
            if (!Directory.Exists(folder)) return $"{what}: {folder} (not there)";
            global::System.IO.File.WriteAllBytes(probe, [0]);
            global::System.IO.File.Delete(probe);
            return $"{what}: {folder}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{what}: {folder} (cannot be written: {WriteFailure.Reason(e).TrimEnd('.').Replace(probe, folder)})";
        }
    }

    private static string VersionOf(Type type) => type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? type.Assembly.GetName().Version?.ToString(3) ?? "";
}
