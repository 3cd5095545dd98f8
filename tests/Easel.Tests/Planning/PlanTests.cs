using Easel.Imaging;
using Easel.Models;
using Easel.Pipeline;
using Easel.Planning;
using Easel.Runtime;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Planning;

/// <summary>
/// Guards what is done where memory is short, with limits in place of the machine's own memory: the least that helps, in an order that keeps the picture the
/// same as long as it can.
/// </summary>
public sealed class PlanTests
{
    private static readonly NumberFormat Full = new(ScalarType.Float32, ScalarType.Float32);
    private static readonly GenerationRequest Plain = new() { Prompt = "a house", Width = 64, Height = 64, Steps = 2, Seed = 5, Sampler = "euler" };

    [Fact]
    public void WaysThatKeepThePictureComeFirst()
    {
        var size = SizeOf(Goldens.Path("layouts/diffusers-sd1-micro"));
        var (available, seen) = (1e12, new List<(Residency, int?)>());
        MemoryPlan plan;
        do
        {
            plan = MemoryPlan.For(size, Full, rows: 2, (128, 128), encodes: false, available);
            seen.Add((plan.Residency, plan.DecoderTile));
            available = plan.Needed - 1;
        }
        while (plan.Fits);
        Assert.Equal((Residency.Together, null), seen[0]);
        Assert.Equal(seen.Distinct().Count(), seen.Count - 1); // the last one did not fit and was seen before
        Assert.Equal(seen.OrderBy(way => way.Item2 is not null).ToList(), seen); // tiles only where nothing else helps
        Assert.Contains(seen, way => way is (Residency.PixelsApart, null));
        Assert.Contains(seen, way => way is (_, 64));
        var refusal = Assert.Throws<NotEnoughMemoryException>(() => plan.Check(size, Full, 2, (128, 128), CPU));
        Assert.Equal(((long)plan.Needed, (long)plan.Available), (refusal.Needed, refusal.Available));
    }

    /// <summary>The sizes are SDXL's: a text encoder of 0.8 billion values, a UNet of 2.6, and a decoder that holds 40,000 values for each latent
    /// position.</summary>
    [Theory]
    [InlineData(WeightFormat.Full, 128, Residency.TextGoes)]
    [InlineData(WeightFormat.Q8, 64, Residency.TextGoes)]
    [InlineData(WeightFormat.Q8, 128, Residency.PixelsApart)]
    [InlineData(WeightFormat.Q4, 128, Residency.PixelsApart)]
    public void WhoKeepsWeightsInFewBitsIsSparedTheHeightOfDecoding(WeightFormat weights, int side, object way)
    {
        var size = new ModelSize(ModelFamily.Sdxl,
        [
            new(Stage.Reading, 817_000_000, _ => []),
            new(Stage.Denoising, 2_567_000_000, run => [new NetworkWork(0, 16_000 * run.Latent.Height * run.Latent.Width, 0)]),
            new(Stage.Pixels, 84_000_000, run => [new NetworkWork(0, 40_000 * run.Latent.Height * run.Latent.Width, 0)]),
        ], null);
        var plan = MemoryPlan.For(size, Full with { Weights = weights }, rows: 2, (side, side), encodes: false, available: 1e12);
        Assert.Equal(((Residency)way, (int?)null), (plan.Residency, plan.DecoderTile));
    }

    /// <summary>Loading the text encoder anew would be most of the time of a picture in one step.</summary>
    [Theory]
    [InlineData(false, 40e9, Residency.TextGoes)]
    [InlineData(true, 40e9, Residency.Together)]
    [InlineData(true, 10e9, Residency.TextGoes)]
    public void ATextEncoderStaysForAShortRunWhereMemoryIsAmple(bool isShort, double available, object way)
    {
        var size = new ModelSize(ModelFamily.Sdxl, [new(Stage.Reading, 817_000_000, _ => []), new(Stage.Denoising, 1_300_000_000, _ => [])], null);
        Assert.Equal((Residency)way, MemoryPlan.For(size, Full, rows: 1, (64, 64), encodes: false, available, isShort).Residency);
    }

