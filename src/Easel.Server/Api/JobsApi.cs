using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Easel.Server.Api;

/// <summary>Submitting, watching and steering jobs.</summary>
internal static class JobsApi
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var jobs = app.MapGroup("/api/jobs").WithTags("Jobs").ProducesProblem(Status400BadRequest).ProducesProblem(Status404NotFound);
        jobs.MapPost("", (Body<JobRequest> request, HttpContext context, JobIntake intake) =>
            Created(context, intake.Submit(WithWords(request.Value, request.Value.Request), Caller.Of(context))))
            .WithSummary("Submit a job: the library's request is its body")
            .ProducesProblem(Status422UnprocessableEntity).ProducesProblem(Status429TooManyRequests);
        jobs.MapGet("", (JobQueue queue, HttpContext context, string? before, int? count) => new JobList(MachinePaths.Told(context, queue.Snapshot()),
            MachinePaths.Told(context, queue.Over(before, Math.Clamp(count ?? 50, 1, 200)))))
            .WithSummary("The jobs: what runs, what waits in its order, what is over");
        jobs.MapGet("/{id}", (string id, JobQueue queue, HttpContext context) => TypedResults.Ok(MachinePaths.Told(context, queue.Find(id) ?? throw Missing())))
            .WithSummary("A job as it stands");
        jobs.MapDelete("/{id}", (string id, JobQueue queue, HttpContext context) => queue.Cancel(id)
            ? TypedResults.Ok(MachinePaths.Told(context, queue.Find(id) ?? throw Missing())) : throw (queue.Find(id) is null ? Missing() : Over()))
            .WithSummary("Cancel a job: a waiting one at once, a running one within a step");
        jobs.MapDelete("", (JobQueue queue) => new StoppedJobs(queue.StopAll()))
            .WithSummary("Cancel all that runs and waits");
        jobs.MapPost("/{id}/move", (string id, Body<MoveRequest> move, JobQueue queue, HttpContext context) =>
            MachinePaths.Told(context, queue.Move(id, move.Value.Position)))
            .WithSummary("Put a waiting job at another place in the queue");
        jobs.MapPost("/{id}/retry", (string id, HttpContext context, JobIntake intake) => Created(context, intake.Retry(id, Caller.Of(context))))
            .WithSummary("Ask once more for a job that failed or was cancelled");
        jobs.MapGet("/{id}/events", (string id, JobQueue queue, HttpContext context, CancellationToken cancel) =>
            Stream(queue.Watch(id, cancel), context, cancel))
            .WithSummary("Watch a job until it is over: queued, started, step, preview, picture, done, failed, cancelled");
        jobs.MapGet("/events", (JobQueue queue, HttpContext context, CancellationToken cancel) => Stream(queue.Watch(null, cancel), context, cancel))
            .WithSummary("Watch all jobs");
    }

    private static readonly IReadOnlyList<string> Unsaid = new GenerationRequest().Prompts;

    /// <summary>Refuses an order that says nothing of what it is for: it would draw a picture of nothing. Where there is a picture to go by, words may be
    /// missing, and who wants none says so.</summary>
    public static T WithWords<T>(T order, GenerationRequest request) => order is JobRequest { Task: not JobTask.Draw }
        || !ReferenceEquals(request.Prompts, Unsaid) || request is not { InitImage: null, Depth: null, Controls: [] } ? order
        : throw new InvalidRequestException("request.prompt",
            "\"request\" has no prompt: {\"request\":{\"prompt\":\"a red apple\"}} draws an apple; an empty prompt, \"\", draws what the model likes.");

    /// <summary>The answer to what made a job: the job, and where it is found.</summary>
    public static Created<Job> Created(HttpContext context, Job job) =>
        TypedResults.Created($"{context.Request.PathBase}/api/jobs/{job.Id}", MachinePaths.Told(context, job));

    private static ServerSentEventsResult<JobEvent> Stream(IAsyncEnumerable<JobEvent> events, HttpContext context, CancellationToken cancel) =>
        TypedResults.ServerSentEvents(Items(events, context, cancel));

    private static async IAsyncEnumerable<SseItem<JobEvent>> Items(IAsyncEnumerable<JobEvent> events, HttpContext context,
        [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var happened in events.WithCancellation(cancel)) yield return new SseItem<JobEvent>(
            happened with { Job = MachinePaths.Told(context, happened.Job) }, happened.Kind.ToString().ToLowerInvariant());
    }

    private static ServerException Missing() => new(Status404NotFound, "There is no such job.");

    private static ServerException Over() => new(Status409Conflict, "The job is over already.");
}

/// <summary>The jobs there are.</summary>
/// <param name="Active">Those that run, then those that wait, in the order in which they will be drawn.</param>
/// <param name="Over">Those that are over, the youngest first.</param>
public sealed record JobList(IReadOnlyList<Job> Active, IReadOnlyList<Job> Over);

/// <summary>Where a job is to be put.</summary>
/// <param name="Position">The place in the queue, from 0; beyond the last is the last.</param>
public sealed record MoveRequest([property: JsonRequired] int Position);

/// <summary>What was stopped.</summary>
/// <param name="Cancelled">How many jobs.</param>
public sealed record StoppedJobs(int Cancelled);
