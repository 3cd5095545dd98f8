using Easel.Models;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>An autoencoder in a file of its own, in the original layout (with or without its prefix) or that of diffusers.</summary>
internal sealed class VaeFile : IDisposable
{
    private readonly TensorFile _file;

    private VaeFile(TensorFile file)
    {
        _file = file;
        const string Prefix = "first_stage_model.";
        var prefix = file.Tensors.Keys.Any(k => k.StartsWith(Prefix, StringComparison.Ordinal)) ? Prefix : "";
        var names = file.Tensors.Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(k => k, k => k[prefix.Length..]);
        var original = names.Values.Any(n => n.StartsWith("decoder.up.", StringComparison.Ordinal));
        if (!original && !names.Values.Any(n => n.StartsWith("decoder.up_blocks.", StringComparison.Ordinal)))
            throw new CheckpointException($"{file.Path} holds no autoencoder: it is {ModelKind.Describe(file.Tensors.Keys) ?? "of a kind unknown to Easel"}.");

        var levels = 1 + names.Values.Select(n => n.Split('.')).Where(p => p is ["decoder", "up", _, ..] && int.TryParse(p[2], out _)).Select(p => int.Parse(p[2])).DefaultIfEmpty(0).Max();
        foreach (var (key, name) in names)
            if ((original ? KeyLayout.OriginalAutoencoder(name, levels) : KeyLayout.DiffusersAutoencoder(name)) is { } own) Tensors.Add(own, new Slot(file, key));
        Config = Shapes.Autoencoder(Tensors, new ModelSettings().WithMarks(file).VaeNormGroups, file.Path);
    }

    public StateDict Tensors { get; } = new();

    public AutoencoderConfig Config { get; }

    public static VaeFile Open(string path)
    {
        var file = TensorFile.Open(path);
        try
        {
            return new VaeFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file holds one.</summary>
    public static bool IsIn(TensorFile file) => file.Tensors.Keys.Any(key =>
        key.StartsWith("decoder.up.", StringComparison.Ordinal) || key.StartsWith("decoder.up_blocks.", StringComparison.Ordinal)
        || key.StartsWith("first_stage_model.decoder.up.", StringComparison.Ordinal));

    public void Dispose() => _file.Dispose();
}
