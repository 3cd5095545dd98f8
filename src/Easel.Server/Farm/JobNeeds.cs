using System.Text.RegularExpressions;
using Easel.Farm;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;

namespace Easel.Server.Farm;

/// <summary>What a machine must have to draw a job.</summary>
internal sealed partial class JobNeeds(ModelLibrary library, FileStamps stamps)
{
    /// <summary>The needs of a job; null while its files are still being read.</summary>
    /// <exception cref="ServerException">A model is there no more.</exception>
    public FarmNeeds? Of(Job job)
    {
        var (asked, request) = (job.Request, job.Request.Request);
        if (asked.Task == JobTask.Enlarge)
        {
            var restorers = asked.Faces.Select(step => FileOf(library.FaceRestorer(step.Restorer))).ToList();
            if (restorers.Contains(null)) return null;
            var network = PlainEnlargement.IsOne(asked.Model!) ? new FarmFile(asked.Model!, FarmProtocol.NoModel) : FileOf(library.Upscaler(asked.Model!));
            return network is not null ? new FarmNeeds(network, 0, [.. restorers.OfType<FarmFile>().Distinct()]) : null;
        }
        var entry = library.Checkpoint(asked.Model);
        var others = new List<FarmFile?>();
        if (asked.Vae is { } vae) others.Add(FileOf(library.Vae(vae)));
        if (request.HasSecondPass && !GenerationRequest.Enlargers.Contains(request.HiresUpscaler, StringComparer.OrdinalIgnoreCase))
            others.Add(FileOf(library.Upscaler(request.HiresUpscaler)));
        if (request.Refiner is { } refiner) others.Add(FileOf(library.Refiner(refiner)));
        if (request.FaceRestorer is { } restorer) others.Add(FileOf(library.FaceRestorer(restorer)));
        foreach (var unit in request.Controls) others.Add(Named(stamps.Controls, library.Control(unit.Network)));
        var text = string.Join('\n', (string?[])[.. request.Prompts, request.NegativePrompt, request.HiresPrompt, request.HiresNegativePrompt]);
        if (!request.Literal)
        {
            var called = LoraTag().Matches(text).Select(match => match.Groups[1].Value.Trim()).Distinct(StringComparer.OrdinalIgnoreCase);
            // Which LoRA a run in few steps takes is decided where it is drawn: it must have the same to choose from.
            if (request.Few is not null && entry.Model?.FewSteps is null) called = called.Concat(stamps.Loras.Select(lora => lora.Name));
            others.AddRange(called.Select(name => stamps.Loras.FirstOrDefault(lora => lora.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
                .OfType<FarmFile>());
            others.AddRange(stamps.Embeddings.Where(word => text.Contains(word.Name, StringComparison.OrdinalIgnoreCase)));
        }
        // Half of what the file takes is the least that its weights can; what a run takes is counted where it is drawn, and learnt from there.
        return FileOf(entry) is { } model && !others.Contains(null) ? new FarmNeeds(model, entry.Bytes / 2, [.. others.OfType<FarmFile>().Distinct()]) : null;
    }

    /// <summary>What is alike for jobs that take the same memory.</summary>
    public static string SizeKeyOf(Job job)
    {
        var request = job.Request.Request;
        var (width, height) = (request.Width ?? request.InitImage?.Width ?? 0, request.Height ?? request.InitImage?.Height ?? 0);
        return string.Create(CultureInfo.InvariantCulture,
            $"{width}x{height}x{request.BatchSize} {request.HiresScale} {request.HiresWidth}x{request.HiresHeight} {request.Controls.Count}");
    }

    private FarmFile? FileOf(ModelEntry entry) => stamps.Of(entry.Path) is { } stamp ? new FarmFile(entry.Name, stamp) : null;

    private static FarmFile? Named(IReadOnlyList<FarmFile> files, string name) => files.FirstOrDefault(file => file.Name == name);

    [GeneratedRegex(@"<(?:lora|lyco):([^:>]+)", RegexOptions.IgnoreCase)]
    private static partial Regex LoraTag();
}