    [Fact]
    public void LettingNetworksGoDoesNotChangeThePicture()
    {
        var model = LoadedModel.Path("sd1"); // which, unlike the smallest, would show a time embedding that did not come back
        using var folder = new TemporaryFolder();
        WriteLora(folder.Path("style.safetensors"), model);
        var options = new LoadOptions { Precision = Precision.Full, Device = "cpu", LoraFolders = [folder.Path()] };
        GenerationRequest[] requests = [Plain with { Prompt = "a house <lora:style:1>" }, Plain,
            Plain with { Prompt = "<lora:style:1>", InitImage = new RgbImage(64, 64), BatchCount = 2 }];
        List<byte[]>? expected = null;
        var size = SizeOf(model);
        foreach (var way in (Residency[])[Residency.Together, Residency.TextGoes, Residency.OneAtATime, Residency.Streamed])
        {
            using var generator = ImageGenerator.Load(model, options with { MemoryLimit = LimitFor(size, way) });
            var plan = generator.Plan(Plain);
            Assert.Equal((way != Residency.Together, way.LetsUNetGo, (int?)null),
                (plan.ReleasesTextEncoder, plan.ReleasesUNet, plan.DecoderTile));
            var results = requests.Select(request => generator.Generate(request)).ToList();
            Assert.All(results, result => Assert.Equal(way == Residency.Streamed, result.Remarks.Any(remark => remark.Contains("at every step"))));
            var drawn = results.SelectMany(result => result.Images).Select(made => made.Image.Pixels).ToList();
            Assert.Equal(expected ??= drawn, drawn);
        }
        Assert.NotEqual(expected![0], expected[1]); // or the LoRA would say nothing
    }

    /// <summary>Only a large picture's decoder needs more than the words, so that letting the UNet go for it helps.</summary>
    [Fact]
    public void LettingTheUNetGoForDecodingDoesNotChangeThePicture()
    {
        var model = LoadedModel.Path("sd1");
        var options = new LoadOptions { Precision = Precision.Full, Device = "cpu" };
        var request = Plain with { Width = 256, Height = 256, Steps = 1, BatchCount = 2 };
        using var ample = ImageGenerator.Load(model, options);
        using var scarce = ImageGenerator.Load(model, options with { MemoryLimit = LimitFor(SizeOf(model), Residency.PixelsApart, latentSide: 32) });
        var plan = scarce.Plan(request);
        Assert.Equal((true, true, (int?)null), (plan.ReleasesTextEncoder, plan.ReleasesUNet, plan.DecoderTile));
        Assert.Equal(["the UNet is let go while pictures are decoded"], plan.Choices);
        Assert.Equal(ample.Generate(request).Images.Select(made => made.Image.Pixels), scarce.Generate(request).Images.Select(made => made.Image.Pixels));
    }

    [Theory]
    [InlineData("sd1", true)]
    [InlineData("sdxl", false)]
    public void ALayerThatReadsItsWeightWhenItRunsDrawsTheSame(string name, bool plain)
    {
        var model = LoadedModel.Path(name);
        var options = new LoadOptions { Precision = Precision.Full, Device = "cpu", PlainKernels = plain };
        var request = Plain with { Steps = 1, Tiling = true };
        using var ample = ImageGenerator.Load(model, options);
        using var scarce = ImageGenerator.Load(model, options with { MemoryLimit = LimitFor(SizeOf(model), Residency.Streamed) });
        Assert.Contains("the UNet's weights are read from the file at every step", scarce.Plan(request).Choices);
        Assert.Equal(ample.Generate(request).Images[0].Image.Pixels, scarce.Generate(request).Images[0].Image.Pixels);
    }

    [Fact]
    public void WhatIsLetGoLeavesTheMemory()
    {
        using var inference = inference_mode();
        using var model = LoadedModel.Load(Goldens.Path("layouts/diffusers-sd1-micro"));
        var all = MemoryPlan.Weights(ModelSize.Of(model.Checkpoint).Values(), Full);
        Assert.Equal(all, ModelSize.Taken(model));
        var live = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        model.Residency = Residency.OneAtATime;
        model.Bring(model.TextSlots);
        Assert.Equal(MemoryPlan.Weights(ModelSize.Of(model.Checkpoint).Values(Stage.Reading), Full), ModelSize.Taken(model));
        Assert.True(TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount <= live);
        model.Bring(model.UNetSlot);
        Assert.Equal(MemoryPlan.Weights(ModelSize.Of(model.Checkpoint).Values(Stage.Denoising), Full), ModelSize.Taken(model));
        model.Residency = Residency.PixelsApart;
        model.Bring(model.AutoencoderSlot);
        Assert.Equal(MemoryPlan.Weights(ModelSize.Of(model.Checkpoint).Values(Stage.Pixels), Full), ModelSize.Taken(model));
        model.Residency = Residency.TextGoes;
        model.Bring(model.AutoencoderSlot);
        model.Bring(model.UNetSlot);
        var size = ModelSize.Of(model.Checkpoint);
        Assert.Equal(MemoryPlan.Weights(size.Values(Stage.Denoising) + size.Values(Stage.Pixels), Full), ModelSize.Taken(model));
    }

