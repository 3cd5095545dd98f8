using System.Diagnostics;
using Easel.Imaging;
using Easel.Models;
using Easel.Runtime;
using Easel.Training.Data;
using static TorchSharp.torch;

namespace Easel.Training;

/// <summary>How to train an autoencoder.</summary>
internal sealed record AutoencoderOptions
{
    public required string Data { get; init; }
    public required string Out { get; init; }
    public int Concepts { get; init; } = DiffusionOptions.DefaultConcepts;
    public IReadOnlyList<string>? Sources { get; init; }
    public IReadOnlyList<int> Channels { get; init; } = [32, 32, 64, 128];
    public int Batch { get; init; } = 32;
    public int Crop { get; init; } = 64;
    public double Rate { get; init; } = 2e-3;
    public double? Minutes { get; init; }
    public long? Steps { get; init; }
    public bool Resume { get; init; }
    public bool FullPrecision { get; init; }
    public long Seed { get; init; }
}

/// <summary>
/// Trains the autoencoder's decoder on parts of drawings: absolute and squared errors of the pixels, and absolute errors of their differences (edges). The encoder stays as
/// <see cref="SmoothStart"/> sets it, so that diffusion can be trained on its latents at the same time.
/// </summary>
internal sealed class AutoencoderTrainer
{
    private const double LatentNoise = 0.03; // so that small errors of diffusion are not enlarged

    private readonly AutoencoderOptions _options;
    private readonly TrainingSet _gallery;
    private readonly Autoencoder _network;
    private readonly FlatWeights _weights;
    private readonly AdamW _optimizer;
    private readonly AveragedWeights _average;
    private readonly TrainingState _state;
    private readonly LearningRate _rate;

    public AutoencoderTrainer(AutoencoderOptions options, TrainingSet gallery)
    {
        (_options, _gallery) = (options, gallery);
        NativeRuntime.Load();
        _network = new Autoencoder(new AutoencoderConfig { Channels = options.Channels, LatentChannels = SmoothStart.LatentChannels, BlocksPerLevel = 1, NormGroups = SmoothStart.Groups });
        _weights = new FlatWeights([("autoencoder", _network)], options.Seed);
        SmoothStart.Set(_network);
        _optimizer = new AdamW(_weights, weightDecay: 0); // it would wear the encoder away, which has no gradient to hold it
        _average = new AveragedWeights(_weights, 0.995);
        _state = new TrainingState(_weights, _optimizer, _average);
        _rate = new LearningRate(options.Rate, WarmUp: 50);
        Directory.CreateDirectory(options.Out);
        if (options.Resume && File.Exists(StatePath)) _state.Load(StatePath);
    }

    /// <summary>The weights, to compare runs by.</summary>
    public FlatWeights Weights => _weights;

    /// <summary>The network as it is.</summary>
    public Autoencoder Network => _network;

    private string StatePath => Path.Combine(_options.Out, "autoencoder-state.safetensors");

    /// <summary>Where the finished autoencoder is written, in the original layout.</summary>
    public static string ModelPath(string folder) => Path.Combine(folder, "autoencoder.safetensors");

    /// <summary>Trains to the end of the run.</summary>
    /// <param name="onProgress">Told what is being done and the share done.</param>
    public void Run(Action<string, double>? onProgress, CancellationToken cancel)
    {
        var clock = new RunClock(_options.Out, "autoencoder.csv", _options.Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : null, _options.Steps,
            TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(3), _state.Seconds);
        var (since, loss) = (Stopwatch.StartNew(), 0.0);
        while (clock.Progress(_state.Step) < 1 && !cancel.IsCancellationRequested)
        {
            loss = Step(_rate.At(_state.Step + 1, clock.Progress(_state.Step)));
            if (_state.Step % 20 == 0)
            {
                var speed = 20.0 * _options.Batch / since.Elapsed.TotalSeconds;
                since.Restart();
                clock.Log(_state.Step, ("loss", loss), ("parts_per_second", speed));
                onProgress?.Invoke($"autoencoder, step {_state.Step}, loss {loss:F4}, {speed:F0}/s", clock.Progress(_state.Step));
            }
            if (clock.IsTimeToSave()) Save(clock.Seconds);
            if (clock.IsTimeToShow()) Show();
        }
        Save(clock.Seconds);
        Show();
    }

    /// <summary>One step on a batch that the step's number decides.</summary>
    public double Step(double rate)
    {
        using var scope = NewDisposeScope();
        var step = ++_state.Step;
        var random = new Random(HashCode(step));
        using var generator = new Generator((ulong)HashCode(step), CPU);

        var most = Variant.Side - _options.Crop;
        var parts = Enumerable.Range(0, _options.Batch).Select(_ => (random.Next(_gallery.Count), 8 * random.Next(most / 8 + 1), 8 * random.Next(most / 8 + 1))).ToList();
        var all = _gallery.Batch(parts, _options.Crop);
        var noise = randn([parts.Count, _network.Config.LatentChannels, _options.Crop / 8, _options.Crop / 8], generator: generator);

        var shards = Shards.CountFor(parts.Count);
        var losses = new double[shards];
        Shards.Run(shards, shard =>
        {
            var mine = arange(shard, parts.Count, shards);
            using var loss = Loss(all.index_select(0, mine), noise.index_select(0, mine)) * ((double)mine.shape[0] / parts.Count);
            loss.backward();
            losses[shard] = loss.item<float>();
        });
        _optimizer.Step(step, rate);
        _average.Update(step);
        return losses.Sum();
    }

    private Tensor Loss(Tensor pixels, Tensor noise)
    {
        var input = _options.FullPrecision ? pixels : pixels.to(ScalarType.BFloat16);
        Tensor latents;
        using (no_grad()) latents = _network.Encode(input).Mean; // the encoder is set, not trained
        var output = _network.Decode(latents + LatentNoise * noise.to(latents.dtype)).to(ScalarType.Float32);
        var difference = output - pixels;
        var edges = (difference[.., .., .., 1..] - difference[.., .., .., ..^1]).abs().mean() + (difference[.., .., 1..] - difference[.., .., ..^1]).abs().mean();
        return difference.abs().mean() + 2 * difference.square().mean() + 0.5 * edges;
    }

    private int HashCode(long step) => TrainingSet.StableHash($"{_options.Seed}/{step}");

    /// <summary>Writes the state and the averaged autoencoder.</summary>
    public void Save(double seconds)
    {
        _state.Seconds = seconds;
        _state.Save(StatePath);
        _weights.With(_average.Values, () => SketchFile.WriteAutoencoder(ModelPath(_options.Out), _network, _weights));
    }

    private void Show() => _weights.With(_average.Values, () => ImageFile.Save(Path.Combine(_options.Out, "autoencoder.png"), Sheet()));

    /// <summary>Pictures from all over the data above what the autoencoder makes of them.</summary>
    private RgbImage Sheet()
    {
        using var scope = NewDisposeScope();
        const int Columns = 12, Rows = 3;
        var shown = new List<RgbImage>();
        for (var row = 0; row < Rows; row++)
        {
            var picked = Enumerable.Range(0, Columns).Select(i => (int)((long)(row * Columns + i) * _gallery.Count / (Columns * Rows)) / Variant.Count * Variant.Count + (i % Variant.Count)).ToList();
            var pixels = _gallery.Batch([.. picked.Select(i => (i, 0, 0))], Variant.Side);
            var output = _network.Decode(_network.Encode(pixels).Mean);
            shown.AddRange([.. ImageTensor.ToImages(pixels), .. ImageTensor.ToImages(output)]);
        }
        return ImageGrid.Make(shown, Columns);
    }
}
