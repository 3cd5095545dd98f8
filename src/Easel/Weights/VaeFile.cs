using Easel.Models;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>An autoencoder in a file or a folder of its own, in the original layout or that of diffusers, whatever stands before its names.</summary>
internal sealed class VaeFile : IDisposable
{
    private readonly TensorFile _file;

    private VaeFile(TensorFile file)
    {
        _file = file;
        if (CheckpointLayout.AutoencodersIn([.. file.Tensors.Keys]) is not [{ Place: var prefix }, ..])
            throw FileKind.IsNo(file, "autoencoder", ModelKind.Autoencoder);
        var keys = file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToList();

        var names = AutoencoderNames.Of([.. keys.Select(key => key[prefix.Length..])]);
        foreach (var key in keys) Tensors.Add(names, key[prefix.Length..], file, key);
        Config = Shapes.Autoencoder(Tensors, new ModelSettings().WithMarks(file).VaeNormGroups, file.Path);
    }

    public StateDict Tensors { get; } = new();

    public AutoencoderConfig Config { get; }

    public static VaeFile Open(string path)
    {
        var inside = System.IO.Path.Combine(path, "vae");
        var file = Directory.Exists(path) ? DiffusersFolder.OpenComponent(Directory.Exists(inside) ? inside : path, "") : TensorFile.Open(path);
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
