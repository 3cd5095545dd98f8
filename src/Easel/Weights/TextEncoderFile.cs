using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>A text encoder in a file or a folder of its own, or the one inside another model, under whatever stands before its names.</summary>
internal sealed class TextEncoderFile : IDisposable
{
    private readonly TensorFile _file;

    private TextEncoderFile(TensorFile file, ModelSettings settings, int width)
    {
        (_file, Settings) = (file, settings);
        var towers = CheckpointLayout.TextTowersIn([.. file.Tensors.Keys]);
        if (towers.Count == 0) throw FileKind.IsNo(file, "text encoder (CLIP)", ModelKind.Other);
        // Of several, as Stable Diffusion XL has them, the one that the UNet attends to.
        var part = towers.FirstOrDefault(tower => file.Tensors.Any(tensor => tensor.Key.StartsWith(tower.Place, StringComparison.Ordinal)
            && tensor.Key.EndsWith("token_embedding.weight", StringComparison.Ordinal) && tensor.Value.Shape is [_, var own] && own == width), towers[0]);
        var keys = file.Tensors.Keys.Where(key => key.StartsWith(part.Place, StringComparison.Ordinal)).ToList();
        var names = part.NamesOf([.. keys.Select(key => key[part.Place.Length..])]);
        foreach (var key in keys) Tensors.Add(names, key[part.Place.Length..], file, key);
        IsWholeTower = part.IsWhole(keys);
    }

    public StateDict Tensors { get; } = new();

    /// <summary>What a configuration beside it says.</summary>
    public ModelSettings Settings { get; }

    public bool IsWholeTower { get; }

    /// <param name="path">A file, or a folder that is a text encoder or has one.</param>
    /// <param name="width">The width of the vectors that are wanted, by which one of several is chosen.</param>
    /// <exception cref="CheckpointException">There is none.</exception>
    public static TextEncoderFile Open(string path, int width)
    {
        var folder = !Directory.Exists(path) ? null
            : Directory.Exists(Path.Combine(path, CheckpointLayout.TextFolder)) ? Path.Combine(path, CheckpointLayout.TextFolder) : path;
        var file = folder is null ? TensorFile.Open(path) : DiffusersFolder.OpenComponent(folder, "");
        try
        {
            return new TextEncoderFile(file, folder is null ? ModelSettings.Beside(path, null) : ModelSettings.OfTextEncoder(folder), width);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();
}
