using Easel.Imaging;
using Easel.Metadata;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>Lays the pictures of a grid out on its sheet when all of them are over; on a thread of its own, for others draw meanwhile, here or on a
/// farm.</summary>
internal sealed class SheetMaker(JobQueue queue, PictureWriter writer, Gallery gallery, ServerLimits limits, ILogger<SheetMaker> log) : IHostedService
{
    private volatile bool _stopping;
    private Thread? _thread;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread = new Thread(Work) { Name = "sheets", IsBackground = true };
        _thread.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        queue.Wake();
        _thread?.Join();
        return Task.CompletedTask;
    }

    /// <summary>How several pictures lie at one place: as many across as down, or one more.</summary>
    public static (int Across, int Down) Square(int pictures)
    {
        var across = (int)Math.Ceiling(Math.Sqrt(pictures));
        return (across, (pictures + across - 1) / Math.Max(1, across));
    }

    private void Work()
    {
        while (!_stopping)
            if (queue.TakeSheet(() => _stopping) is { } run) Do(run);
    }

    private void Do(JobRun run)
    {
        try
        {
            if (writer.Recover(run).Count == run.Job.PictureCount) writer.End(run, JobState.Done);
            else Make(run, run.Job.Request.Sheet!);
        }
        catch (Exception e)
        {
            writer.End(run, e, log);
        }
    }

    private void Make(JobRun run, SheetRequest sheet)
    {
        queue.Report(run, new JobProgress(JobStage.Saving));
        var jobs = sheet.Places.Select(ids => ids.Select(queue.Find).OfType<Job>().ToList()).ToList();
        var places = jobs.Select(each => each.SelectMany(job => job.Pictures).Select(gallery.Find).OfType<Picture>()
            .Where(picture => picture.Deleted is null).ToList()).ToList();
        if (places.All(pictures => pictures.Count == 0))
        {
            var error = jobs.SelectMany(each => each).FirstOrDefault(job => job.State == JobState.Failed)?.Error;
            writer.End(run, error is null ? JobState.Cancelled : JobState.Failed, error is null ? null : $"Nothing came to lie on the sheet: {error}");
            return;
        }
        var text = Infotext.Parse(places.First(pictures => pictures.Count > 0)[0].Parameters ?? "");
        var told = new ImageMetadata((text with { Settings = [.. text.Settings, .. sheet.Told] }).ToString());
        if (sheet.Tiles is { } tiles)
        {
            Join(run, tiles, jobs, places, told);
            return;
        }
        var (width, height) = (0, 0);
        foreach (var pictures in places.Where(pictures => pictures.Count > 0))
        {
            var (across, down) = Square(pictures.Count);
            (width, height) = (Math.Max(width, across * pictures.Max(picture => picture.Width)),
                Math.Max(height, down * pictures.Max(picture => picture.Height)));
        }
        sheet.Layout.Validate(width, height, limits.SheetPixels);
        Keep(0, sheet.Layout, 0);
        var each = sheet.Layout.Columns.Count * sheet.Layout.Rows.Count;
        for (var layer = 0; sheet.HasParts && layer < sheet.Layout.Layers.Count; layer++) Keep(1 + layer, sheet.Layout.Layer(layer), layer * each);
        writer.End(run, JobState.Done, remarks: [.. sheet.Layout.Remarks(), .. Missing(jobs, places), .. RemarksOf(jobs)]);

        void Keep(int index, GridSheet layout, int from)
        {
            var image = layout.Draw(width, height, place =>
            {
                run.Token.ThrowIfCancellationRequested();
                return At(places[from + place]);
            });
            writer.Add(run, index, image, () => told);
        }
    }

    /// <summary>Puts the tiles of one picture together, which is nothing where one of them is missing.</summary>
    private void Join(JobRun run, TileLayout tiles, List<List<Job>> jobs, List<List<Picture>> places, ImageMetadata told)
    {
        if (places.Exists(pictures => pictures.Count == 0))
        {
            var error = jobs.SelectMany(each => each).FirstOrDefault(job => job.State == JobState.Failed)?.Error;
            writer.End(run, error is null ? JobState.Cancelled : JobState.Failed, error is null ? null : $"A tile of the picture could not be drawn: {error}");
            return;
        }
        var whole = tiles.Join(place =>
        {
            run.Token.ThrowIfCancellationRequested();
            var tile = At(places[place])!;
            return (tile.Width, tile.Height) == (tiles.TileWidth, tiles.TileHeight) ? tile : Resampling.Resize(tile, tiles.TileWidth, tiles.TileHeight);
        });
        writer.Add(run, 0, whole, () => told);
        writer.End(run, JobState.Done, remarks: [.. RemarksOf(jobs)]);
    }

    private static IEnumerable<string> RemarksOf(List<List<Job>> jobs) => jobs.SelectMany(all => all).SelectMany(job => job.Remarks).Distinct();

    private static IEnumerable<string> Missing(List<List<Job>> jobs, List<List<Picture>> places)
    {
        if (places.Count(pictures => pictures.Count == 0) is var empty && empty == 0) return [];
        var why = jobs.Where((_, place) => places[place].Count == 0).SelectMany(each => each).Select(job => job.Error)
            .FirstOrDefault(error => error is not null);
        return [$"{empty} of the {places.Count} places of the sheet {(empty == 1 ? "is" : "are")} empty{(why is null ? "." : ": " + why)}"];
    }

    /// <summary>What lies at a place; null for nothing.</summary>
    private RgbImage? At(List<Picture> pictures)
    {
        var images = pictures.Select(picture => ImageFile.Load(new MemoryStream(gallery.Read(picture.Id), writable: false), picture.File)).ToList();
        if (images.Count < 2) return images.FirstOrDefault();
        var (across, down) = Square(images.Count);
        var layout = new GridSheet { Columns = [.. Enumerable.Repeat("", across)], Rows = [.. Enumerable.Repeat("", down)], HasLegend = false };
        return layout.Draw(images.Max(image => image.Width), images.Max(image => image.Height), place => place < images.Count ? images[place] : null);
    }
}
