using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Security;
using Easel.Server.Storage;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace Easel.Server.Mcp;

/// <summary>Has a job done for an assistant, and gives its pictures.</summary>
internal sealed class McpJobs(JobIntake intake, JobQueue queue, Gallery gallery, PictureReader pictures, IHttpContextAccessor http, TimeProvider clock)
{
    /// <summary>After how long a caller is told again how far its job is, though nothing came of it: clients give up on a tool that is silent for a minute,
    /// also while it waits for its turn.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);


    /// <summary>Submits a job and waits for it.</summary>
    public async Task<CallToolResult> RunAsync(Func<JobRequest> request, IProgress<ProgressNotificationValue> progress, CancellationToken cancel)
    {
        try
        {
            var job = intake.Submit(request(), Caller.Of(http.HttpContext!));
            var told = new Progress(progress);
            var beat = clock.CreateTimer(_ => told.Of(queue.Find(job.Id)), null, Patience, Patience);
            try
            {
                await foreach (var happened in queue.Watch(job.Id, cancel)) told.Of(job = happened.Job);
            }
            finally
            {
                await beat.DisposeAsync();
                queue.Cancel(job.Id); // nothing where it is over; else nobody is left to look at it
            }
            job = MachinePaths.Told(http.HttpContext!, job);
            return job.State == JobState.Done ? Result(job) : throw new McpException(job.Error ?? "The job was cancelled.");
        }
        catch (InvalidRequestException e)
        {
            throw new McpException(MachinePaths.Told(http.HttpContext!, ParameterNames.Sentence(e, Protocol.Mcp)), e);
        }
        catch (EaselException e)
        {
            throw new McpException(MachinePaths.Told(http.HttpContext!, e.Message), e);
        }
    }

    /// <summary>Tells how far a job is; each time a little more than before, as the protocol asks.</summary>
    private sealed class Progress(IProgress<ProgressNotificationValue> progress)
    {
        private const float Least = 1e-5f;

        private readonly Lock _lock = new();
        private float _last;

        public void Of(Job? job)
        {
            if (job is null or { IsOver: true }) return;
            lock (_lock)
            {
                _last = Math.Max(_last + Least, (float)(job.Progress?.Share ?? 0));
                progress.Report(new ProgressNotificationValue
                {
                    Progress = _last,
                    Total = 1,
                    Message = job.Progress is { } now ? $"{now.Stage} {now.Step}/{now.StepCount}" : $"Waiting, {job.Position ?? 0} before it",
                });
            }
        }
    }

    /// <summary>Reads the pictures that are sent.</summary>
    public PictureReader Pictures => pictures;

    /// <summary>A picture's file: that of an id which another tool gave, or what base64 holds.</summary>
    public MemoryStream Open(string image) =>
        new(gallery.Find(image) is { Deleted: null } ? gallery.Read(image) : Base64Picture.Decode(image, "the picture"), writable: false);

    private CallToolResult Result(Job job)
    {
        var content = new List<ContentBlock>();
        foreach (var picture in job.Pictures.Select(id => gallery.Find(id)!))
        {
            content.Add(ImageContentBlock.FromBytes(gallery.Read(picture.Id), "image/png"));
            var seed = picture.Seed is { } known ? $", seed {known}" : "";
            content.Add(new TextContentBlock { Text = $"id {picture.Id}, {picture.Width}x{picture.Height}{seed}, model {job.Request.Model}" });
        }
        content.AddRange(job.Remarks.Select(remark => new TextContentBlock { Text = remark }));
        return new CallToolResult { Content = content };
    }
}
