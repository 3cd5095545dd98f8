using Easel.Models;
using Easel.Sampling;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>
/// Guards that a family of known blocks is one record: an imaginary one, of six latent channels with a scale and a shift, a text encoder and noise of its own,
/// loads and draws, and each fact of the record is seen in the picture.
/// </summary>
public sealed class NewFamilyTests : IDisposable
{
    private static readonly ModelFamily Imaginary = new()
    {
        Name = "Imaginary Diffusion",
        Recognises = unet => unet is { OutChannels: 6, ContextWidth: 64, LinearProjections: false },
        Latent = new LatentSpace { Channels = 6, PixelsPerPosition = 4, Scale = 0.7, Shift = 0.1 },
        TextEncoders = [new TextEncoderSpec { PadToken = 7, Activation = TextActivation.Gelu, HasFinalNorm = false }],
        Noise = new NoiseModel(NoiseSchedule.FromBetas(BetaSchedule.Linear, 0.0001, 0.02), PredictionType.V),
        Heads = 2,
        NativeSize = 64,
        Steps = 3,
        GuidanceScale = 3,
        Sampler = "euler",
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("easel-family").FullName;

    public NewFamilyTests()
    {
        var level = new AttentionLevel(1, 2, SelfAttention: true);
        Write("unet/diffusion_pytorch_model", new UNet(new UNetConfig
        {
            InChannels = 6,
            OutChannels = 6,
            Channels = [32, 64],
            BlocksPerLevel = 1,
            ContextWidth = 64,
            LinearProjections = false,
            Attention = [level, level],
            MiddleAttention = level,
        }));
        Write("vae/diffusion_pytorch_model", new Autoencoder(new AutoencoderConfig { Channels = [32, 32, 64], LatentChannels = 6, BlocksPerLevel = 1 }));
        Write("text_encoder/model", new ClipTextModel(new ClipTextConfig
        {
            Vocabulary = 49408,
            Positions = 77,
            Width = 64,
            FeedForwardWidth = 128,
            Layers = 2,
            Heads = 1,
            Activation = TextActivation.Gelu,
        }));
        File.WriteAllText(Path.Combine(_folder, "model_index.json"), "{}");
    }

    [Fact]
    public void DrawsByOneRecord()
    {
        using var generator = Load(Imaginary);
        Assert.Equal(("Imaginary Diffusion", 6, 4), (generator.Model.Family, generator.Model.LatentChannels, generator.Model.PixelsPerPosition));
        Assert.Equal(PredictionType.V, generator.Model.Prediction);
        Assert.Equal((3, 3, "euler", 64),
            (generator.Model.Defaults.Steps, generator.Model.Defaults.GuidanceScale, generator.Model.Defaults.Sampler, generator.Model.Defaults.Size));

        var previews = new List<(int, int)>();
        var result = generator.Generate(new GenerationRequest { Prompt = "a [red|green] apple", NegativePrompt = "blurry", Seed = 1 }, progress =>
        {
            if (progress.Preview?.Invoke() is [var small]) previews.Add((small.Width, small.Height));
        });
        Assert.Equal((64, 64), (result.Images[0].Image.Width, result.Images[0].Image.Height));
        Assert.Equal([(64, 64), (64, 64), (64, 64)], previews); // its colours are not known, so its own autoencoder makes them
        Assert.True(result.Images[0].Image.Pixels.Distinct().Count() > 10);
    }

    [Fact]
    public void EveryFactIsSeenInThePicture()
    {
        var pixels = Draw(Imaginary);
        Assert.Equal(pixels, Draw(Imaginary));
        var text = Imaginary.TextEncoders[0];
        ModelFamily[] others =
        [
            Imaginary with { Latent = Imaginary.Latent with { Scale = 0.5 } },
            Imaginary with { Latent = Imaginary.Latent with { Shift = 0.4 } },
            Imaginary with { TextEncoders = [text with { PadToken = 49407 }] },
            Imaginary with { TextEncoders = [text with { Activation = TextActivation.QuickGelu }] },
            Imaginary with { TextEncoders = [text with { HasFinalNorm = true }] },
            Imaginary with { Noise = Imaginary.Noise with { Prediction = PredictionType.Epsilon } },
            Imaginary with { Noise = Imaginary.Noise with { Schedule = ModelFamily.Sd1.Noise.Schedule } },
            Imaginary with { Heads = 4 },
            Imaginary with { GuidanceScale = 7 },
            Imaginary with { Sampler = "heun" },
        ];
        for (var i = 0; i < others.Length; i++) Assert.False(pixels.SequenceEqual(Draw(others[i])), $"fact {i} changes nothing");
    }

    [Fact]
    public void FamiliesAreFoundInTheirOrder()
    {
        using var checkpoint = Checkpoint.Open(_folder);
        // Stable Diffusion's blocks with other latents are taken for a relative of it; then nothing is known of their colours and no tiny autoencoder fits.
        Assert.Equal(("Stable Diffusion 1", 6, 4), (checkpoint.Family.Name, checkpoint.Family.Latent.Channels, checkpoint.Family.Latent.PixelsPerPosition));
        Assert.Null(checkpoint.Family.Latent.Colours);
        Assert.Null(checkpoint.Family.Latent.TinyAutoencoder);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private byte[] Draw(ModelFamily family)
    {
        using var generator = Load(family);
        // Begins from a picture, so that the latent space is seen both ways.
        var picture = new Easel.Imaging.RgbImage(64, 64);
        for (var i = 0; i < picture.Pixels.Length; i++) picture.Pixels[i] = (byte)(i * 37 % 251);
        return generator.Generate(new GenerationRequest { Prompt = "an apple", Seed = 1, InitImage = picture, Strength = 0.7 }).Images[0].Image.Pixels;
    }

    private ImageGenerator Load(ModelFamily family) =>
        ImageGenerator.Load(_folder, new LoadOptions { Precision = Precision.Full, Families = [family, .. ModelFamily.All] });

    private void Write(string name, nn.Module network)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var path = Path.Combine(_folder, name + ".safetensors");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        SafeTensorsWriter.Write(path, network.named_parameters().ToDictionary(p => p.name, p => Random(p.parameter.shape, p.name)));
        network.Dispose();

        Tensor Random(long[] shape, string parameter)
        {
            var inputs = shape.Skip(1).Aggregate(1L, (product, side) => product * side);
            var values = randn(shape, generator: generator);
            return shape.Length > 1 ? values * (0.8 / Math.Sqrt(inputs)) : parameter.EndsWith("weight", StringComparison.Ordinal) ? 1 + 0.3 * values
                : 0.1 * values;
        }
    }
}
