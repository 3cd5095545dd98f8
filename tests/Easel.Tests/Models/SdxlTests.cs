using Easel.Imaging;
using Easel.Models;
using Easel.Pipeline;
using Easel.Sampling;
using Easel.Tests.Support;
using Easel.Text.Prompts;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>
/// Guards Stable Diffusion XL against what generative-models compute with the same tiny weights: two text encoders, the vector of the whole picture, the UNet
/// that is told it, and whole runs.
/// </summary>
public sealed class SdxlTests(SdxlTests.Loaded loaded) : IClassFixture<SdxlTests.Loaded>
{
    public sealed class Loaded : IDisposable
    {
        internal LoadedNetworks Model { get; } = LoadedModel.Load(LoadedModel.Path("sdxl"));

        public void Dispose() => Model.Dispose();
    }

    private LoadedNetworks Model => loaded.Model;

    [Theory]
    [InlineData("p0")]
    [InlineData("p3")]
    public void TextEncodersGiveTheReferencesVectors(string prompt)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("sdxl/text.safetensors");
        Close.Absolute(golden[$"{prompt}.hidden_l"], Model.Texts[0].call(golden[$"{prompt}.ids_l"]), 1e-4, "CLIP-L");
        var (context, pooled) = LearnedVectors.Encode(Model.Texts[1], golden[$"{prompt}.ids_g"], [], clipSkip: 1);
        Close.Absolute(golden[$"{prompt}.hidden_g"], context, 1e-4, "bigG");
        Close.Absolute(golden[$"{prompt}.pooled"], pooled!, 1e-4, "pooled");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void UNetGivesTheReferencesPrediction(int i)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("sdxl/unet.safetensors");
        var expected = golden[$"case{i}.out"];
        using var told = new ContextKeys(golden[$"case{i}.context"], golden[$"case{i}.y"]);
        var actual = Model.UNet.Predict(golden[$"case{i}.x"], golden[$"case{i}.t"].to(ScalarType.Float32), told, null, null);
        Close.Absolute(expected, actual, 1e-4 * Math.Max(1, expected.abs().max().item<float>()));
    }

    [Fact]
    public void AutoencoderGivesTheReferencesMomentsAndPicture()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("sdxl/vae.safetensors");
        Close.Absolute(golden["dec.image"], Model.Decode(golden["dec.z_in"], null), 1e-3, "picture");
        Close.Absolute(golden["enc.moments"][.., ..4], Model.Autoencoder.Encode(golden["enc.input"]).Mean, 1e-3, "mean");
    }

    /// <summary>Where generative-models begin, over which levels they go and what the network is told, which other programs do a little otherwise.</summary>
    [Fact]
    public void WalksAsGenerativeModels()
    {
        using var scope = NewDisposeScope();
        var golden = Goldens.Tensors("sdxl/sample_heun_neg.safetensors");
        var request = new GenerationRequest { Like = NoiseLike.CompVis, Sampler = "heun", Schedule = "sgm_uniform", Steps = 9, Width = 128, Height = 64 };
        var run = RunShape.Of(request with { GuidanceScale = 6 }, Model.Family, Model.Noise);
        Close.Absolute(golden["sigmas"], tensor(run.Plan.Sigmas.Select(sigma => (float)sigma).ToArray()), 1e-4, "levels");
        Close.Absolute(golden["x_T"] * Math.Sqrt(1 + run.Plan.Sigmas[0] * run.Plan.Sigmas[0]), run.Plan.Start(golden["x_T"]), 1e-3, "start");

        var pooled = golden["cond.vector"][..1, ..48];
        Close.Absolute(golden["cond.vector"][..1], PictureVector.For(Model.Family, pooled, request, run.Canvas, isNegative: false)!, 1e-4, "vector");

        // And what it is told of sizes, as text.safetensors has it.
        var text = Goldens.Tensors("sdxl/text.safetensors");
        var sized = request with { OriginalHeight = 1024, OriginalWidth = 768, CropTop = 8, CropLeft = 16, TargetHeight = 512, TargetWidth = 640 };
        Close.Absolute(text["p0.vector"], PictureVector.For(Model.Family, text["p0.pooled"], sized, run.Canvas, isNegative: true)!, 1e-4, "sizes");

        // Timesteps are whole, where those of other programs lie between: 999 - 999 / 7 is 856.28.
        var seven = SamplingPlan.For("euler", "sgm_uniform", 7, Model.Noise, options: new SamplingOptions { LikeGenerativeModels = true });
        Assert.Equal(856, seven.ToTimestep(seven.Sigmas[1]));
        Assert.NotEqual(856, SamplingPlan.For("euler", "sgm_uniform", 7, Model.Noise) is var other ? other.ToTimestep(other.Sigmas[1]) : 0);
    }

    /// <summary>The whole way of a seed, a prompt and a negative prompt; and zeros in place of a negative prompt that is empty.</summary>
    [Theory]
    [InlineData("euler_ancestral", "blurry, low quality", "euler_ancestral_neg")]
    [InlineData("euler", "", "euler_zero")]
    public void DrawsTheReferencesPictures(string sampler, string negative, string golden)
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sdxl"), new LoadOptions { Precision = Precision.Full });
        var result = generator.Generate(new GenerationRequest
        {
            Prompt = "a photograph of an astronaut riding a horse",
            NegativePrompt = negative,
            Like = NoiseLike.CompVis,
            Sampler = sampler,
            Schedule = "sgm_uniform",
            Steps = 9,
            GuidanceScale = 6,
            Seed = 2031,
            BatchSize = 2,
            Width = 128,
            Height = 64,
            Watermark = false,
        });
        Assert.Equal(2, result.Images.Count);
        for (var i = 0; i < 2; i++)
            GeneratorTests.AssertSame(ImageFile.Load(Goldens.Path($"sdxl/images/{golden}_{i}.png")), result.Images[i].Image, golden);
    }

    /// <summary>The refiner: one text encoder, an aesthetic score in place of the target size, four levels; nothing is drawn with it alone.</summary>
    [Fact]
    public void TheRefinerGivesTheReferencesNumbers()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var path = LoadedModel.Path("sdxl", "refiner.fp16.safetensors");
        using var refiner = LoadedModel.Load(path);
        Assert.Equal("Stable Diffusion XL refiner", refiner.Family.Name);
        var golden = Goldens.Tensors("sdxl/refiner.safetensors");
        using var told = new ContextKeys(golden["context"], golden["y"]);
        var actual = refiner.UNet.Predict(golden["x"], golden["t"].to(ScalarType.Float32), told, null, null);
        Close.Absolute(golden["out"], actual, 1e-4 * Math.Max(1, golden["out"].abs().max().item<float>()), "UNet");
        var canvas = Canvas.For(new GenerationRequest { Width = 1024, Height = 1024 }, refiner.Family);
        foreach (var (prompt, isNegative) in (ReadOnlySpan<(string, bool)>)[("p0", false), ("p1", true)])
            Close.Absolute(golden[$"{prompt}.vector"],
                PictureVector.For(refiner.Family, golden[$"{prompt}.pooled"], new GenerationRequest(), canvas, isNegative)!, 1e-4, prompt);
        var refusal = Assert.Throws<CheckpointException>(() => ImageGenerator.Load(path));
        Assert.Contains("only finishes pictures that another model began", refusal.Message);
    }

    /// <summary>A size far from those it was trained in is told, with the nearest of its shape; one near them is not.</summary>
    [Theory]
    [InlineData(1152, 896, null)]
    [InlineData(512, 512, "1024x1024")]
    [InlineData(512, 256, "1408x704")]
    public void SizesFarFromTheTrainedOnesAreTold(int width, int height, string? nearest)
    {
        var remark = Canvas.For(new GenerationRequest { Width = width, Height = height }, ModelFamily.Sdxl).FarFrom(ModelFamily.Sdxl);
        if (nearest is null) Assert.Null(remark);
        else Assert.EndsWith($"at home at {nearest}.", remark);
        Assert.Null(Canvas.For(new GenerationRequest { Width = width, Height = height }, ModelFamily.Sd1).FarFrom(ModelFamily.Sd1));
    }

    /// <summary>A diffusers folder with names of the fp16 variant is the same model; its second text encoder's projection lies the other way round.</summary>
    [Fact]
    public void AFolderIsTheSameModel()
    {
        var folder = Directory.CreateTempSubdirectory("easel-sdxl").FullName;
        try
        {
            var from = Model.Checkpoint;
            Write("unet/diffusion_pytorch_model", from.UNetTensors);
            Write("vae/diffusion_pytorch_model", from.AutoencoderTensors);
            Write("text_encoder/model", from.Texts[0].Tensors);
            Write("text_encoder_2/model", from.Texts[1].Tensors);
            foreach (var (place, heads) in (ReadOnlySpan<(string, int)>)[("text_encoder", 2), ("text_encoder_2", 3)])
                File.WriteAllText(Path.Combine(folder, place, "config.json"), $$"""{"num_attention_heads": {{heads}}}""");
            using var checkpoint = Checkpoint.Open(folder);
            Assert.Equal("Stable Diffusion XL", checkpoint.Family.Name);
            Assert.Equal(from.Texts.Select(text => text.Config), checkpoint.Texts.Select(text => text.Config));
            Assert.Equal((from.UNet.VectorWidth, from.UNet.MiddleAttention), (checkpoint.UNet.VectorWidth, checkpoint.UNet.MiddleAttention));
            Assert.Equal(from.UNet.Attention, checkpoint.UNet.Attention);

            Directory.Delete(Path.Combine(folder, "text_encoder"), recursive: true);
            Assert.Contains("has 2 text encoders, and it holds 1", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder)).Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        void Write(string name, StateDict tensors)
        {
            var path = Path.Combine(folder, name + ".fp16.safetensors");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var scope = NewDisposeScope();
            SafeTensorsWriter.Write(path, tensors.Slots.ToDictionary(slot => slot.Key, slot => slot.Value.View().contiguous()));
        }
    }
}
