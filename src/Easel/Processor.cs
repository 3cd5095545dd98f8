namespace Easel;

/// <summary>What the processor says of itself.</summary>
internal static class Processor
{
    /// <summary>Name and model.</summary>
    public static string Name { get; } = ReadName();

    /// <summary>Whether it has AVX512-BF16, among them VDPBF16PS.</summary>
    public static bool HasAvx512BFloat16 { get; } = Avx512F.IsSupported && Highest(0) >= 7 && (X86Base.CpuId(7, 1).Eax & 1 << 5) != 0;

    /// <summary>Whether it multiplies bf16 natively (AVX512-BF16 or AMX-BF16), so that bf16 is faster than fp32 and not slower.</summary>
    public static bool HasBFloat16 { get; } = HasAvx512BFloat16 || Highest(0) >= 7 && (X86Base.CpuId(7, 0).Edx & 1 << 22) != 0;

    /// <summary>The highest leaf of CPUID from this one on; 0 where there is none.</summary>
    private static uint Highest(uint first) => X86Base.IsSupported ? (uint)X86Base.CpuId(unchecked((int)first), 0).Eax : 0;

    private static string ReadName()
    {
        const uint Names = 0x80000000; // three leaves behind this one hold 16 letters each
        if (Highest(Names) < Names + 4) return RuntimeInformation.OSArchitecture.ToString();
        var name = new byte[48];
        for (var i = 0; i < 3; i++)
        {
            var (a, b, c, d) = X86Base.CpuId(unchecked((int)(Names + 2 + i)), 0);
            int[] registers = [a, b, c, d];
            MemoryMarshal.AsBytes(registers.AsSpan()).CopyTo(name.AsSpan(16 * i));
        }
        return $"{Encoding.ASCII.GetString(name).TrimEnd('\0').Trim()} {X86Base.CpuId(1, 0).Eax:x}";
    }
}
