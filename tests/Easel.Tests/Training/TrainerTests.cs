using System.Diagnostics;
using Easel.Tests.Weights;
using Easel.Training;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Training;

/// <summary>
/// Guards the trainers at toy size: a run that is stopped and resumed has the very numbers of one that was not, training lowers the loss, what comes out is
/// a checkpoint that the ordinary code loads and draws with, and the Python twin takes the same steps.
/// </summary>
public sealed class TrainerTests
{
    private const double Rate = 1e-3;

    private static AutoencoderOptions Autoencoder(string data, string run, bool resume = false) => new()
    {
        Data = data,
        Out = run,
        Channels = [16, 16, 32, 32],
        LatentChannels = 5,
        Batch = 8,
        Crop = 32,
        FullPrecision = true,
        Resume = resume,
    };

    private static DiffusionOptions Diffusion(string data, string run, bool resume = false) => new()
    {
        Data = data,
        Out = run,
        Channels = [32, 32, 64],
        TextWidth = 64,
        TextLayers = 1,
        Scenes = 16,
        Batch = 8,
        FullPrecision = true,
        Resume = resume,
    };

    [Fact]
    public void AResumedRunHasTheNumbersOfOneThatWasNotStopped()
    {
        using var folder = new TemporaryFolder();
        var data = folder.Path("toy.data");
        var pack = ToyData.Make(data);

        var whole = new AutoencoderTrainer(Autoencoder(data, folder.Path("whole")), pack);
        for (var i = 0; i < 2; i++) whole.Step(Rate);
        var stopped = new AutoencoderTrainer(Autoencoder(data, folder.Path("stopped")), pack);
        stopped.Step(Rate);
        stopped.Save(1, 0.5);
        var resumed = new AutoencoderTrainer(Autoencoder(data, folder.Path("stopped"), resume: true), pack);
        resumed.Step(Rate);
        Assert.Equal(Numbers(whole.Weights), Numbers(resumed.Weights));
        Assert.NotEqual(Numbers(stopped.Weights), Numbers(resumed.Weights));

        whole.Save(1, 1);
        var run = folder.Path("whole");
        var one = new DiffusionTrainer(Diffusion(data, run), pack);
        for (var i = 0; i < 4; i++) one.Step(Rate);
        var first = new DiffusionTrainer(Diffusion(data, run), pack);
        for (var i = 0; i < 2; i++) first.Step(Rate);
        first.Save(1, 0.5);
        var second = new DiffusionTrainer(Diffusion(data, run, resume: true), pack);
        for (var i = 0; i < 2; i++) second.Step(Rate);
        Assert.Equal(Numbers(one.Weights), Numbers(second.Weights));
        Assert.NotEqual(Numbers(first.Weights), Numbers(second.Weights));

        // What a run writes is a model like any other.
        using var generator = ImageGenerator.Load(DiffusionTrainer.ModelPath(run), new LoadOptions { Precision = Precision.Full });
        Assert.Equal(256, generator.Family.NativeSize);
        Assert.Equal(PredictionType.V, generator.Prediction);
        var picture = generator.Generate(new GenerationRequest { Prompt = "a red disc", Steps = 2, Seed = 1 }).Images[0].Image;
        Assert.Equal((256, 256), (picture.Width, picture.Height));

        // A word that was in no caption is drawn as the name that it means.
        byte[] Drawn(string prompt) => generator.Generate(new GenerationRequest { Prompt = prompt, Steps = 1, Seed = 1 }).Images[0].Image.Pixels;
        Assert.Equal(Drawn("a disc"), Drawn("a circle"));
        Assert.NotEqual(Drawn("a disc"), Drawn("a square"));
    }

    [Fact]
    public void ARunByTheClockGoesOnFromWhereItWasOnItsWay()
    {
        using var folder = new TemporaryFolder();
        var data = folder.Path("toy.data");
        var pack = ToyData.Make(data, scenes: 8); // one row of the sheet that ends a run
        var run = folder.Path("run");
        new AutoencoderTrainer(Autoencoder(data, run) with { Minutes = 1e-6, Until = 0.3 }, pack).Run(null, default);
        Assert.Equal("0.3", Texts(run)["progress"]);
        new AutoencoderTrainer(Autoencoder(data, run, resume: true) with { Minutes = 1e-6, Until = 0.8 }, pack).Run(null, default);
        Assert.Equal("0.8", Texts(run)["progress"]);

        static IReadOnlyDictionary<string, string> Texts(string run)
        {
            using var file = TensorFile.Open(Trainer.StateIn(run, AutoencoderTrainer.Name));
            return file.Metadata;
        }
    }

