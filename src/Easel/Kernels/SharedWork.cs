using System.Runtime.ExceptionServices;

namespace Easel.Kernels;

/// <summary>Shares parts of work among as many threads as libtorch uses. Each thread takes the next part when it is free with the one before, so that none
/// waits for longer than a part at the end; Parallel.For gives several at a time, and a thread that got the last ones works on while the others wait.</summary>
internal static unsafe class SharedWork
{
    /// <summary>Does every part once.</summary>
    public static void Run(int parts, Action<int> part) => Run(parts, 0, (index, _) => part(index));

    /// <summary>Does every part once, with memory that the thread keeps from part to part.</summary>
    /// <param name="workspaceBytes">Bytes of memory for each thread, on a 64-byte boundary and with anything in it; 0 for none.</param>
    /// <param name="part">Does the part with that number.</param>
    public static void Run(int parts, long workspaceBytes, Action<int, nint> part)
    {
        var next = -1;
        var threads = Math.Min(get_num_threads(), parts);
        if (threads <= 1)
        {
            TakeParts();
            return;
        }
        try
        {
            Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ => TakeParts());
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]); // one thread is enough to say that memory is short
        }

        void TakeParts()
        {
            var workspace = workspaceBytes > 0 ? NativeMemory.AlignedAlloc((nuint)workspaceBytes, 64) : null;
            try
            {
                for (int index; (index = Interlocked.Increment(ref next)) < parts;) part(index, (nint)workspace);
            }
            finally
            {
                NativeMemory.AlignedFree(workspace);
            }
        }
    }
}
