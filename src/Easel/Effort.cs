using System.Diagnostics;

namespace Easel;

/// <summary>Counts what readers of foreign texts do, so that tests can hold them to time that grows with the text and no faster. Outside of debug builds there
/// is nothing of it.</summary>
internal static class Effort
{
    [ThreadStatic]
    private static long _spent;

    /// <summary>What this thread has spent: characters looked at, roughly.</summary>
    public static long Spent => _spent;

    /// <summary>Counts.</summary>
    [Conditional("DEBUG")]
    public static void Add(long steps) => _spent += steps;
}