    [Fact]
    public void WhereMemoryIsAmpleAllIsKeptAndNothingIsTiled()
    {
        using var checkpoint = Checkpoint.Open(Goldens.Path("layouts/diffusers-sd1-micro"));
        var plan = RunPlanner.Of(checkpoint, Plain with { Width = 1024, Height = 1024 },
            new LoadOptions { MemoryLimit = 1L << 40, Precision = Precision.Full, Device = "cpu" });
        Assert.True(plan.Fits);
        Assert.Empty(plan.Choices);
        Assert.Equal((false, false, (int?)null), (plan.ReleasesTextEncoder, plan.ReleasesUNet, plan.DecoderTile));
        Assert.Equal((1024, 1024, 1, 2, Precision.Full), (plan.Width, plan.Height, plan.Pictures, plan.Steps, plan.Precision));
        Assert.False(RunPlanner.Of(checkpoint, Plain, new LoadOptions { MemoryLimit = 1000, Device = "cpu" }).Fits);
    }

    [Fact]
    public void WithoutHalfPrecisionArithmeticWeightsInHalfTheMemoryAreTheWayOut()
    {
        var formats = MemoryPlan.Formats(new LoadOptions(), CPU);
        Assert.Equal(Hardware.NumberFormat(Precision.Auto, CPU), formats[0]);
        if (!Processor.HasBFloat16) Assert.Equal(new NumberFormat(ScalarType.Float16, ScalarType.Float32), formats[1]);
        Assert.Single(MemoryPlan.Formats(new LoadOptions { Precision = Precision.Full }, CPU)); // what was asked for is not changed
    }

    [Fact]
    public void TheWorkThatIsLeftOutIsCounted()
    {
        using var checkpoint = Checkpoint.Open(LoadedModel.Path("sd1"));
        var (whole, reused) = (Work(2, null), Work(2, 2));
        Assert.Equal(1, Plan(FastLevel.Exact).UNetShare);
        Assert.Equal((whole + reused) / (2 * whole), Plan(FastLevel.Light).UNetShare, 1e-12);
        Assert.InRange(Plan(FastLevel.Strong).UNetShare, 0.05, Plan(FastLevel.Medium).UNetShare);
        Assert.Equal(whole / 1e9, Plan(FastLevel.Light).StepGigaflops, 1e-12);

        double Work(int rows, int? outer) => NetworkWork.OfUNet(checkpoint.UNet, rows, 8, 8, outerBlocks: outer).Flops;
        RunPlan Plan(FastLevel level) =>
            RunPlanner.Of(checkpoint, Plain with { Steps = 20, Sampler = "dpmpp_2m", Fast = level },
                new LoadOptions { Precision = Precision.Full, Device = "cpu" });
    }

    [Fact]
    public void StepsOfARefinerAreCountedAsItsOwn()
    {
        using var folder = new TemporaryFolder();
        var (speed, options) = (MachineSpeed.In(folder.Path()), new LoadOptions { Precision = Precision.Full, Device = "cpu", CacheFolder = folder.Path() });
        var main = LoadedModel.Path("sdxl");
        var request = Plain with { Refiner = LoadedModel.Path("sdxl", "refiner.fp16.safetensors"), RefinerAt = 0.75, Steps = 8 };
        var (begins, ends) = (Look(main), Look(request.Refiner));
        speed.Learn(MachineSpeed.Work.UNet, Full, CPU, amount: begins, seconds: 1, size: begins); // so that a look of the base takes a second
        speed.Learn(MachineSpeed.Work.Autoencoder, Full, CPU, amount: 1e15, seconds: 1e-3, size: 1e9); // and its pixels next to nothing
        using var checkpoint = Checkpoint.Open(main);
        Assert.Equal(8, RunPlanner.Of(checkpoint, request with { Refiner = null }, options).Drawing!.Value.TotalSeconds, 0.01);
        var plan = RunPlanner.Of(checkpoint, request, options);
        Assert.Equal(6 + 2 * ends / begins, plan.Drawing!.Value.TotalSeconds, 0.01);
        Assert.Equal(1, plan.UNetShare);

        static double Look(string path) => SizeOf(path).LookFlops(new RunSize(2, (8, 8)));
    }

