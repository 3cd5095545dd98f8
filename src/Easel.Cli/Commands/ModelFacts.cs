using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Metadata;

namespace Easel.Cli.Commands;

/// <summary>What a model file is: read off its tensors, none of which is loaded.</summary>
internal static class ModelFacts
{
    private const int Shown = 40;

    /// <exception cref="CheckpointException">It is no file of tensors, or a damaged one.</exception>
    public static Facts Of(string path, string? config, bool all, Shell shell)
    {
        var file = ModelFile.Read(path, new LoadOptions { Config = config });
        var facts = new Facts();
        facts.Add("file", path);
        if (File.Exists(path)) facts.Add("bytes", new FileInfo(path).Length);
        if (file.Model is { } model) Describe(facts, file, model);
        else DescribeOther(facts, file);
        if (file.Model is null) AddTensors(facts, file, all);
        AddHash(facts, path, shell);
        if (file.Model is not null && all) AddTensors(facts, file, all);
        return facts;
    }

    private static void Describe(Facts facts, ModelFile file, ModelInfo model)
    {
        facts.Add("family", model.Family);
        facts.Add("task", model.TakesMask ? "inpainting" : model.TakesDepth ? "depth to image"
            : model.NeedsPicture ? "enlarging four times" : "text to image, image to image");
        if (model is { FewSteps: { } kind, Defaults: var few })
            facts.Add("few steps", string.Create(CultureInfo.InvariantCulture,
                $"{kind}: {few.Steps} of {few.Sampler}{(few.Schedule is { } schedule ? $" ({schedule})" : "")} at guidance {few.GuidanceScale:0.##}"));
        facts.Add("precision", string.Join(", ", file.Formats));
        facts.Add("prediction", model.Prediction?.ToString().ToLowerInvariant() ?? "the file does not say; found by a trial when the model is loaded");
        foreach (var (name, values, shape) in file.Networks)
            facts.Add(name, shape is null ? "missing" : string.Create(CultureInfo.InvariantCulture, $"{values / 1e6:0.0} M values, {shape}"));
        facts.Add("remarks", Remarks(file));
    }

    private static void DescribeOther(Facts facts, ModelFile file)
    {
        facts.Add("family", file.Description is { } kind ? "none that Easel draws with: " + kind : "none that Easel knows");
        if (file.Description is null) facts.Add("remark", file.Problem);
        facts.Add("precision", string.Join(", ", file.Formats));
        facts.Add("values", file.Values);
        facts.Add("remarks", file.Remarks);
    }

    private static List<string> Remarks(ModelFile file)
    {
        var remarks = file.Remarks.ToList();
        foreach (var missing in file.Networks.Where(network => network.Shape is null))
            remarks.Add($"there is no {missing.Name} in it" + (missing.Name == "autoencoder" ? ": give one with --vae"
                : missing.Name == "text encoder" ? ": give one with --text-encoder" : ", so it cannot draw"));
        return remarks;
    }

    private static void AddTensors(Facts facts, ModelFile file, bool all)
    {
        var shown = file.Tensors.Take(all ? int.MaxValue : Shown)
            .Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Shape)}] {tensor.Format}").ToList();
        if (shown.Count < file.Tensors.Count) shown.Add($"and {file.Tensors.Count - shown.Count} more (--all lists them)");
        facts.Add("tensors", shown);
    }

    private static void AddHash(Facts facts, string path, Shell shell)
    {
        if (Directory.Exists(path)) return;
        using var progress = IProgressDisplay.For(shell, quiet: !shell.ErrorIsTerminal);
        var hash = ModelStamp.HashOf(path, ModelChoice.CacheFolder(shell), share => progress.Working("reading " + Path.GetFileName(path), share),
            shell.Cancel)!;
        facts.Add("model hash", ModelStamp.ShortHash(hash));
        facts.Add("sha256", hash);
    }
}
