using Easel.Models;
using Easel.Training.Data;
using static TorchSharp.torch;

namespace Easel.Training;

/// <summary>Encodes all pictures before training begins, so that no step has to.</summary>
internal static class Latents
{
    private const int Batch = 32;

    /// <summary>The mean of each picture's latent, [pictures, c, h, w], fp32, in the network's own scale.</summary>
    public static Tensor Of(Autoencoder network, Gallery gallery, Action<double>? onProgress)
    {
        using var guard = no_grad();
        var parts = new List<Tensor>();
        for (var from = 0; from < gallery.Count; from += Batch)
        {
            using var scope = NewDisposeScope();
            var pixels = gallery.Batch([.. Enumerable.Range(from, Math.Min(Batch, gallery.Count - from)).Select(i => (i, 0, 0))], Variant.Side);
            parts.Add(network.Encode(pixels).Mean.DetachFromDisposeScope());
            onProgress?.Invoke((double)from / gallery.Count);
        }
        var all = cat(parts).DetachFromDisposeScope();
        foreach (var part in parts) part.Dispose();
        return all;
    }

    /// <summary>The same with mean 0 and variance 1 in each channel.</summary>
    public static Tensor Normalised(Tensor latents)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return ((latents - latents.mean([0, 2, 3], keepdim: true)) / latents.std([0, 2, 3], keepdim: true)).DetachFromDisposeScope();
    }
}
