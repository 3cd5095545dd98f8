using Easel.Weights.Formats;

namespace Easel.Weights.Names;

/// <summary>The names under which tiny autoencoders are stored, and ours: "encoder." or "decoder." and the number in the original's list.</summary>
internal static class TinyAutoencoderNames
{
    private static readonly string[] Prefixes = ["encoder.layers.", "decoder.layers.", "taesd_encoder.", "taesd_decoder.", "encoder.", "decoder."];

    /// <summary>The tensors of the half or halves in a file; none where it holds something else.</summary>
    public static StateDict Read(TensorFile file)
    {
        var found = file.Tensors.Keys.Select(key => (Key: key, Half: HalfOf(file, key), Inner: WithoutPrefix(key))).ToList();
        var tensors = new StateDict();
        if (found.Any(f => f.Half is null || NameTable.Number(f.Inner) is null)) return tensors;

        foreach (var (key, half, inner) in found)
        {
            // diffusers has no entry for the clamp that begins the original's decoder, so that its numbers are lower by one.
            var shift = half == "decoder" && !found.Any(f => f.Half == "decoder" && f.Inner == "1.weight") ? 1 : 0;
            var dot = inner.IndexOf('.');
            tensors.Add($"{half}.{NameTable.Number(inner)!.Value + shift}{inner[dot..]}", new Slot(file, key));
        }
        return tensors;
    }

    private static string WithoutPrefix(string key)
    {
        var prefix = Prefixes.FirstOrDefault(p => key.StartsWith(p, StringComparison.Ordinal)) ?? "";
        return key[prefix.Length..];
    }

    /// <summary>Of a bare list the first layer tells: the encoder begins with a convolution, the decoder with a clamp that has no weights.</summary>
    private static string? HalfOf(TensorFile file, string key) => key switch
    {
        _ when key.StartsWith("encoder.", StringComparison.Ordinal) || key.StartsWith("taesd_encoder.", StringComparison.Ordinal) => "encoder",
        _ when key.StartsWith("decoder.", StringComparison.Ordinal) || key.StartsWith("taesd_decoder.", StringComparison.Ordinal) => "decoder",
        _ when file.Tensors.ContainsKey("0.weight") => "encoder",
        _ when file.Tensors.ContainsKey("1.weight") => "decoder",
        _ => null,
    };
}
