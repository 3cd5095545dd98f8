using Easel.Models;
using Easel.Tests.Support;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards the tiny autoencoder against the original's outputs, and that every layout it is found in gives the same network.</summary>
public sealed class TinyAutoencoderTests : IDisposable
{
    private const double Tolerance = 1e-3;
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-taesd").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors("layouts/taesd.goldens.safetensors");

    private static string EncoderFile => Goldens.Unpacked("layouts/taesd_encoder.fp16.pth");
    private static string DecoderFile => Goldens.Unpacked("layouts/taesd_decoder.fp16.pth");

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Decodes_as_the_original()
    {
        using var model = TinyVaeFile.Load(DecoderFile, LatentSpace.StableDiffusion, ScalarType.Float32, CPU);
        var picture = model.Decode(_goldens["decoder.latent"]);
        Close.Absolute(_goldens["decoder.image_0to1_unclamped"], (picture + 1) / 2, Tolerance);
    }

    [Fact]
    public void Finds_the_decoder_beside_the_encoder()
    {
        File.Copy(EncoderFile, Path.Combine(_folder, "taesd_encoder.pth"));
        File.Copy(DecoderFile, Path.Combine(_folder, "taesd_decoder.pth"));
        using var model = TinyVaeFile.Load(Path.Combine(_folder, "taesd_encoder.pth"), LatentSpace.StableDiffusion, ScalarType.Float32, CPU);
        Close.Absolute(_goldens["decoder.image_0to1_unclamped"], (model.Decode(_goldens["decoder.latent"]) + 1) / 2, Tolerance);
    }

    [Theory]
    [InlineData("encoder.", "decoder.", 0)]
    [InlineData("taesd_encoder.", "taesd_decoder.", 0)]
    [InlineData("encoder.layers.", "decoder.layers.", 1)] // diffusers, which numbers the decoder without its clamp
    public void Loads_the_decoder_from_a_file_of_both(string encoder, string decoder, int shift)
    {
        var tensors = new Dictionary<string, Tensor>();
        using (var file = TensorFile.Open(EncoderFile))
            foreach (var key in file.Tensors.Keys) tensors[encoder + key] = file.View(key).clone();
        using (var file = TensorFile.Open(DecoderFile))
            foreach (var key in file.Tensors.Keys)
            {
                var dot = key.IndexOf('.');
                tensors[$"{decoder}{int.Parse(key[..dot]) - shift}{key[dot..]}"] = file.View(key).clone();
            }
        var path = Path.Combine(_folder, "taesd.safetensors");
        SafeTensorsWriter.Write(path, tensors);

        using var model = TinyVaeFile.Load(path, LatentSpace.StableDiffusion, ScalarType.Float32, CPU);
        Close.Absolute(_goldens["decoder.image_0to1_unclamped"], (model.Decode(_goldens["decoder.latent"]) + 1) / 2, Tolerance);
    }

    [Fact]
    public void Decodes_in_tiles_without_seams()
    {
        using var model = TinyVaeFile.Load(DecoderFile, LatentSpace.StableDiffusion, ScalarType.Float32, CPU);
        var latents = randn([1, 4, 24, 24], generator: new Generator(1, CPU));
        var whole = model.Decode(latents);
        var tiled = model.Decode(latents, tile: 20);
        // The network sees about 20 positions to each side: far from a tile's inner edge it is as if there were none.
        Close.Absolute(whole[.., .., ..16, ..16], tiled[.., .., ..16, ..16], 1e-3);
        Assert.True((whole - tiled).abs().mean().item<float>() < 0.1 * whole.std().item<float>());
    }

    [Fact]
    public void Says_which_half_is_missing()
    {
        File.Copy(EncoderFile, Path.Combine(_folder, "half.pth"));
        var refusal = Assert.Throws<CheckpointException>(() => TinyVaeFile.Load(Path.Combine(_folder, "half.pth"), LatentSpace.StableDiffusion,
            ScalarType.Float32, CPU));
        Assert.Contains("only the encoder", refusal.Message);
    }

    [Fact]
    public void Refuses_other_files()
    {
        var path = Path.Combine(_folder, "other.safetensors");
        var large = new Dictionary<string, Tensor> { ["encoder.down.0.block.0.norm1.weight"] = ones(3), ["decoder.up.0.block.0.norm1.weight"] = ones(3) };
        SafeTensorsWriter.Write(path, large);
        Assert.Contains("an autoencoder (VAE) alone",
            Assert.Throws<CheckpointException>(() => TinyVaeFile.Load(path, LatentSpace.StableDiffusion, ScalarType.Float32, CPU)).Message);

        SafeTensorsWriter.Write(path, new Dictionary<string, Tensor> { ["1.weight"] = ones(64, 16, 3, 3), ["1.bias"] = ones(64) });
        Assert.Contains("16 channels",
            Assert.Throws<CheckpointException>(() => TinyVaeFile.Load(path, LatentSpace.StableDiffusion, ScalarType.Float32, CPU)).Message);
    }

    [Fact]
    public void Previews_without_a_network()
    {
        var latents = zeros(2, 4, 3, 5);
        latents[0, 0] = 2; // the first channel is reddish
        latents[1, 3, 1, 2] = -1; // the fourth, taken away, leaves blue
        var pictures = LatentSpace.StableDiffusion.Preview(latents.to(ScalarType.BFloat16))!;

        Assert.Equal(2, pictures.Count);
        Assert.Equal((5, 3), (pictures[0].Width, pictures[0].Height));
        Assert.Equal([215, 162, 144], pictures[0].Pixels[..3].Select(b => (int)b)); // 255 (1 + 2 * 0.3444) / 2 and so on
        Assert.Equal([127, 127, 127], pictures[1].Pixels[..3].Select(b => (int)b));
        Assert.Equal([144, 151, 222], pictures[1].Pixels.AsSpan((1 * 5 + 2) * 3, 3).ToArray().Select(b => (int)b));
        Assert.NotEqual(pictures[0].Pixels, LatentSpace.Upscaler.Preview(latents)![0].Pixels); // other latents of as many channels
        Assert.Null(LatentSpace.StableDiffusion.As(5, null, null).Preview(zeros(1, 5, 4, 4))); // of colours that nobody has measured
    }
}
