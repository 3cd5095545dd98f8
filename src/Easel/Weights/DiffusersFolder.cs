using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>The weights of a model in the diffusers layout: a folder with a subfolder per component (<c>unet</c>, <c>vae</c>, <c>text_encoder</c>), each with
/// one file of weights, or several and an index.</summary>
internal static class DiffusersFolder
{
    // The first serves UNets and autoencoders, the second and third text encoders.
    private static readonly string[] Stems = ["diffusion_pytorch_model", "model", "pytorch_model"];

    /// <summary>Opens the weights of one component: full precision before half, safetensors before pickles, and any safetensors before a pickle.</summary>
    /// <param name="component">The subfolder's name; empty for a model that is a component by itself.</param>
    /// <returns>The tensors; those of several files as one.</returns>
    /// <exception cref="CheckpointException">There are no weights, or they are damaged.</exception>
    public static TensorFile OpenComponent(string folder, string component)
    {
        var path = Path.Combine(folder, component);
        if (FindWeights(path) is { } file) return file.EndsWith(".json", StringComparison.Ordinal) ? ShardedTensors.OpenIndex(file) : TensorFile.Open(file);
        throw new CheckpointException(Directory.Exists(path)
            ? $"'{path}' has no weights; they would be {Stems[0]}.safetensors or {Stems[1]}.safetensors (or .fp16.safetensors, or .bin), or their index."
            : $"There is no folder '{path}', which a model in the diffusers layout has.");
    }

    /// <summary>The file of weights, or the index of several, that <see cref="OpenComponent"/> would open in <paramref name="path"/>; null when there is
    /// none.</summary>
    public static string? FindWeights(string path) => Candidates().Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists);

    // Both spellings of a variant's index are in use: diffusers' own, and the one that follows its files' names.
    private static IEnumerable<string> Candidates() =>
        from format in new[] { "safetensors", "bin" }
        from variant in new[] { "", ".fp16" }
        from stem in Stems
        from name in new[] { $"{stem}{variant}.{format}", $"{stem}.{format}.index{variant}.json", $"{stem}{variant}.{format}.index.json" }
        select name;
}
