using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>Clears away, on start and once a day: the trash, old jobs with the pictures they began from, and what a sudden end left half written.</summary>
internal sealed class Housekeeping(Gallery gallery, JobStore jobs, InputPictures inputs, PictureFolder folder, TimeProvider clock, ILogger<Housekeeping> log)
    : BackgroundService
{
    /// <summary>For how long a deleted picture can be brought back.</summary>
    public static readonly TimeSpan KeepTrash = TimeSpan.FromDays(7);

    private static readonly TimeSpan KeepJobs = TimeSpan.FromDays(30), HalfWritten = TimeSpan.FromHours(1);

    public void Clear()
    {
        var now = clock.GetUtcNow();
        gallery.Purge(now - KeepTrash);
        jobs.Forget(now - KeepJobs);
        foreach (var place in (string[])[folder.Root, folder.Inputs, folder.Thumbnails, folder.DayOf(now), folder.DayOf(now.AddDays(-1))])
        {
            if (!Directory.Exists(place)) continue;
            foreach (var part in Directory.EnumerateFiles(place, ".*.part"))
                if (now - File.GetLastWriteTimeUtc(part) > HalfWritten) File.Delete(part);
        }
        inputs.Sweep(jobs.InputFiles(), now - HalfWritten);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var daily = new PeriodicTimer(TimeSpan.FromDays(1), clock);
        try
        {
            do
            {
                try
                {
                    Clear();
                }
                catch (Exception e) when (e is EaselException or IOException or UnauthorizedAccessException)
                {
                    log.LogWarning("Old files could not be cleared away: {Reason}", e.Message);
                }
            }
            while (await daily.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }
}
