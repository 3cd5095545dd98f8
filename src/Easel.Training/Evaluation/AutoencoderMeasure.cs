using Easel.Training.Data;
using Easel.Weights;

namespace Easel.Training.Evaluation;

/// <summary>How well a model's autoencoder keeps scenes: signal to noise of the pixels, and of the differences between neighbours, which are the
/// edges.</summary>
internal static class AutoencoderMeasure
{
    private const int Count = 64, Batch = 8;

    /// <param name="path">A whole model, or an autoencoder alone.</param>
    public static IEnumerable<string> Of(string path, Pack pack)
    {
        using var guard = no_grad();
        using var file = VaeFile.Open(path);
        using var network = new Models.Autoencoder(file.Config);
        file.Tensors.Load(network, "autoencoder", ScalarType.Float32, CPU);
        var (pixels, edges, of) = (0.0, 0.0, Math.Min(Count, pack.SceneCount));
        for (var first = 0; first < of; first += Batch)
        {
            using var scope = NewDisposeScope();
            var scenes = Painted.Whole(pack, [.. Enumerable.Range(pack.SceneCount - of + first,
                Math.Min(Batch, of - first))]); // the last, of which none is trained on first
            var error = (network.Decode(network.Encode(scenes).Mean).clamp(-1, 1) - scenes) / 2;
            pixels += error.square().mean([1, 2, 3]).sum().item<float>();
            edges += ((error[.., .., .., 1..] - error[.., .., .., ..^1]).square().mean([1, 2, 3])
                + (error[.., .., 1..] - error[.., .., ..^1]).square().mean([1, 2, 3]))
                .sum().item<float>();
        }
        yield return string.Create(CultureInfo.InvariantCulture, $"pixels: {-10 * Math.Log10(pixels / of):F2} dB over {of} scenes");
        yield return string.Create(CultureInfo.InvariantCulture, $"edges: {-10 * Math.Log10(edges / of / 2):F2} dB");
    }
}
