using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>The text encoders in a file or a folder of their own, or inside another model, under whatever stands before their names.</summary>
internal sealed class TextEncoderFile : IDisposable
{
    private readonly TensorFile _file;

    private TextEncoderFile(TensorFile file, ModelSettings settings)
    {
        (_file, Settings) = (file, settings);
        // Stable Diffusion XL's two come with the narrower first.
        Towers = [.. CheckpointLayout.TextTowersIn([.. file.Tensors.Keys]).Select(Read).OrderBy(tower => tower.Width)];
        if (Towers.Count == 0) throw FileKind.IsNo(file, "text encoder (CLIP)", ModelKind.Other);
    }

    public IReadOnlyList<FoundText> Towers { get; }

    /// <summary>What a configuration beside them says.</summary>
    public ModelSettings Settings { get; }

    /// <param name="path">A file, or a folder that is a text encoder or has one.</param>
    /// <exception cref="CheckpointException">There is none.</exception>
    public static TextEncoderFile Open(string path)
    {
        var folder = !Directory.Exists(path) ? null
            : Directory.Exists(Path.Combine(path, CheckpointLayout.TextFolder)) ? Path.Combine(path, CheckpointLayout.TextFolder) : path;
        var file = folder is null ? TensorFile.Open(path) : DiffusersFolder.OpenComponent(folder, "");
        try
        {
            return new TextEncoderFile(file, folder is null ? ModelSettings.Beside(path, null) : ModelSettings.OfTextEncoder(folder));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private FoundText Read(CheckpointPart part)
    {
        var keys = _file.Tensors.Keys.Where(key => key.StartsWith(part.Place, StringComparison.Ordinal)).ToList();
        var names = part.NamesOf([.. keys.Select(key => key[part.Place.Length..])]);
        var found = new FoundText(part.Place) { IsWholeTower = part.IsWhole(keys) };
        foreach (var key in keys) found.Tensors.Add(names, key[part.Place.Length..], _file, key);
        return found;
    }
}
