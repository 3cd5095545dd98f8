using Easel.Imaging;
using Easel.Models;
using Easel.Runtime;
using Easel.Training.Data;

namespace Easel.Training;

internal sealed record AutoencoderOptions : TrainingOptions
{
    public override IReadOnlyList<int> Channels { get; init; } = [32, 32, 64, 128];
    public override int Batch { get; init; } = 32;
    public override double Rate { get; init; } = 2e-3;
    public int Crop { get; init; } = 64;
}

/// <summary>
/// Trains the autoencoder's decoder on parts of drawings: absolute and squared errors of the pixels, and absolute errors of their differences (edges). The
/// encoder stays as <see cref="SmoothStart"/> sets it, so that diffusion can be trained on its latents at the same time.
/// </summary>
internal sealed class AutoencoderTrainer : Trainer
{
    private const double LatentNoise = 0.03; // so that small errors of diffusion are not enlarged

    private readonly AutoencoderOptions _options;
    private readonly TrainingSet _gallery;
    private double _loss;

    public AutoencoderTrainer(AutoencoderOptions options, TrainingSet gallery)
        : base(options, "autoencoder", "parts", 50, TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(3))
    {
        (_options, _gallery) = (options, gallery);
        NativeRuntime.Load();
        Network = new Autoencoder(new AutoencoderConfig
        {
            Channels = options.Channels,
            LatentChannels = SmoothStart.LatentChannels,
            BlocksPerLevel = 1,
            NormGroups = SmoothStart.Groups,
        });
        Weights = new FlatWeights([("autoencoder", Network)], options.Seed);
        SmoothStart.Set(Network);
        State = new TrainingState(Weights, weightDecay: 0, averaging: 0.995); // decay would wear the encoder away, which has no gradient to hold it
        Directory.CreateDirectory(options.Out);
        Resume();
    }

    public override FlatWeights Weights { get; }
    protected override TrainingState State { get; }
    public Autoencoder Network { get; }

    /// <summary>Where the finished autoencoder is written, in the original layout.</summary>
    public static string ModelPath(string folder) => Path.Combine(folder, "autoencoder.safetensors");

    public override void Run(Action<string, double>? onProgress, CancellationToken cancel)
    {
        base.Run(onProgress, cancel);
        Show();
    }

    protected override void Advance(double rate, double progress) => _loss = Step(rate);

    protected override (string Name, double Value)[] Measure() => [("loss", _loss)];

    /// <summary>One step on a batch that the step's number decides.</summary>
    public double Step(double rate)
    {
        using var scope = NewDisposeScope();
        var seed = SeedOf($"{++State.Step}");
        var random = new Random(seed);
        using var generator = new Generator((ulong)seed, CPU);

        var most = Variant.Side - _options.Crop;
        var parts = Enumerable.Range(0, _options.Batch)
            .Select(_ => (random.Next(_gallery.Count), 8 * random.Next(most / 8 + 1), 8 * random.Next(most / 8 + 1))).ToList();
        var all = _gallery.Batch(parts, _options.Crop);
        var noise = randn([parts.Count, Network.Config.LatentChannels, _options.Crop / 8, _options.Crop / 8], generator: generator);
        return Learn(parts.Count, rate, mine => Loss(all.index_select(0, mine), noise.index_select(0, mine)) * ((double)mine.shape[0] / parts.Count)).Loss;
    }

    private Tensor Loss(Tensor pixels, Tensor noise)
    {
        var input = _options.FullPrecision ? pixels : pixels.to(ScalarType.BFloat16);
        Tensor latents;
        using (no_grad()) latents = Network.Encode(input).Mean; // the encoder is set, not trained
        var output = Network.Decode(latents + LatentNoise * noise.to(latents.dtype)).to(ScalarType.Float32);
        var difference = output - pixels;
        var edges = (difference[.., .., .., 1..] - difference[.., .., .., ..^1]).abs().mean()
            + (difference[.., .., 1..] - difference[.., .., ..^1]).abs().mean();
        return difference.abs().mean() + 2 * difference.square().mean() + 0.5 * edges;
    }

    protected override void Write() => Weights.With(State.Average, () => SketchFile.WriteAutoencoder(ModelPath(_options.Out), Network, Weights));

    protected override void Show() => Weights.With(State.Average, () => ImageFile.Save(Path.Combine(_options.Out, "autoencoder.png"), Sheet()));

    /// <summary>Pictures from all over the data above what the autoencoder makes of them.</summary>
    private RgbImage Sheet()
    {
        using var scope = NewDisposeScope();
        const int Columns = 12, Rows = 3;
        var shown = new List<RgbImage>();
        for (var row = 0; row < Rows; row++)
        {
            var drawings = Enumerable.Range(row * Columns, Columns).Select(i => (int)((long)i * _gallery.Count / (Columns * Rows)) / Variant.Count);
            var picked = drawings.Select((drawing, i) => drawing * Variant.Count + i % Variant.Count).ToList();
            var pixels = _gallery.Batch([.. picked.Select(i => (i, 0, 0))], Variant.Side);
            var output = Network.Decode(Network.Encode(pixels).Mean);
            shown.AddRange([.. ImageTensor.ToImages(pixels), .. ImageTensor.ToImages(output)]);
        }
        return ImageGrid.Make(shown, Columns);
    }
}
