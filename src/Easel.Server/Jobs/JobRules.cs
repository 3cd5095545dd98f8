using Easel.Imaging;
using Easel.Server.Library;

namespace Easel.Server.Jobs;

/// <summary>What a request must keep to before it may wait in the queue: everything that can be wrong is found before a model is loaded for it.</summary>
internal sealed class JobRules(ServerLimits limits, ModelLibrary library)
{
    /// <returns>The request with its model's name and a seed filled in, so that it says all that decides its pictures.</returns>
    public JobRequest Check(JobRequest job)
    {
        if (job.Task == JobTask.Sheet || job.Sheet is not null) throw Refused("Task", "A sheet is not asked for by itself: POST /api/grids draws one.");
        CheckLengths(job.Request);
        _ = job.Kept();
        // The server's own limits first, which may be narrower than the library's.
        if (job.Request.Steps is { } steps && steps > limits.Steps)
            throw Knobs.Find(nameof(job.Request.Steps))!.Refused($"is {steps}; this server allows {limits.Steps}.");
        job.Request.Validate();
        if (job.Request.InitImage is { } init) Most(nameof(job.Request.InitImage), "number of pixels of the input picture", Area(init), limits.InputPixels);
        foreach (var unit in job.Request.Controls)
            if (unit.Picture is { } hint) Most(nameof(job.Request.Controls), "number of pixels of a control's picture", Area(hint), limits.InputPixels);
        return job.Task == JobTask.Enlarge ? Enlargement(job) : Drawing(job);
    }

    /// <summary>How many pictures a request is for.</summary>
    public static int PicturesOf(JobRequest job)
    {
        if (job.Task == JobTask.Enlarge) return 1;
        if (job.Sheet is { } sheet) return 1 + (sheet.HasParts ? sheet.Layout.Layers.Count : 0);
        var request = job.Request;
        return (int)Math.Min(int.MaxValue, (long)request.BatchCount * (request.Prompts.Count == 1 ? request.BatchSize : request.Prompts.Count));
    }

    /// <summary>Refuses a grid with more pictures, or a larger sheet, than this server allows.</summary>
    /// <param name="places">The checked jobs at each place.</param>
    public void CheckGrid(IReadOnlyList<IReadOnlyList<JobRequest>> places, GridSheet sheet)
    {
        CheckGrid(sheet, places.Max(jobs => jobs.Sum(PicturesOf)));
        Most("Grid", "number of places", places.Count, limits.Images); // tiles are counted by no sheet
        var (width, height) = (0, 0);
        foreach (var jobs in places)
        {
            var sizes = jobs.Select(SizeOf).ToList();
            var (across, down) = SheetMaker.Square(jobs.Sum(PicturesOf));
            (width, height) = (Math.Max(width, across * sizes.Max(size => size.Width)), Math.Max(height, down * sizes.Max(size => size.Height)));
        }
        sheet.Validate(width, height, limits.SheetPixels);
    }

    /// <summary>Refuses a grid that is for too many pictures.</summary>
    /// <param name="each">How many pictures lie at each place.</param>
    public void CheckGrid(GridSheet sheet, int each = 1)
    {
        var count = (long)sheet.Columns.Count * sheet.Rows.Count * sheet.Layers.Count * each;
        if (count > limits.Images)
        {
            throw Refused("Grid", $"The grid has {sheet.Columns.Count} x {sheet.Rows.Count} x {sheet.Layers.Count} places"
                + $"{(each > 1 ? $" of {each} pictures each" : "")}, {count} pictures; this server allows {limits.Images}.");
        }
    }

    /// <summary>The size of a checked job's pictures; with a network that enlarges, what it will be is not known, and that of the picture stands for
    /// it.</summary>
    private (int Width, int Height) SizeOf(JobRequest job)
    {
        var (request, model) = (job.Request, library.Checkpoint(job.Model).Model!);
        if (request.InitImage is { } init && (request.Mask is not null || request.Extend.Any))
            return (init.Width + request.Extend.Left + request.Extend.Right, init.Height + request.Extend.Top + request.Extend.Bottom);
        var (wide, high) = (request.Width ?? request.InitImage?.Width ?? model.Defaults.Size,
            request.Height ?? request.InitImage?.Height ?? model.Defaults.Size);
        return model.Enlarges > 1 ? (model.Enlarges * wide, model.Enlarges * high) : request.SizeOfSecondPass(wide, high) ?? (wide, high);
    }

