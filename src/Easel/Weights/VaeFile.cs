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
        var prefix = file.Tensors.Keys.Any(key => key.StartsWith(Prefix, StringComparison.Ordinal)) ? Prefix : "";
        var keys = file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        if (!keys.Any(key => key.AsSpan(prefix.Length).StartsWith("decoder.up"))) throw FileKind.IsNo(file, "autoencoder");

        var names = AutoencoderNames.Of([.. keys.Select(key => key[prefix.Length..])]);
        foreach (var key in keys) Tensors.Add(names, key[prefix.Length..], file, key);
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

    public void Dispose() => _file.Dispose();
}
