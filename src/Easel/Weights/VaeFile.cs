using Easel.Models;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>An autoencoder in a file or a folder of its own, in the original layout or that of diffusers, whatever stands before its names.</summary>
internal sealed class VaeFile : IDisposable
{
    private readonly TensorFile _file;

    private VaeFile(TensorFile file, ModelSettings settings)
    {
        (_file, Scale, Overflows) = (file, settings.LatentScale, settings.VaeOverflows ?? (SaysItIsMended(file.Path) ? false : null));
        if (CheckpointLayout.AutoencodersIn([.. file.Tensors.Keys]) is not [{ Place: var prefix }, ..])
            throw FileKind.IsNo(file, "autoencoder", ModelKind.Autoencoder);
        var keys = file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToList();

        var names = AutoencoderNames.Of([.. keys.Select(key => key[prefix.Length..])]);
        foreach (var key in keys) Tensors.Add(names, key[prefix.Length..], file, key);
        Config = Shapes.Autoencoder(Tensors, settings.WithMarks(file).VaeNormGroups, file.Path);
    }

    /// <summary>What its latents are multiplied by, as its configuration says; null where it has none.</summary>
    public double? Scale { get; }

    /// <summary>Whether its numbers grow too large for fp16; null where nothing says so.</summary>
    public bool? Overflows { get; }

    /// <summary>Whether a file goes by the name under which Ollin Boer Bohan published SDXL's autoencoder with smaller numbers inside
    /// (sdxl-vae-fp16-fix): its tensors have the names and shapes of the original's.</summary>
    public static bool SaysItIsMended(string path) =>
        string.Concat(path.Where(char.IsLetterOrDigit)).ToLowerInvariant() is var name
        && (name.Contains("fp16fix", StringComparison.Ordinal) || name.Contains("fixfp16", StringComparison.Ordinal));

    public StateDict Tensors { get; } = new();

    public AutoencoderConfig Config { get; }

    public static VaeFile Open(string path)
    {
        var inside = Path.Combine(path, "vae");
        var folder = !Directory.Exists(path) ? null : Directory.Exists(inside) ? inside : path;
        var file = folder is null ? TensorFile.Open(path) : DiffusersFolder.OpenComponent(folder, "");
        try
        {
            return new VaeFile(file, folder is null ? new ModelSettings() : ModelSettings.OfVae(folder));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();
}
