using Easel.Server.Jobs;
using Easel.Server.Storage;

namespace Easel.Server.Page;

/// <summary>
/// Draws while a person types, in one open tab: a moment after the last change one picture, which takes the place of the one before. What is not wanted any
/// more is cancelled, and of all that is drawn so only the last picture stays, and those that somebody put a tag on.
/// </summary>
internal sealed class LiveDrawing(JobQueue queue, Gallery gallery, TimeProvider clock) : IDisposable
{
    private readonly Lock _lock = new();
    private CancellationTokenSource? _wanted; // until something else is
    private int _turns;
    private (int Turn, IReadOnlyList<string> Pictures) _shown = (0, []);

    /// <summary>How long a person must rest.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>The job on its way; null for none.</summary>
    public string? Current { get; private set; }

    /// <summary>Draws what is asked for once the person rests, in the place of what was to be drawn before.</summary>
    /// <param name="submit">Puts it into the queue; null where it is refused.</param>
    /// <returns>Done when it is drawn, or not wanted any more.</returns>
    public async Task Draw(Func<Task<Job?>> submit)
    {
        var wanted = new CancellationTokenSource(); // holds nothing that would have to be given back
        var turn = Next(wanted);
        try
        {
            await Task.Delay(Pause, clock, wanted.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        if (await submit() is not { } job) return;
        lock (_lock) Current = job.Id;
        await using (wanted.Token.UnsafeRegister(_ => queue.Cancel(job.Id), null))
        {
            try
            {
                var over = await queue.WaitAsync(job.Id);
                if (over.Pictures.Count > 0) Discard(Shown(turn, over.Pictures));
            }
            catch (EaselException) // the server stops
            {
            }
        }
        lock (_lock)
            if (Current == job.Id) Current = null;
    }

    /// <summary>Nothing is wanted any more.</summary>
    public void Stop() => Next(null);

    public void Dispose() => Stop();

    /// <returns>The number of the turn that now begins.</returns>
    private int Next(CancellationTokenSource? wanted)
    {
        CancellationTokenSource? before;
        int turn;
        lock (_lock) (before, _wanted, turn) = (_wanted, wanted, ++_turns);
        before?.Cancel();
        return turn;
    }

    /// <summary>Takes note of new pictures.</summary>
    /// <returns>The older ones.</returns>
    private IReadOnlyList<string> Shown(int turn, IReadOnlyList<string> pictures)
    {
        lock (_lock)
        {
            if (turn < _shown.Turn) return pictures; // done in spite of having been cancelled, and after a later one
            (var older, _shown) = (_shown.Pictures, (turn, pictures));
            return older;
        }
    }

    private void Discard(IReadOnlyList<string> pictures) =>
        gallery.Discard([.. pictures.Where(id => gallery.Find(id) is { Deleted: null, Tags.Count: 0 })]);
}
