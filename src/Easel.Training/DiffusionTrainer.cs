using Easel.Models;
using Easel.Runtime;
using Easel.Training.Data;
using Easel.Weights;

namespace Easel.Training;

internal sealed record DiffusionOptions : TrainingOptions
{
    public override IReadOnlyList<int> Channels { get; init; } = [64, 128, 192];
    public override int Batch { get; init; } = 64;
    public override double Rate { get; init; } = 8e-4;
    public int TextWidth { get; init; } = 128;
    public int TextLayers { get; init; } = 3;
    public double CaptionDropout { get; init; } = 0.1;
    public string? From { get; init; }
    public bool NewText { get; init; }
}

/// <summary>Trains the UNet to predict v in noisy latents of drawings from their captions, and the text encoder with it. All latents are made before.</summary>
internal sealed class DiffusionTrainer : Trainer
{
    private const int FillerCount = 2000;

    private readonly DiffusionOptions _options;
    private readonly TrainingSet _gallery;
    private readonly Words _words;
    private readonly IReadOnlyList<string> _fillers;
    private readonly IReadOnlyDictionary<string, string> _meanings; // of words that no caption has, as names
    private Autoencoder _autoencoder;
    private readonly Tensor _latents; // [pictures, 5, 16, 16]
    private readonly int[] _round; // the drawings of a round, those that come twice in it twice
    private readonly Tensor? _stored; // the same in the scale of an autoencoder that is still being trained; null for one out of a finished model
    private readonly UNet _unet;
    private readonly ClipTextModel _text;
    private double _losses, _norms; // since the last line of the log
    private (long Round, int[] Drawings) _order = (-1, []);

    public DiffusionTrainer(DiffusionOptions options, TrainingSet gallery, Action<double>? onProgress = null)
        : base(options, "diffusion", "drawings", 100, TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(15))
    {
        (_options, _gallery) = (options, gallery);
        Directory.CreateDirectory(options.Out);
        NativeRuntime.Load();
        _round = [.. Enumerable.Range(0, gallery.Drawings.Count)
            .SelectMany(drawing => Enumerable.Repeat(drawing, gallery.Drawings[drawing].MustSayStyle ? 1 : 2))];
        using var from = options.From is null ? null : Checkpoint.Open(options.From);
        var names = gallery.Drawings.DistinctBy(drawing => drawing.Concept).ToDictionary(drawing => drawing.Concept, drawing => drawing.Names[0]);
        var meanings = Meanings.Read(options.Data);
        _meanings = meanings.Where(pair => names.ContainsKey(pair.Value)).ToDictionary(pair => pair.Key, pair => names[pair.Value]);
        _fillers = Captions.FillersFor(gallery.Drawings, meanings, FillerCount);
        _words = new Words(Captions.Parts(gallery.Drawings).Concat(_fillers));
        _autoencoder = LoadAutoencoder(from);
        _latents = Latents.Kept(Path.Combine(options.Out, "latents.safetensors"), _autoencoder, gallery, onProgress);
        if (from is null)
        {
            LatentScale.Fold(_autoencoder, _stored = _latents);
            _latents = Latents.Normalised(_stored);
        }
        else _latents.mul_(LatentSpace.StableDiffusion.Scale);

        _unet = new UNet(from?.UNet ?? UNetShape());
        _text = new ClipTextModel((from?.Texts[0].Config ?? TextShape()) with { Vocabulary = _words.Tokens.Count }) { RunType = Format };
        Weights = new FlatWeights([("unet", _unet), ("text", _text)], options.Seed);
        if (from is not null) SketchFile.Read(from, Weights, _words);
        if (from is null || options.NewText) BagOfWords.Set(_text, _words, SomeCaptions(), _latents);
        State = new TrainingState(Weights, weightDecay: 0.01, averaging: 0.999);
        Resume();
    }

    public override FlatWeights Weights { get; }
    protected override TrainingState State { get; }

    /// <summary>Parameters of the UNet and of the text encoder as trained.</summary>
    public long ParameterCount => Weights.Count;

    private ScalarType Format => _options.FullPrecision ? ScalarType.Float32 : ScalarType.BFloat16;

    /// <summary>Where the model is written: what people draw with.</summary>
    public static string ModelPath(string folder) => Path.Combine(folder, "sketch.safetensors");

    protected override void Advance(double rate, double progress)
    {
        var (loss, norm) = Step(rate, progress);
        (_losses, _norms) = (_losses + loss, _norms + norm);
    }

    protected override (string Name, double Value)[] Measure()
    {
        var means = (_losses / Every, _norms / Every);
        (_losses, _norms) = (0, 0);
        return [("loss", means.Item1), ("gradient_norm", means.Item2)];
    }