    private JobRequest Drawing(JobRequest job)
    {
        var (model, request) = (library.Checkpoint(job.Model), job.Request);
        if (job.Vae is { } vae) _ = library.Vae(vae);
        request = request with { Controls = [.. request.Controls.Select(unit => unit with { Network = library.Control(unit.Network) })] };
        if (request.Refiner is { } refiner) request = request with { Refiner = library.Refiner(refiner).Name };
        if (request.FaceRestorer is { } restorer) request = request with { FaceRestorer = library.FaceRestorer(restorer).Name };
        if (job.Scale is not null) throw Refused("Scale", "A scale goes with the task \"enlarge\"; what is drawn has a width and a height.");
        Most(nameof(request.BatchCount), "number of pictures", PicturesOf(job), limits.Images);
        if (model.Model is { Enlarges: > 1 and var enlarges })
        {
            if (request.InitImage is not { } small) throw Refused(nameof(request.InitImage), $"{model.Name} is an upscaler: give the picture to enlarge.");
            Most(nameof(request.InitImage), "number of pixels of the enlarged picture", enlarges * enlarges * Area(small), limits.EnlargedPixels);
        }
        else
        {
            var (wide, high) = request.InitImage is { } init
                ? (init.Width + request.Extend.Left + request.Extend.Right, init.Height + request.Extend.Top + request.Extend.Bottom)
                : (model.Model!.Defaults.Size, model.Model.Defaults.Size);
            Most(nameof(request.Width), "number of pixels", (long)(request.Width ?? wide) * (request.Height ?? high), limits.Pixels);
            SecondPassOf(request, request.Width ?? wide, request.Height ?? high);
            if (request.Extend.Any || request.Mask is not null || request.MaskOf != MaskSubject.None)
                Most(nameof(request.Extend), "number of pixels of the whole picture", (long)wide * high, limits.InputPixels);
        }
        return job with { Model = model.Name, Request = request.With(library.DefaultsFor(model, request)).WithSeeds() };
    }

    private void SecondPassOf(GenerationRequest request, int width, int height)
    {
        if (request.SizeOfSecondPass(width, height) is not var (wide, high)) return;
        Most(nameof(request.HiresScale), "number of pixels of the second pass", (long)wide * high, limits.Pixels);
        if (request.HiresSteps is { } steps && steps > limits.Steps)
            throw Knobs.Find(nameof(request.HiresSteps))!.Refused($"is {steps}; this server allows {limits.Steps}.");
        if (!GenerationRequest.Enlargers.Contains(request.HiresUpscaler, StringComparer.OrdinalIgnoreCase)) _ = library.Upscaler(request.HiresUpscaler);
    }

    /// <summary>How much is enlarged where nothing says it.</summary>
    private const int BestScale = 4;

    private JobRequest Enlargement(JobRequest job)
    {
        var request = job.Request;
        if (request.InitImage is not { } picture) throw Refused(nameof(request.InitImage), "Give the picture to enlarge.");
        if (job.Scale is { } scale && !(scale is > 0 and <= 16)) throw Refused("Scale", $"The scale is {scale:0.##}; it must be above 0 and at most 16.");
        var times = job.Scale ?? Math.Max((double?)request.Width / picture.Width ?? 0, (double?)request.Height / picture.Height ?? 0);
        var name = job.Model is { } named && !GenerationRequest.IsDefaultEnlarger(named) ? named
            : library.Enlarger(times > 0 ? times : BestScale)?.Name ?? PlainEnlargement.Lanczos;
        if (!PlainEnlargement.IsOne(name)) name = library.Upscaler(name).Name;
        var factor = job.Scale ?? (PlainEnlargement.IsOne(name) ? PlainEnlargement.DefaultScale : BestScale);
        var (width, height) = (request.Width ?? picture.Width * factor, request.Height ?? picture.Height * factor);
        Most(nameof(request.Width), "number of pixels of the enlarged picture", (long)Math.Min(long.MaxValue / 2, width * height), limits.EnlargedPixels);
        return job with { Model = name, Faces = [.. job.Faces.Select(step => step with { Restorer = library.FaceRestorer(step.Restorer).Name })] };
    }

    private void CheckLengths(GenerationRequest request)
    {
        foreach (var prompt in request.Prompts.Append<string?>(request.NegativePrompt)) // JSON can hold null among them
        {
            if (prompt is null) throw Refused(nameof(request.Prompts), "A prompt is missing: null stands in its place.");
            Most(nameof(request.Prompt), "number of characters of the prompt", prompt.Length, limits.PromptLength);
        }
        Most(nameof(request.Prompts), "number of prompts", request.Prompts.Count, limits.Images);
    }

    private static long Area(RgbImage image) => (long)image.Width * image.Height;

    private static void Most(string field, string name, long value, long most)
    {
        if (value > most) throw Refused(field, $"The {name} is {value}; this server allows {most}.");
    }

    private static InvalidRequestException Refused(string field, string message) => new(field, message);
}
