using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Security;
using Easel.Server.Storage;

namespace Easel.Server.OpenAi;

/// <summary>Has an order carried out and sends its pictures, at the end or as they come.</summary>
internal sealed class ImageSender(JobIntake intake, JobQueue queue, Gallery gallery)
{
    /// <summary>After how long without an answer blanks are sent, which JSON may begin with: callers and what stands between give up on a line that is silent
    /// for a minute or a few.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    /// <summary>All pictures at the end.</summary>
    public async Task<IResult> SendAsync(ImageOrder order, string client, HttpContext context, CancellationToken aborted)
    {
        var job = intake.Submit(order.Job, client);
        try
        {
            var over = queue.WaitAsync(job.Id, aborted);
            if (await KeepAlive.WaitAsync(over, Patience, aborted)) return Results.Json(Answer(order, await over, context), OpenAiErrors.Json);
            return new LateAnswer(context, async () =>
            {
                try
                {
                    await KeepAlive.WaitAsync(over, Patience, aborted, () => context.Response.WriteAsync(" \n", aborted));
                    return JsonSerializer.Serialize(Answer(order, await over, context), OpenAiErrors.Json);
                }
                catch (EaselException e)
                {
                    return OpenAiErrors.Body(e, context); // its status has gone ahead
                }
                catch (OperationCanceledException)
                {
                    queue.Cancel(job.Id);
                    throw;
                }
            });
        }
        catch (OperationCanceledException)
        {
            queue.Cancel(job.Id); // nobody is left to look at it
            throw;
        }
    }

    private object Answer(ImageOrder order, Job job, HttpContext context)
    {
        if (job.State != JobState.Done) throw NotDone(job);
        var pictures = job.Pictures.Select(id => gallery.Find(id)!).ToList();
        IReadOnlyList<string> remarks = [.. order.Notes, .. MachinePaths.Told(context, job).Remarks];
        return new
        {
            created = job.Created.ToUnixTimeSeconds(),
            background = "opaque",
            output_format = NameOf(order.Format),
            quality = order.Quality,
            size = ImageOrder.SizeOf(pictures[0]),
            data = pictures.Select(picture => new
            {
                b64_json = order.ByUrl ? null : Convert.ToBase64String(Encode(gallery.Read(picture.Id), order.Format, order.Compression)),
                url = order.ByUrl ? UrlOf(picture, order, context.Request) : null,
                seed = picture.Seed,
            }),
            usage = Usage,
            remarks = remarks.Count > 0 ? remarks : null,
        };
    }

    /// <summary>What OpenAI bills by, and nobody here.</summary>
    private static object Usage { get; } = new
    {
        total_tokens = 0,
        input_tokens = 0,
        output_tokens = 0,
        input_tokens_details = new { text_tokens = 0, image_tokens = 0 },
    };

    /// <summary>Each picture when it is done, and before that as it looks so far.</summary>
    /// <param name="kind">"image_generation" or "image_edit".</param>
    public IResult Stream(ImageOrder order, string client, string kind, HttpContext context, CancellationToken aborted)
    {
        var job = intake.Submit(order.Job, client); // before the answer begins, so that a refusal has its status
        return new EventStream(Events(order, job.Id, kind, context, aborted), Patience, aborted);
    }

    public static byte[] Encode(byte[] png, ImageFormat format, int quality) => format == ImageFormat.Png ? png
        : ImageFile.Encode(ImageFile.Load(new MemoryStream(png), "the picture"), format, ImageFile.ReadMetadata(new MemoryStream(png), "the picture"), quality);

    /// <summary>A format as it is called here.</summary>
    public static string NameOf(ImageFormat format) => format switch { ImageFormat.Jpeg => "jpeg", ImageFormat.WebP => "webp", _ => "png" };

    private async IAsyncEnumerable<SseItem<string>> Events(ImageOrder order, string id, string kind, HttpContext context,
        [EnumeratorCancellation] CancellationToken aborted)
    {
        var (sent, partial, batch) = (0, 0, 0);
        try
        {
            await foreach (var happened in queue.Watch(id, aborted))
            {
                while (sent < happened.Job.Pictures.Count) yield return Completed(happened.Job.Pictures[sent++]);
                if (happened is { Preview: { } preview, Job.Progress: { } progress })
                {
                    if (progress.Batch != batch) (batch, partial) = (progress.Batch, 0);
                    if (partial < Due(progress, order.Partials)) yield return Partial(happened.Job, preview, partial++);
                }
                if (happened.Job is { IsOver: true, State: not JobState.Done } ended)
                    yield return new SseItem<string>(OpenAiErrors.Event(NotDone(ended), context), "error");
            }
        }
        finally
        {
            queue.Cancel(id); // nothing where it is over; else nobody is left to look at it
        }

        SseItem<string> Completed(string picture)
        {
            var found = gallery.Find(picture)!;
            return Item($"{kind}.completed", Convert.ToBase64String(Encode(gallery.Read(picture), order.Format, order.Compression)), ImageOrder.SizeOf(found),
                null, found.Seed);
        }

        SseItem<string> Partial(Job job, byte[] preview, int index)
        {
            var small = ImageFile.Load(new MemoryStream(preview), "the preview");
            var (width, height) = (job.Request.Request.Width ?? 8 * small.Width, job.Request.Request.Height ?? 8 * small.Height);
            var whole = (small.Width, small.Height) == (width, height) ? small : Resampling.Resize(small, width, height, ResampleFilter.Bilinear);
            return Item($"{kind}.partial_image", Convert.ToBase64String(ImageFile.Encode(whole, order.Format, null, order.Compression)), $"{width}x{height}",
                index, null);
        }

        SseItem<string> Item(string type, string picture, string size, int? index, long? seed) => new(JsonSerializer.Serialize(new
        {
            type,
            b64_json = picture,
            partial_image_index = index,
            created_at = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            background = "opaque",
            output_format = NameOf(order.Format),
            quality = order.Quality,
            size,
            seed,
            usage = index is null ? Usage : null,
            remarks = index is null && order.Notes.Count > 0 ? order.Notes : null,
        }, OpenAiErrors.Json), type);
    }

    /// <summary>How many partial pictures belong before this step, evenly over the steps.</summary>
    private static int Due(JobProgress progress, int partials) =>
        progress.StepCount == 0 ? 0 : Math.Min(partials, progress.Step * (partials + 1) / progress.StepCount);

    private static string UrlOf(Picture picture, ImageOrder order, HttpRequest request) =>
        $"{request.Scheme}://{request.Host}{request.PathBase}/v1/images/files/{picture.Id}.{NameOf(order.Format)}" + (order.Format == ImageFormat.Png ? ""
            : $"?compression={order.Compression}");

    private static OpenAiException NotDone(Job job) => job.State == JobState.Cancelled
        ? new OpenAiException(Status409Conflict, "The job was cancelled.", null, "cancelled")
        : new OpenAiException(job.Error == Problem.Unforeseen ? Status500InternalServerError : Status400BadRequest,
            job.Error ?? "The picture could not be drawn.", null, job.Error == Problem.Unforeseen ? "internal_error" : "image_generation_failed");
}
