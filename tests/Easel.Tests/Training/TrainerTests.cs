using Easel.Tests.Weights;
using Easel.Training;
using Easel.Training.Data;
using static TorchSharp.torch;

namespace Easel.Tests.Training;

/// <summary>
/// Guards the trainers at toy size: a run that is stopped and resumed has the very numbers of one that was not, training lowers the loss, and what comes out is
/// a checkpoint that the ordinary code loads and draws with.
/// </summary>
public sealed class TrainerTests
{
    private const double Rate = 1e-3;

    private static AutoencoderOptions Autoencoder(string data, string run, bool resume = false) => new()
    {
        Data = data,
        Out = run,
        Channels = [32, 32, 32, 32],
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
        Batch = 8,
        FullPrecision = true,
        Resume = resume,
    };

    [Fact]
    public void AResumedRunHasTheNumbersOfOneThatWasNotStopped()
    {
        using var folder = new TemporaryFolder();
        var gallery = ToyData.Make(folder.Path("data"));

        var whole = new AutoencoderTrainer(Autoencoder(folder.Path("data"), folder.Path("whole")), gallery);
        for (var i = 0; i < 4; i++) whole.Step(Rate);
        var stopped = new AutoencoderTrainer(Autoencoder(folder.Path("data"), folder.Path("stopped")), gallery);
        for (var i = 0; i < 2; i++) stopped.Step(Rate);
        stopped.Save(1);
        var resumed = new AutoencoderTrainer(Autoencoder(folder.Path("data"), folder.Path("stopped"), resume: true), gallery);
        for (var i = 0; i < 2; i++) resumed.Step(Rate);
        Assert.Equal(Numbers(whole.Weights), Numbers(resumed.Weights));
        Assert.NotEqual(Numbers(stopped.Weights), Numbers(resumed.Weights));

        whole.Save(1);
        var run = folder.Path("whole");
        var one = new DiffusionTrainer(Diffusion(folder.Path("data"), run), gallery);
        for (var i = 0; i < 4; i++) one.Step(Rate);
        var first = new DiffusionTrainer(Diffusion(folder.Path("data"), run), gallery);
        for (var i = 0; i < 2; i++) first.Step(Rate);
        first.Save(1);
        var second = new DiffusionTrainer(Diffusion(folder.Path("data"), run, resume: true), gallery);
        for (var i = 0; i < 2; i++) second.Step(Rate);
        Assert.Equal(Numbers(one.Weights), Numbers(second.Weights));
        Assert.NotEqual(Numbers(first.Weights), Numbers(second.Weights));

        // What a run writes is a model like any other, and another run can begin from it.
        using (var generator = ImageGenerator.Load(DiffusionTrainer.ModelPath(run), new LoadOptions { Precision = Precision.Full }))
        {
            Assert.Equal(128, generator.Family.NativeSize);
            Assert.Equal(PredictionType.V, generator.Prediction);
            var picture = generator.Generate(new GenerationRequest { Prompt = "a red disc", Steps = 2, Seed = 1 }).Images[0].Image;
            Assert.Equal((128, 128), (picture.Width, picture.Height));

            // A word that was in no caption is drawn as the name that it means.
            byte[] Drawn(string prompt) => generator.Generate(new GenerationRequest { Prompt = prompt, Steps = 2, Seed = 1 }).Images[0].Image.Pixels;
            Assert.Equal(Drawn("a disc"), Drawn("a circle"));
            Assert.NotEqual(Drawn("a disc"), Drawn("a square"));
        }
        second.Save(2);
        var onward = new DiffusionTrainer(Diffusion(folder.Path("data"), folder.Path("onward")) with { From = DiffusionTrainer.ModelPath(run) }, gallery);
        Assert.True(double.IsFinite(onward.Step(Rate).Loss));
    }

    [Fact]
    public void TrainingLowersTheLoss()
    {
        using var folder = new TemporaryFolder();
        var gallery = ToyData.Make(folder.Path("data"));
        var trainer = new AutoencoderTrainer(Autoencoder(folder.Path("data"), folder.Path("run")), gallery);
        var losses = Enumerable.Range(0, 24).Select(_ => trainer.Step(2e-3)).ToList();
        Assert.True(losses[^6..].Average() < 0.8 * losses[..6].Average(), string.Join(' ', losses));
    }

    [Fact]
    public void FoldingTheScaleChangesNoPicture()
    {
        using var folder = new TemporaryFolder();
        var gallery = ToyData.Make(folder.Path("data"));
        var trainer = new AutoencoderTrainer(Autoencoder(folder.Path("data"), folder.Path("run")), gallery);
        trainer.Step(Rate);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var network = trainer.Network;
        var pixels = gallery.Batch([(0, 0, 0), (Variant.Count, 0, 0)], Variant.Side);
        var (before, _) = network.Encode(pixels);
        var picture = network.Decode(before);
        LatentScale.Fold(network, before);
        var (after, _) = network.Encode(pixels);
        Assert.True((network.Decode(after) - picture).abs().max().item<float>() < 1e-3);
        var scaled = after * 0.18215;
        Assert.True(scaled.mean([0, 2, 3]).abs().max().item<float>() < 1e-3);
        Assert.True((scaled.std([0, 2, 3]) - 1).abs().max().item<float>() < 1e-3);
    }

    private static float[] Numbers(FlatWeights weights) => weights.Values.data<float>().ToArray();
}
