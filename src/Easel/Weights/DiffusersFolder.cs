using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>The weights of a model in the diffusers layout: a folder with a subfolder per component (<c>unet</c>, <c>vae</c>, <c>text_encoder</c>), each with
/// one file of weights, or several and an index, and perhaps more of the kind in other variants (<c>fp16</c>, <c>non_ema</c>).</summary>
internal static partial class DiffusersFolder
{
    // The first serves UNets and autoencoders, the others text encoders.
    private static readonly string[] Stems = ["diffusion_pytorch_model", "model", "pytorch_model"];

    // Which variant is the model itself; one that is named otherwise comes last.
    private static readonly string[] Variants = ["", "fp32", "fp16", "bf16", "ema", "non_ema"];

    /// <summary>Opens the weights of one component: of safetensors and pickles the safetensors, and of their variants the one whose precision is asked for, or
    /// else the fullest that is there.</summary>
    /// <param name="component">The subfolder's name; empty for a model that is a component by itself.</param>
    /// <param name="options">Whose precision and averaged weights are asked for; null for no matter which.</param>
    /// <returns>The tensors; those of several files as one.</returns>
    /// <exception cref="CheckpointException">There are no weights, or they are damaged.</exception>
    public static TensorFile OpenComponent(string folder, string component, LoadOptions? options = null)
    {
        var path = Path.Combine(folder, component);
        if (FindWeights(path, options) is { } file)
            return file.EndsWith(".json", StringComparison.Ordinal) ? ShardedTensors.OpenIndex(file) : TensorFile.Open(file);
        if (!Directory.Exists(path)) throw new CheckpointException($"There is no folder '{path}', which a model in the diffusers layout has.");
        var others = Directory.EnumerateFiles(path).Select(Path.GetFileName).Order(StringComparer.Ordinal).Take(5).Select(name => Quoted.Name(name!)).ToList();
        throw new CheckpointException($"'{path}' has no weights; they would be {Stems[0]}.safetensors or {Stems[1]}.safetensors (or .fp16.safetensors, "
            + $"or .bin), or their index{(others.Count > 0 ? $", and there are {string.Join(", ", others)}" : "")}.");
    }

    /// <summary>The file of weights, or the index of several, that <see cref="OpenComponent"/> would open in <paramref name="path"/>; null when there is
    /// none.</summary>
    public static string? FindWeights(string path, LoadOptions? options = null)
    {
        if (!Directory.Exists(path)) return null;
        string[] wanted = [.. Asked(options), .. Variants];
        return Directory.EnumerateFiles(path).Select(file => (Path: file, Match: Weights().Match(Path.GetFileName(file)))).Where(file => file.Match.Success)
            .OrderBy(file => file.Match.Groups["format"].Value == "bin") // safetensors first
            .ThenBy(file => Array.IndexOf(wanted, Variant(file.Match)) is >= 0 and var place ? place : wanted.Length)
            .ThenBy(file => Array.IndexOf(Stems, file.Match.Groups["stem"].Value))
            .ThenBy(file => file.Match.Groups["index"].Success)
            .ThenBy(file => file.Path, StringComparer.Ordinal)
            .Select(file => file.Path).FirstOrDefault();
    }

    private static IEnumerable<string> Asked(LoadOptions? options)
    {
        if (options is null) yield break;
        if (options.Ema) yield return "ema";
        if (options.Precision == Precision.Float16) yield return "fp16";
        if (options.Precision == Precision.BFloat16) yield return "bf16";
    }

    private static string Variant(Match file) => file.Groups["variant"].Success ? file.Groups["variant"].Value : file.Groups["behind"].Value;

    // Both spellings of a variant's index are in use: diffusers' own, and the one that follows its files' names. A shard is no whole.
    [GeneratedRegex(@"^(?<stem>diffusion_pytorch_model|model|pytorch_model)(\.(?<variant>(?!.*-of-)[\w-]+))?\.(?<format>safetensors|bin)"
        + @"(?<index>\.index(\.(?<behind>[\w-]+))?\.json)?$")]
    private static partial Regex Weights();
}
