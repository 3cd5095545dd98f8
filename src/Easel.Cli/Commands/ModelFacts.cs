using System.Globalization;
using Easel.Cli.Terminal;
using Easel.Metadata;
using Easel.Weights;
using Easel.Weights.Formats;

namespace Easel.Cli.Commands;

/// <summary>What a model file is: read off its tensors, none of which is loaded.</summary>
internal static class ModelFacts
{
    private const int Shown = 40;

    /// <exception cref="CheckpointException">It is no file of tensors, or a damaged one.</exception>
    public static Facts Of(string path, string? config, bool all, Shell shell)
    {
        var facts = new Facts();
        facts.Add("file", path);
        if (File.Exists(path)) facts.Add("bytes", new FileInfo(path).Length);
        try
        {
            using var checkpoint = Checkpoint.Open(path, config);
            Describe(facts, checkpoint);
        }
        catch (CheckpointException unknown) when (File.Exists(path))
        {
            // A sound file of another kind: say what it is. One that is not sound throws again here.
            using var file = TensorFile.Open(path);
            var kind = ModelKind.Describe(file.Tensors.Keys);
            facts.Add("family", kind is null ? "none that Easel knows" : "none that Easel draws with: " + kind);
            if (kind is null) facts.Add("remark", unknown.Message);
            facts.Add("precision", string.Join(", ", file.Tensors.Values.Select(tensor => tensor.Stored).Distinct()));
            facts.Add("values", file.Tensors.Values.Sum(tensor => tensor.ElementCount));
            facts.Add("remarks", file.Remarks);
            AddTensors(facts, file, all);
        }
        AddHash(facts, path, shell);
        if (all && !facts.Has("tensors") && File.Exists(path))
        {
            using var file = TensorFile.Open(path);
            AddTensors(facts, file, all);
        }
        return facts;
    }

    private static void Describe(Facts facts, Checkpoint checkpoint)
    {
        var (unet, vae, text) = checkpoint.ParameterCounts;
        facts.Add("family", checkpoint.Family.Name);
        facts.Add("task", checkpoint.Family.Purpose);
        facts.Add("precision", string.Join(", ", checkpoint.StoredTypes.Select(type => type.ToString())));
        facts.Add("prediction", checkpoint.Prediction?.ToString().ToLowerInvariant() ?? "the file does not say; found by a trial when the model is loaded");
        var net = checkpoint.UNet;
        facts.Add("UNet", Network(unet, $"{net.InChannels} channels in, {net.OutChannels} out, levels of {List(net.Channels)}, context of {net.ContextWidth}"));
        facts.Add("autoencoder", checkpoint.Autoencoder is { } coder
            ? Network(vae, $"{coder.LatentChannels} latent channels, {coder.Factor} pixels per latent, levels of {List(coder.Channels)}")
            : "missing");
        facts.Add("text encoder", checkpoint.Text is { } encoder ? Network(text, $"{encoder.Layers} layers of {encoder.Width}") : "missing");
        facts.Add("remarks", Remarks(checkpoint));
    }

    private static List<string> Remarks(Checkpoint checkpoint)
    {
        var remarks = checkpoint.Remarks.ToList();
        if (checkpoint.Autoencoder is null) remarks.Add("there is no autoencoder in it: give one with --vae");
        if (checkpoint.Text is null) remarks.Add("there is no text encoder in it, so it cannot draw");
        return remarks;
    }

    private static string Network(long values, string shape) => string.Create(CultureInfo.InvariantCulture, $"{values / 1e6:0.0} M values, {shape}");

    private static string List(IEnumerable<int> channels) => string.Join(", ", channels);

    private static void AddTensors(Facts facts, TensorFile file, bool all)
    {
        var shown = file.Tensors.Take(all ? int.MaxValue : Shown)
            .Select(tensor => $"{tensor.Key} [{string.Join(", ", tensor.Value.Shape)}] {tensor.Value.Stored}").ToList();
        if (shown.Count < file.Tensors.Count) shown.Add($"and {file.Tensors.Count - shown.Count} more (--all lists them)");
        facts.Add("tensors", shown);
    }

    private static void AddHash(Facts facts, string path, Shell shell)
    {
        if (Directory.Exists(path)) return;
        using var progress = IProgressDisplay.For(shell, quiet: !shell.ErrorIsTerminal);
        var hash = ModelHashes.OfUser(shell.Variable).Of(path, share => progress.Working("reading " + Path.GetFileName(path), share), shell.Cancel)!;
        facts.Add("model hash", ModelHash.Short(hash));
        facts.Add("sha256", hash);
    }
}
