using Easel.Server.Errors;
using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>
/// The way into the queue: what is asked for is checked, the pictures that it begins from are kept on disk, and what is large by nature, a grid or a second
/// try, becomes the jobs that it consists of. All members may be called from any thread.
/// </summary>
internal sealed class JobIntake(JobQueue queue, InputPictures inputs, JobRules rules, TimeProvider clock)
{
    /// <summary>Takes a job in. When this returns, the job is on disk.</summary>
    /// <exception cref="InvalidRequestException">A setting is out of its range or beyond this server's limits.</exception>
    /// <exception cref="ServerException">There is no such model (422), or too many jobs wait already (429).</exception>
    public Job Submit(JobRequest request, string client)
    {
        request = rules.Check(request);
        queue.CheckRoom(client, jobs: 1); // again when the pictures are kept
        return Keep(request, client);
    }

    /// <summary>Takes a grid in.</summary>
    /// <returns>The job of the sheet.</returns>
    /// <exception cref="InvalidRequestException">There is nothing to change, an axis cannot be read, or the grid is beyond this server's limits.</exception>
    /// <exception cref="ServerException">There is no such model (422), or too many jobs wait already (429).</exception>
    public Job Submit(GridOrder order, string client)
    {
        var grid = order.Grid();
        var layout = grid.Sheet with { HasLegend = order.Legend, Margin = order.Margin };
        rules.CheckGrid(layout); // before its cells are made
        var cells = grid.Cells(new GridCell(order.Request, order.Model, order.Vae));
        return SubmitGrid([.. cells.Select(cell => new[] { new JobRequest { Model = cell.Model, Vae = cell.Vae, File = order.File, Request = cell.Request } })],
            new SheetRequest { Layout = layout, HasParts = order.SubSheets, Told = grid.Told }, client);
    }

    /// <summary>Takes in what is to be drawn at the places of a grid, a job or more for each, and the job that lays their pictures out when they are over.
    /// All or nothing: what is wrong with one of them is told before the first begins.</summary>
    /// <param name="places">The jobs at each place, in the order of the sheet.</param>
    /// <param name="sheet">The sheet; its places are filled in.</param>
    /// <returns>The job of the sheet. To cancel it is to cancel what is left of the others.</returns>
    /// <exception cref="InvalidRequestException">A setting is out of its range, or the grid is beyond this server's limits.</exception>
    /// <exception cref="ServerException">There is no such model (422), or too many jobs wait already (429).</exception>
    public Job SubmitGrid(IReadOnlyList<IReadOnlyList<JobRequest>> places, SheetRequest sheet, string client)
    {
        places = [.. places.Select(jobs => jobs.Select(rules.Check).ToList())];
        rules.CheckGrid(places, sheet.Layout);
        queue.CheckRoom(client, places.Sum(jobs => jobs.Count) + 1);
        // A model is loaded once for all that it draws.
        var models = places.SelectMany(jobs => jobs).Select(job => (job.Model, job.Vae)).Distinct().ToList();
        var ids = places.Select(jobs => new string[jobs.Count]).ToArray();
        var order = places.SelectMany((jobs, place) => jobs.Select((job, at) => (job, place, at))).OrderBy(one => models.IndexOf((one.job.Model, one.job.Vae)));
        try
        {
            foreach (var (job, place, at) in order) ids[place][at] = Keep(job, client).Id;
            return Keep(new JobRequest
            {
                Task = JobTask.Sheet,
                Sheet = sheet with { Places = ids },
                File = places[0][0].File,
                Request = new GenerationRequest { Prompts = places[0][0].Request.Prompts },
            }, client);
        }
        catch
        {
            foreach (var id in ids.SelectMany(each => each).OfType<string>().Reverse()) queue.Cancel(id);
            throw;
        }
    }

    /// <summary>Asks for a job once more that failed or was cancelled, with the same pictures to begin from.</summary>
    /// <exception cref="ServerException">There is no such job (404), or it did not fail (409).</exception>
    public Job Retry(string id, string client)
    {
        var job = queue.Find(id) ?? throw new ServerException(Status404NotFound, "There is no such job.");
        if (job.State is not (JobState.Failed or JobState.Cancelled))
            throw new ServerException(Status409Conflict, $"The job is {job.State.ToString().ToLowerInvariant()}; only one that failed is tried again.");
        if (job.Request.Sheet is not { } sheet) return Submit(job.Request with { Request = inputs.Load(job) }, client);
        // What of it came to nothing is drawn once more: all of that, or nothing.
        queue.CheckRoom(client, sheet.Places.SelectMany(jobs => jobs).Count(CameToNothing) + 1);
        var again = new List<string>();
        try
        {
            var places = sheet.Places.Select(jobs => (IReadOnlyList<string>)[.. jobs.Select(Again)]).ToList();
            return Keep(job.Request with { Sheet = sheet with { Places = places } }, client);
        }
        catch
        {
            foreach (var each in again.AsEnumerable().Reverse()) queue.Cancel(each);
            throw;
        }

        bool CameToNothing(string each) => queue.Find(each) is { State: JobState.Failed or JobState.Cancelled };

        string Again(string each)
        {
            if (!CameToNothing(each)) return each;
            again.Add(Retry(each, client).Id);
            return again[^1];
        }
    }

    private Job Keep(JobRequest request, string client)
    {
        var (files, written) = inputs.Save(request.Request); // large pictures take their time, in which nobody else should wait
        var job = new Job
        {
            Id = JobId.New(clock.GetUtcNow()),
            InputFiles = files,
            Request = request with { Request = InputPictures.Without(request.Request) },
            Client = client,
            Created = clock.GetUtcNow(),
            PictureCount = JobRules.PicturesOf(request),
        };
        try
        {
            return queue.Add(job);
        }
        catch
        {
            inputs.Delete(written);
            throw;
        }
    }
}
