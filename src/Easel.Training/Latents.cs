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
        var parts = new Tensor[(gallery.Count + Batch - 1) / Batch];
        for (var i = 0; i < parts.Length; i += 2)
        {
            var first = i;
            Shards.Run(Math.Min(2, parts.Length - first), shard =>
            {
                using var guard = no_grad();
                var from = (first + shard) * Batch;
                var pixels = gallery.Batch([.. Enumerable.Range(from, Math.Min(Batch, gallery.Count - from)).Select(picture => (picture, 0, 0))], Variant.Side);
                parts[first + shard] = network.Encode(pixels).Mean.DetachFromDisposeScope();
            });
            onProgress?.Invoke((double)first / parts.Length);
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