    [Fact]
    public void SpeedIsLearntAndRemembered()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Path("cache", "speed.json");
        var speed = new MachineSpeed(file);
        Assert.Null(speed.Learnt(MachineSpeed.Work.UNet, Full, CPU, 5e11));
        speed.Learn(MachineSpeed.Work.UNet, Full, CPU, amount: 1e12, seconds: 10, size: 5e11);
        speed.Learn(MachineSpeed.Work.UNet, Full, CPU, amount: 3e12, seconds: 10, size: 5e11);
        foreach (var known in new[] { speed, new MachineSpeed(file) })
        {
            Assert.Equal(2e11, known.Learnt(MachineSpeed.Work.UNet, Full, CPU, 5e11));
            Assert.Equal(2e11, known.Expected(MachineSpeed.Work.UNet, Full, CPU, 2e12)); // like enough
            Assert.Null(known.Learnt(MachineSpeed.Work.UNet, Full, CPU, 1e9));
            Assert.Null(known.Learnt(MachineSpeed.Work.Autoencoder, Full, CPU, 5e11));
            Assert.Null(known.Learnt(MachineSpeed.Work.UNet, new NumberFormat(ScalarType.BFloat16, ScalarType.BFloat16), CPU, 5e11));
        }
        Assert.InRange(speed.Expected(MachineSpeed.Work.UNet, Full, CPU, 1e6)!.Value, 1e7, 1e15); // a trial
        File.WriteAllText(file, "{\"a\": -1, nonsense");
        Assert.Null(new MachineSpeed(file).Learnt(MachineSpeed.Work.UNet, Full, CPU, 5e11));
    }

    [Fact]
    public void ARunTeachesTheNextPlan()
    {
        using var folder = new TemporaryFolder();
        var options = new LoadOptions { Precision = Precision.Full, Device = "cpu", CacheFolder = folder.Path("cache") };
        using (var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), options))
        {
            Assert.False(generator.Plan(Plain).IsLearnt);
            generator.Generate(Plain with { Steps = 4 });
            Assert.True(generator.Plan(Plain).IsLearnt);
        }
        using var checkpoint = Checkpoint.Open(Goldens.Path("layouts/diffusers-sd1-micro"));
        var plan = RunPlanner.Of(checkpoint, Plain, options);
        Assert.True(plan.IsLearnt);
        Assert.NotNull(plan.Loading);
        Assert.True(plan.Drawing > plan.Step);
    }

    internal static ModelSize SizeOf(string path)
    {
        using var checkpoint = Checkpoint.Open(path);
        return ModelSize.Of(checkpoint);
    }

    /// <summary>The most memory under which a 64x64 picture is drawn that way and not in one that takes more.</summary>
    internal static long LimitFor(ModelSize size, Residency way, NumberFormat? format = null, int latentSide = 8)
    {
        var available = 1e12;
        while (true)
        {
            var plan = MemoryPlan.For(size, format ?? Full, rows: 2, (latentSide, latentSide), encodes: latentSide == 8, available);
            Assert.True(plan.Fits);
            if (plan.Residency == way) return (long)plan.Needed + 1;
            available = plan.Needed - 1;
        }
    }

    /// <summary>A change to one layer of the UNet and one of the text encoder.</summary>
    internal static void WriteLora(string path, string model)
    {
        using var scope = NewDisposeScope();
        using var checkpoint = Checkpoint.Open(model);
        var tensors = new Dictionary<string, Tensor>();
        Add("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
            checkpoint.UNetTensors.Shape("mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight")!);
        Add("lora_te_text_model_encoder_layers_0_self_attn_q_proj", checkpoint.Texts[0].Tensors.Shape("text_model.encoder.layers.0.self_attn.q_proj.weight")!);
        SafeTensorsWriter.Write(path, tensors);

        void Add(string layer, long[] shape)
        {
            tensors[layer + ".lora_up.weight"] = ones(shape[0], 1);
            tensors[layer + ".lora_down.weight"] = arange(shape[1]).to(ScalarType.Float32).unsqueeze(0) / shape[1];
            tensors[layer + ".alpha"] = tensor(1f);
        }
    }
}