    [Fact]
    public void WhatTrainingBeginsWithIsASmallFileToGoOnFrom()
    {
        using var folder = new TemporaryFolder();
        var data = folder.Path("toy.data");
        var pack = ToyData.Make(data);
        var run = folder.Path("run");
        var first = new DiffusionTrainer(Diffusion(data, run), pack);
        first.Begin();
        Assert.True(new FileInfo(Trainer.StateIn(run, DiffusionTrainer.Name)).Length < first.ParameterCount);
        var second = new DiffusionTrainer(Diffusion(data, run, resume: true), pack);
        Assert.True((first.Weights.Values - second.Weights.Values).abs().max().item<float>() is > 0 and < 2e-3f);
        var other = Assert.Throws<EaselException>(() => new DiffusionTrainer(Diffusion(data, run, resume: true) with { Seed = 1 }, pack));
        Assert.Contains("--seed 0", other.Message, StringComparison.Ordinal);
        new AutoencoderTrainer(Autoencoder(data, run), pack).Begin();
        Assert.Contains("--resume", Assert.Throws<EaselException>(() => AutoencoderTrainer.Finished(run)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TrainingLowersTheLoss()
    {
        using var folder = new TemporaryFolder();
        var trainer = new AutoencoderTrainer(Autoencoder("", folder.Path("run")), ToyData.Make(folder.Path("toy.data")));
        var losses = Enumerable.Range(0, 24).Select(_ => trainer.Step(2e-3)).ToList();
        Assert.True(losses[^6..].Average() < 0.8 * losses[..6].Average(), string.Join(' ', losses));
    }

    [Fact]
    public void FoldingTheScaleChangesNoPicture()
    {
        using var folder = new TemporaryFolder();
        var pack = ToyData.Make(folder.Path("toy.data"));
        var trainer = new AutoencoderTrainer(Autoencoder("", folder.Path("run")), pack);
        trainer.Step(Rate);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var network = trainer.Network;
        var pixels = Painted.Whole(pack, [0, 1, 2, 3]);
        var (before, _) = network.Encode(pixels);
        var picture = network.Decode(before);
        var (center, spread) = LatentScale.Of(before);
        LatentScale.Fold(network, center, spread);
        var (after, _) = network.Encode(pixels);
        Assert.True((network.Decode(after) - picture).abs().max().item<float>() < 1e-3);
        var scaled = after * 0.18215;
        Assert.True(scaled.mean([0, 2, 3]).abs().max().item<float>() < 1e-3);
        Assert.True((scaled.std([0, 2, 3]) - 1).abs().max().item<float>() < 1e-3);
    }

    /// <summary>training/train.py check: the twin takes a step from a state, on a batch, and compares; it paints the same scenes and has the same
    /// captions.</summary>
    [Fact]
    public void ThePythonTwinTakesTheSameSteps()
    {
        var python = Environment.GetEnvironmentVariable("EASEL_PYTHON") ?? "/usr/bin/python3";
        Assert.SkipUnless(File.Exists(python) && Run(python, "-c", "import torch").Code == 0, "There is no Python with torch; Debian has it as python3-torch.");
        using var folder = new TemporaryFolder();
        var data = folder.Path("toy.data");
        var pack = ToyData.Make(data);
        var run = folder.Path("run");
        var twin = Path.GetFullPath(Path.Combine(Support.Goldens.Path(""), "../../training/train.py"));
        var scenes = Enumerable.Range(0, 12).ToList();
        using var scope = NewDisposeScope();

        var autoencoder = new AutoencoderTrainer(Autoencoder(data, run), pack);
        var begins = Begin(autoencoder, AutoencoderTrainer.Name);
        for (var i = 0; i < 2; i++) autoencoder.Step(Rate);
        autoencoder.Save(1, 1);
        var (pixels, noise) = autoencoder.Inputs(3);
        Check(AutoencoderTrainer.Name, autoencoder.Weights, () => autoencoder.Step(Rate), new() { ["pixels"] = pixels, ["noise"] = noise, ["begin"] = begins });
        autoencoder.Save(1, 1);

        var diffusion = new DiffusionTrainer(Diffusion(data, run), pack);
        begins = Begin(diffusion, DiffusionTrainer.Name);
        for (var i = 0; i < 2; i++) diffusion.Step(Rate);
        diffusion.Save(1, 1);
        var batch = diffusion.Inputs(3, 1);
        double[] shares = [.. Enumerable.Range(0, 41).Select(i => i / 40.0)];
        Check(DiffusionTrainer.Name, diffusion.Weights, () => diffusion.Step(Rate).Loss, new()
        {
            ["begin"] = begins,
            ["noisy"] = batch.Noisy,
            ["target"] = batch.Target,
            ["times"] = batch.Times,
            ["weights"] = batch.Weights,
            ["ids"] = batch.Ids,
            ["alphas"] = tensor(NoiseLevels.Schedule.AlphasCumprod.Select(a => (float)a).ToArray()),
            ["level_weights"] = tensor(Enumerable.Range(0, 1000).Select(t => (float)NoiseLevels.Weight(t)).ToArray()),
            ["shares"] = tensor(shares.Select(share => (float)share).ToArray()),
            ["timesteps"] = tensor(shares.Select(share => (float)NoiseLevels.At((float)share)).ToArray()),
            ["leasts"] = tensor(shares.Select(share => (float)NoiseLevels.LeastAt(share)).ToArray()),
            ["scene_ids"] = new Words(pack.Tokens).Encode([.. scenes.Select(scene => pack.CaptionOf(scene).ToArray())]),
        });

        Tensor Begin(Trainer trainer, string name)
        {
            var values = trainer.Weights.Values.clone();
            trainer.Begin();
            Assert.True(trainer.Weights.Values.equal(values).all().item<bool>());
            File.Move(Trainer.StateIn(run, name), folder.Path(name + "-begin.safetensors"));
            return values;
        }

        void Check(string name, FlatWeights weights, Func<double> step, Dictionary<string, Tensor> inputs)
        {
            inputs["before"] = weights.Values.clone();
            inputs["loss"] = tensor([(float)step()]);
            inputs["after"] = weights.Values.clone();
            inputs["rate"] = tensor([(float)Rate]);
            inputs["scenes"] = tensor(scenes.Select(scene => (long)scene).ToArray());
            inputs["painted"] = Painted.Whole(pack, scenes);
            var recorded = folder.Path(name + "-batch.safetensors");
            SafeTensorsWriter.Write(recorded, inputs);
            var (code, output) = Run(python, twin, "check", "--state", Trainer.StateIn(run, name), "--batch", recorded, "--data", data,
                "--begin", folder.Path(name + "-begin.safetensors"));
            Assert.True(code == 0, output);
            Assert.EndsWith("the same step", output.Trim());
        }
    }

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    private static float[] Numbers(FlatWeights weights) => weights.Values.data<float>().ToArray();
}
