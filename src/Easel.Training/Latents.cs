using System.Security.Cryptography;
using Easel.Models;
using Easel.Training.Data;
using Easel.Weights.Formats;

namespace Easel.Training;

/// <summary>Encodes all pictures before training begins, so that no step has to.</summary>
internal static class Latents
{
    private const int Batch = 32;

    /// <summary>As <see cref="Of"/>, from a file if that was made of the same pictures by the same encoder; otherwise the file is made.</summary>
    public static Tensor Kept(string path, Autoencoder network, TrainingSet gallery, Action<double>? onProgress)
    {
        var made = Origin(network, gallery);
        if (File.Exists(path))
        {
            using var file = TensorFile.Open(path);
            if (file.Metadata.GetValueOrDefault("origin") == made) return file.View("latents").clone().DetachFromDisposeScope();
        }
        var latents = Of(network, gallery, onProgress);
        SafeTensorsWriter.Write(path, new Dictionary<string, Tensor> { ["latents"] = latents }, metadata: new Dictionary<string, string> { ["origin"] = made });
        return latents;
    }

    /// <summary>A digest of all pictures and of the encoder's weights.</summary>
    private static string Origin(Autoencoder network, TrainingSet gallery)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var i = 0; i < gallery.Count; i++) digest.AppendData(gallery.Picture(i).Pixels);
        foreach (var (name, value) in network.named_parameters())
            if (!name.Contains("decoder", StringComparison.Ordinal) && !name.StartsWith("post_", StringComparison.Ordinal))
                digest.AppendData(value.detach().contiguous().bytes);
        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }

    /// <summary>The mean of each picture's latent, [pictures, c, h, w], fp32, in the network's own scale.</summary>
    public static Tensor Of(Autoencoder network, TrainingSet gallery, Action<double>? onProgress)
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
