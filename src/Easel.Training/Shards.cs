using System.Runtime.ExceptionServices;

namespace Easel.Training;

/// <summary>
/// Runs the parts of a batch side by side, each on one thread from its first layer to its last gradient. On a machine that others use too this is many times
/// faster than to share every operation among the processors, since the threads then wait for one another once in a step and not a thousand times.
/// </summary>
internal static class Shards
{
    /// <summary>As many parts as processors, of no fewer than four pictures. Two parts' gradients add up to the same in either order; more would not.</summary>
    public static int CountFor(int batch) => Math.Clamp(Math.Min(Environment.ProcessorCount, batch / 4), 1, 2);

    public static void Run(int count, Action<int> action)
    {
        var before = get_num_threads();
        set_num_threads(1);
        ExceptionDispatchInfo? failed = null;
        var others = Enumerable.Range(1, count - 1).Select(shard => new Thread(() => Guarded(shard), 16 << 20)).ToList();
        foreach (var thread in others) thread.Start();
        Guarded(0);
        foreach (var thread in others) thread.Join();
        set_num_threads(before);
        failed?.Throw();

        void Guarded(int shard)
        {
            try
            {
                set_num_threads(1);
                using var scope = NewDisposeScope();
                action(shard);
            }
            catch (Exception e)
            {
                failed = ExceptionDispatchInfo.Capture(e);
            }
        }
    }
}
