using Easel.Models;
using Easel.Training.Data;

namespace Easel.Training;

/// <summary>Recorded scenes as tensors.</summary>
internal static class Painted
{
    /// <summary>Square parts of scenes, [n, 3, side, side] in [-1, 1], fp32.</summary>
    public static Tensor Parts(Pack pack, IReadOnlyList<(int Scene, int Left, int Top)> parts, int side)
    {
        var values = new float[parts.Count * 3 * side * side];
        Parallel.For(0, parts.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
            pack.Renderer.Paint(pack.SceneAt(parts[i].Scene), parts[i].Left, parts[i].Top, side, values.AsSpan(i * 3 * side * side, 3 * side * side)));
        return tensor(values, [parts.Count, 3, side, side]);
    }

    public static Tensor Whole(Pack pack, IReadOnlyList<int> scenes) => Parts(pack, [.. scenes.Select(scene => (scene, 0, 0))], Scene.Side);

    /// <summary>The first scenes' latents, [n, c, h, w], fp16, from a file if that was made of the same scenes by the same encoder; otherwise it is
    /// made.</summary>
    public static Tensor Latents(string path, Autoencoder network, Pack pack, int count, Action<double>? onProgress)
    {
        using var guard = no_grad();
        var origin = Origin(network, pack, count);
        if (File.Exists(path))
        {
            using var file = Weights.Formats.TensorFile.Open(path);
            if (file.Metadata.GetValueOrDefault("origin") == origin) return file.View("latents").clone().DetachFromDisposeScope();
        }
        const int Batch = 16;
        var parts = new List<Tensor>();
        for (var first = 0; first < count; first += Batch)
        {
            using var scope = NewDisposeScope();
            var pixels = Whole(pack, [.. Enumerable.Range(first, Math.Min(Batch, count - first))]);
            parts.Add(network.Encode(pixels).Mean.to(ScalarType.Float16).DetachFromDisposeScope());
            onProgress?.Invoke((double)first / count);
        }
        var all = cat(parts).DetachFromDisposeScope();
        foreach (var part in parts) part.Dispose();
        Weights.Formats.SafeTensorsWriter.Write(path, new Dictionary<string, Tensor> { ["latents"] = all }, metadata: new Dictionary<string,
            string>
        { ["origin"] = origin });
        return all;
    }

    /// <summary>A digest of the encoder's weights and of what it is to encode.</summary>
    private static string Origin(Autoencoder network, Pack pack, int count)
    {
        using var scope = NewDisposeScope();
        using var digest = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var (name, value) in network.named_parameters())
            if (!name.Contains("decoder", StringComparison.Ordinal) && !name.StartsWith("post_", StringComparison.Ordinal))
                digest.AppendData(value.detach().contiguous().bytes);
        digest.AppendData(Painted.Whole(pack, [.. Enumerable.Range(0, Math.Min(8, count))]).bytes);
        return $"{Convert.ToHexStringLower(digest.GetHashAndReset())}/{pack.SceneCount}/{count}";
    }
}
