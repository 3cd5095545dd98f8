using System.Collections.Concurrent;
using static Easel.Kernels.MachineCode.Register;

namespace Easel.Kernels;

/// <summary>
/// The inner loop of both products of <see cref="AttentionBlockBFloat16"/>, as machine code made at run time:
/// <code>
/// for each tile:                                  // five rows of the sums and of b
///     for i below count:                          // pairs of bf16 along the summed dimension
///         sums[row, 64] += a[i, 64] · b[row, i]   // VDPBF16PS, four vectors of 16 lanes for each row
///     largest[64] = max(largest, sums)            // where asked for
/// </code>
/// 20 accumulators, four vectors of a, four broadcasts of b and four maxima are the 32 registers.
/// </summary>
internal sealed unsafe class BFloat16Product
{
    public const int Tile = 5;

    private const int Vectors = FlashAttention.Queries / 16;
    private const int VectorBytes = 64;
    private const int RowBytes = Vectors * VectorBytes;
    private const int FirstOfA = Tile * Vectors; // registers: accumulators from 0, then a, b, maxima
    private const int FirstOfB = FirstOfA + Vectors;
    private const int FirstMaximum = FirstOfB + 4;

    private static readonly ConcurrentDictionary<(int, int, bool, bool), BFloat16Product?> Made = new();

    private readonly delegate* unmanaged[SuppressGCTransition]<void*, void*, float*, long, long, float*, void> _code;

    private BFloat16Product(void* code) => _code = (delegate* unmanaged[SuppressGCTransition]<void*, void*, float*, long, long, float*, void>)code;

    /// <summary>Whether the processor has AVX512-BF16, the system calls functions in the way that the code expects (not Windows), and the person has not
    /// switched it off (EASEL_MACHINE_CODE=0).</summary>
    public static bool IsSupported { get; } = !OperatingSystem.IsWindows() && RuntimeInformation.ProcessArchitecture == Architecture.X64
        && Processor.HasAvx512BFloat16
        && Environment.GetEnvironmentVariable("EASEL_MACHINE_CODE") != "0"
        && For(4, 4, accumulates: false, findsMaximum: false) is not null;

    /// <summary>Whether all is there for it but the system's leave to make code.</summary>
    public static bool IsForbidden => !IsSupported && !OperatingSystem.IsWindows() && RuntimeInformation.ProcessArchitecture == Architecture.X64
        && Processor.HasAvx512BFloat16 && Environment.GetEnvironmentVariable("EASEL_MACHINE_CODE") != "0";

    /// <summary>The code for b with these distances; made once. Null where the system does not allow code to be made.</summary>
    /// <param name="rowBytes">From one row of b to the next.</param> <param name="pairBytes">From one pair of a row to the next.</param>
    /// <param name="accumulates">Whether the sums go on from what is there.</param>
    public static BFloat16Product? For(int rowBytes, int pairBytes, bool accumulates, bool findsMaximum) =>
        Made.GetOrAdd((rowBytes, pairBytes, accumulates, findsMaximum), static k =>
            Assemble(k.Item1, k.Item2, k.Item3, k.Item4).ToExecutable() is var code && code != null ? new BFloat16Product(code) : null);

    /// <summary>Runs it.</summary>
    /// <param name="a">[count, 64] pairs.</param> <param name="b">[tiles · 5, count] pairs, with the distances that the code was made for.</param>
    /// <param name="sums">[tiles · 5, 64].</param> <param name="tiles">Tiles; at least 1.</param> <param name="count">Pairs summed over; at least 1.</param>
    /// <param name="largest">[64], read and written where maxima are kept.</param>
    public void Run(void* a, void* b, float* sums, int tiles, int count, float* largest = null) => _code(a, b, sums, tiles, count, largest);

    /// <summary>Writes the code. Arguments come as System V passes them: rdi a, rsi b, rdx sums, rcx tiles, r8 count, r9 largest.</summary>
    internal static MachineCode Assemble(int rowBytes, int pairBytes, bool accumulates, bool findsMaximum)
    {
        var code = new MachineCode();
        if (findsMaximum)
            for (var v = 0; v < Vectors; v++) code.Load(FirstMaximum + v, R9, v * VectorBytes);

        var nextTile = code.Here;
        for (var sum = 0; sum < Tile * Vectors; sum++)
        {
            if (accumulates) code.Load(sum, Rdx, sum * VectorBytes);
            else code.Zero(sum);
        }

        code.Move(Rax, R8);
        code.Move(R10, Rdi);
        code.Move(R11, Rsi);
        var nextPair = code.Here;
        for (var v = 0; v < Vectors; v++) code.Load(FirstOfA + v, R10, v * VectorBytes);
        for (var row = 0; row < Tile; row++)
        {
            var factor = FirstOfB + row % 4;
            code.Broadcast(factor, R11, row * rowBytes);
            for (var v = 0; v < Vectors; v++) code.DotProduct(row * Vectors + v, FirstOfA + v, factor);
        }
        code.AddNumber(R10, RowBytes);
        code.AddNumber(R11, pairBytes);
        code.Loop(Rax, nextPair);

        for (var sum = 0; sum < Tile * Vectors; sum++)
        {
            code.Store(Rdx, sum * VectorBytes, sum);
            if (findsMaximum) code.Max(FirstMaximum + sum % Vectors, sum, FirstMaximum + sum % Vectors);
        }
        code.AddNumber(Rsi, Tile * rowBytes);
        code.AddNumber(Rdx, Tile * RowBytes);
        code.Loop(Rcx, nextTile);

        if (findsMaximum)
            for (var v = 0; v < Vectors; v++) code.Store(R9, v * VectorBytes, FirstMaximum + v);
        code.Return();
        return code;
    }
}
