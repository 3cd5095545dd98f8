using System.Text.Json.Nodes;
using Easel.Imaging;
using Easel.Models;
using Easel.Runtime;
using Easel.Training.Data;
using Easel.Weights.Formats;

namespace Easel.Training;

internal sealed record AutoencoderOptions : TrainingOptions
{
    public override IReadOnlyList<int> Channels { get; init; } = [32, 48, 96, 128];
    public override int Batch { get; init; } = 16;
    public override double Rate { get; init; } = 1e-3;
    public int LatentChannels { get; init; } = 6;
    public int Crop { get; init; } = 128;
}

/// <summary>
/// Trains the autoencoder on parts of scenes: absolute and squared errors of the pixels, absolute errors of their differences (edges), and a little of what
/// holds latents near a normal distribution.
/// </summary>
internal sealed class AutoencoderTrainer : Trainer
{
    public const string Name = "autoencoder";
    public const double Averaging = 0.999;
    private const double Divergence = 1e-4; // what the distance of the latents from a normal distribution counts
    private const double EdgeShare = 0.5, SquareShare = 2;
    private const int Groups = 8; // groups of each norm: every width of Channels is a multiple
    private const int Shown = 24; // scenes on the sheet

    private readonly AutoencoderOptions _options;
    private readonly Pack _pack;
    private double _loss;

    public AutoencoderTrainer(AutoencoderOptions options, Pack pack)
        : base(options, Name, "parts", 100, TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(10))
    {
        (_options, _pack) = (options, pack);
        NativeRuntime.Load();
        var shape = new JsonObject
        {
            ["channels"] = new JsonArray([.. options.Channels.Select(c => JsonValue.Create(c))]),
            ["latent"] = options.LatentChannels,
            ["groups"] = Groups
        };
        Network = new Autoencoder(ShapeOf(shape));
        Weights = new FlatWeights([(Name, Network)], options.Seed);
        State = new TrainingState(Weights, weightDecay: 0, Averaging, shape);
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
        var (pixels, noise) = Inputs(++State.Step);
        return Learn((int)pixels.shape[0], rate, mine => Loss(pixels.index_select(0, mine),
            noise.index_select(0, mine)) * ((double)mine.shape[0] / pixels.shape[0])).Loss;
    }

    /// <summary>The batch of a step: parts of scenes, and the noise that their latents are given.</summary>
    public (Tensor Pixels, Tensor Noise) Inputs(long step)
    {
        var seed = SeedOf($"{step}");
        var random = new Random(seed);
        using var generator = new Generator((ulong)seed, CPU);
        var most = Scene.Side - _options.Crop;
        var parts = Enumerable.Range(0, _options.Batch).Select(_ => (random.Next(_pack.SceneCount), 8 * random.Next(most / 8 + 1),
            8 * random.Next(most / 8 + 1))).ToList();
        var side = _options.Crop / Network.Config.Factor;
        return (Painted.Parts(_pack, parts, _options.Crop), randn([parts.Count, _options.LatentChannels, side, side], generator: generator));
    }

    private Tensor Loss(Tensor pixels, Tensor noise)
    {
        var input = _options.InFull ? pixels : pixels.to(ScalarType.BFloat16);
        var (mean, deviation) = Network.Encode(input);
        var output = Network.Decode(mean + deviation * noise.to(mean.dtype)).to(ScalarType.Float32);
        var difference = output - pixels;
        var edges = (difference[.., .., .., 1..] - difference[.., .., .., ..^1]).abs().mean()
            + (difference[.., .., 1..] - difference[.., .., ..^1]).abs().mean();
        var (m, d) = (mean.to(ScalarType.Float32), deviation.to(ScalarType.Float32));
        var divergence = 0.5 * (m.square() + d.square() - 1 - 2 * d.log()).mean();
        return difference.abs().mean() + SquareShare * difference.square().mean() + EdgeShare * edges + Divergence * divergence;
    }

    protected override void Write() => Weights.With(State.Average, () => SketchFile.WriteAutoencoder(ModelPath(_options.Out), Network, Weights));

    protected override void Show() => Weights.With(State.Average, () => ImageFile.Save(Path.Combine(_options.Out, "autoencoder.png"), Sheet()));

    /// <summary>Scenes above what the autoencoder makes of them.</summary>
    private RgbImage Sheet()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        const int Columns = 8;
        var shown = new List<RgbImage>();
        for (var first = 0; first < Math.Min(Shown, _pack.SceneCount); first += Columns)
        {
            using var row = NewDisposeScope();
            var pixels = Painted.Whole(_pack, [.. Enumerable.Range(first, Columns).Select(i => i % _pack.SceneCount)]);
            shown.AddRange([.. ImageTensor.ToImages(pixels), .. ImageTensor.ToImages(Network.Decode(Network.Encode(pixels).Mean))]);
        }
        return ImageGrid.Make(shown, Columns);
    }

    /// <summary>The channels of the latents of a run's folder: its autoencoder's, or before there is one, those that it has unless told otherwise.</summary>
    public static int LatentChannelsIn(string folder) => File.Exists(StateIn(folder, Name)) ? ShapeOf(ShapeIn(folder).Shape).LatentChannels
        : new AutoencoderOptions { Data = "", Out = "" }.LatentChannels;

    /// <summary>The autoencoder of a run's folder, with its averaged weights, to be used and not trained.</summary>
    public static Autoencoder Finished(string folder)
    {
        var path = StateIn(folder, Name);
        if (!File.Exists(path)) throw new EaselException($"There is no autoencoder at {path}; easel train autoencoder --out {folder} makes one.");
        var (shape, isTrained) = ShapeIn(folder);
        if (!isTrained) throw new EaselException(
            $"{path} has only what an autoencoder's training begins with; easel train autoencoder --out {folder} --resume trains it.");
        var network = new Autoencoder(ShapeOf(shape));
        var weights = new FlatWeights([(Name, network)], 0);
        var state = new TrainingState(weights, 0, Averaging, shape);
        state.Load(path);
        using (no_grad()) weights.Values.copy_(state.Average);
        return network;
    }

    private static (JsonObject Shape, bool IsTrained) ShapeIn(string folder)
    {
        var path = StateIn(folder, Name);
        using var file = TensorFile.Open(path);
        var shape = JsonNode.Parse(file.Metadata.GetValueOrDefault("shape") ?? "{}")!.AsObject();
        return shape.ContainsKey("channels") ? (shape, file.Tensors.ContainsKey("average"))
            : throw new EaselException($"{path} is not the state of an autoencoder's training.");
    }

    private static AutoencoderConfig ShapeOf(JsonObject shape) => new()
    {
        Channels = [.. shape["channels"]!.AsArray().Select(value => value!.GetValue<int>())],
        LatentChannels = shape["latent"]!.GetValue<int>(),
        BlocksPerLevel = 1,
        NormGroups = shape["groups"]!.GetValue<int>(),
    };
}