    /// <summary>One step on a batch that the step's number decides.</summary>
    /// <param name="progress">The share of the run that is done.</param>
    /// <returns>The weighted loss and the norm of the gradient.</returns>
    public (double Loss, double GradientNorm) Step(double rate, double progress = 1)
    {
        using var scope = NewDisposeScope();
        var step = ++State.Step;
        var seed = SeedOf($"{step}");
        var random = new Random(seed);
        using var generator = new Generator((ulong)seed, CPU);

        var pictures = Pictures(step, random);
        var captions = pictures.Select(picture => random.NextDouble() < _options.CaptionDropout ? ""
            : Captions.For(_gallery.Drawings[picture / Variant.Count], _gallery.Facts[picture], _fillers, random)).ToList();
        var timesteps = NoiseLevels.Timesteps(pictures.Length, random, _options.From is null ? NoiseLevels.LeastAt(progress) : 0);
        var clean = _latents.index_select(0, tensor(pictures.Select(p => (long)p).ToArray()));
        var (noisy, target) = NoiseLevels.Add(clean, randn(clean.shape, generator: generator), timesteps);
        var ids = _words.Encode(captions);
        var times = tensor(timesteps.Select(t => (float)t).ToArray());
        var weights = tensor(timesteps.Select(t => (float)NoiseLevels.Weight(t)).ToArray());

        return Learn(pictures.Length, rate, mine =>
        {
            Tensor Mine(Tensor all) => all.index_select(0, mine);
            var context = _text.call(Mine(ids));
            var prediction = _unet.call(Mine(noisy).to(Format), Mine(times), context, null).to(ScalarType.Float32);
            return ((prediction - Mine(target)).square().mean([1, 2, 3]) * Mine(weights)).sum() / pictures.Length;
        });
    }

    /// <summary>
    /// The pictures of a step: every drawing once (those that prompts need not ask for by their style twice), in an order that changes, before any comes
    /// again; which of its variants is left to chance.
    /// </summary>
    private int[] Pictures(long step, Random random)
    {
        return [.. Enumerable.Range(0, _options.Batch).Select(i =>
        {
            var (round, place) = Math.DivRem((step - 1) * _options.Batch + i, _round.Length);
            if (_order.Round != round)
            {
                int[] order = [.. _round];
                new Random(SeedOf($"round {round}")).Shuffle(order);
                _order = (round, order);
            }
            return _order.Drawings[place] * Variant.Count + random.Next(Variant.Count);
        })];
    }

    private List<(int Picture, string Caption)> SomeCaptions()
    {
        const int OfEach = 3;
        var random = new Random(0);
        return [.. Enumerable.Range(0, _gallery.Count * OfEach)
            .Select(i => (i / OfEach, Captions.For(_gallery.Drawings[i / OfEach / Variant.Count], _gallery.Facts[i / OfEach], _fillers, random)))];
    }

    private UNetConfig UNetShape() => new()
    {
        InChannels = _autoencoder.Config.LatentChannels,
        OutChannels = _autoencoder.Config.LatentChannels,
        Channels = _options.Channels,
        // The finest level has none: its many positions are dear, and the next level sees all that a drawing of this size has.
        Attention = [.. _options.Channels.Select((_, level) => new AttentionLevel(level == 0 ? 0 : 1, ModelFamily.Sd1.Heads, true))],
        MiddleAttention = new AttentionLevel(1, ModelFamily.Sd1.Heads, true),
        BlocksPerLevel = 1,
        ContextWidth = _options.TextWidth,
        LinearProjections = false,
    };

    private ClipTextConfig TextShape() => new()
    {
        Vocabulary = 0,
        Positions = Text.ClipTokenizer.ContextLength,
        Width = _options.TextWidth,
        FeedForwardWidth = 4 * _options.TextWidth,
        Layers = _options.TextLayers,
        Heads = Math.Max(1, _options.TextWidth / 64),
        Activation = TextActivation.QuickGelu,
    };

    private Autoencoder LoadAutoencoder(Checkpoint? from)
    {
        if (from is not null) return Load(from.Autoencoder!, from.AutoencoderTensors);
        var path = AutoencoderTrainer.ModelPath(_options.Out);
        if (!File.Exists(path)) throw new EaselException($"There is no autoencoder at {path}; easel train autoencoder --out {_options.Out} makes one.");
        using var file = VaeFile.Open(path);
        return Load(file.Config, file.Tensors);

        static Autoencoder Load(AutoencoderConfig config, StateDict tensors)
        {
            var network = new Autoencoder(config);
            tensors.Load(network, "autoencoder", ScalarType.Float32, CPU);
            foreach (var layer in network.modules().OfType<Layer>()) // loading makes weights for drawing alone; these are to be changed
                foreach (var (name, value) in layer.named_parameters().ToList()) layer.Assign(name, value.clone().DetachFromDisposeScope());
            return network;
        }
    }

    /// <summary>Writes the model, with the decoder as its own training has left it by now.</summary>
    protected override void Write()
    {
        if (_stored is not null)
        {
            _autoencoder.Dispose();
            LatentScale.Fold(_autoencoder = LoadAutoencoder(null), _stored);
        }
        SketchFile.Write(ModelPath(_options.Out), _unet, _autoencoder, Weights, State.Average, _words, _meanings);
    }

    /// <summary>A sheet of fixed prompts, drawn by the library from the file as people draw with it.</summary>
    protected override void Show()
    {
        Write();
        using var generator = ImageGenerator.Load(ModelPath(_options.Out));
        ContactSheet.Draw(generator, 16, null, Path.Combine(_options.Out, $"sheet-{State.Step:D6}.png"), null, CancellationToken.None);
    }
}
