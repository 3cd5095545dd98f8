using Easel.Models;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A file with the tiny autoencoder (TAESD).</summary>
internal static class TinyVaeFile
{
    private const string Decoder = "decoder.";

    /// <summary>What their authors call them, the longer names first.</summary>
    private static readonly string[] Kinds = ["TAESDXL", "TAESD3", "TAEF1", "TAESD"];

    /// <summary>Loads the decoder from a file that holds it alone or beside the encoder: the original's lists ("1.weight", "3.conv.0.weight"), or those under
    /// "decoder.", "taesd_decoder." and the like, or diffusers' AutoencoderTiny ("decoder.layers.0.weight"). Of a file with the encoder alone the decoder is
    /// taken from the file beside it whose name says "decoder" in place of "encoder", if there is one.</summary>
    /// <exception cref="CheckpointException">It is no tiny autoencoder, one for other latents, or has no decoder.</exception>
    public static TinyAutoencoder Load(string path, LatentSpace latent, ScalarType type, Device device)
    {
        using var file = TensorFile.Open(path);
        var found = TinyAutoencoderNames.Read(file);
        if (found.Count == 0) throw FileKind.IsNo(file, "tiny autoencoder (TAESD)", ModelKind.TinyAutoencoder);

        using var other = found.Slots.Keys.Any(IsDecoder) || Partner(path) is not { } beside ? null : TensorFile.Open(beside);
        var tensors = new StateDict();
        foreach (var (name, slot) in (other is null ? found : TinyAutoencoderNames.Read(other)).Slots)
            if (IsDecoder(name)) tensors.Add(name, slot);
        if (tensors.Count == 0)
            throw new CheckpointException($"{path} holds only the encoder of a tiny autoencoder, and pictures are made by its decoder.");
        if (latent.TinyAutoencoder is not { } fitting)
            throw new CheckpointException($"{path} is a tiny autoencoder, and there is none for this model's latents.");
        if (tensors.Shape("decoder.1.weight") is [_, var channels, _, _] && channels != latent.Channels)
            throw new CheckpointException($"{path} is a tiny autoencoder for latents of {channels} channels; those of this model have {latent.Channels}.");
        if (KindOf(path) is { } named && named != fitting)
            throw new CheckpointException($"{path} is called {named}, which is made for other latents; {fitting} is made for those of this model.");

        var model = new TinyAutoencoder(latent.Channels);
        tensors.Load(model, "tiny autoencoder", type, device);
        return model;

        static bool IsDecoder(string name) => name.StartsWith(Decoder, StringComparison.Ordinal);
    }

    /// <summary>A file beside a model, or in the folders that AUTOMATIC1111 and ComfyUI have for them, that is called as the tiny autoencoder for its latents
    /// is; null where there is none.</summary>
    public static string? Beside(string model, LatentSpace latent)
    {
        var folder = Directory.Exists(model) ? model : Path.GetDirectoryName(Path.GetFullPath(model))!;
        return ((string[])["", "vae_approx", "VAE-taesd"]).Select(place => Path.Combine(folder, place)).Where(Directory.Exists)
            .SelectMany(place => Directory.EnumerateFiles(place).Order(StringComparer.Ordinal))
            .FirstOrDefault(file => latent.TinyAutoencoder is { } fitting && KindOf(file) == fitting
                && Path.GetExtension(file).ToLowerInvariant() is ".safetensors" or ".pth" or ".pt"
                && !Path.GetFileName(file).Contains("_encoder", StringComparison.OrdinalIgnoreCase));
    }

    private static string? KindOf(string path) => Kinds.FirstOrDefault(kind => Path.GetFileName(path).Contains(kind, StringComparison.OrdinalIgnoreCase));

    /// <summary>"taesd_decoder.pth" for "taesd_encoder.pth", where it exists.</summary>
    private static string? Partner(string path)
    {
        var beside = Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileName(path).Replace("encoder", "decoder"));
        return beside != path && File.Exists(beside) ? beside : null;
    }
}
