using System.Text.Json.Nodes;
using Easel.Models;
using Easel.Runtime;
using Easel.Training.Data;

namespace Easel.Training;

internal sealed record DiffusionOptions : TrainingOptions
{
    public override IReadOnlyList<int> Channels { get; init; } = [64, 128, 256];
    public override int Batch { get; init; } = 32;
    public override double Rate { get; init; } = 8e-4;
    public int TextWidth { get; init; } = 160;
    public int TextLayers { get; init; } = 4;

    /// <summary>How many scenes to take, the first of the data set: their latents are made before training and kept.</summary>
    public int Scenes { get; init; } = 20_000;

    public double CaptionDropout { get; init; } = 0.1;

    /// <summary>A state to begin with in place of a new one or that of the folder.</summary>
    public string? From { get; init; }
}

/// <summary>Trains the UNet to predict v in noisy latents of scenes from their captions, and the text encoder with it. All latents are made before.</summary>
internal sealed class DiffusionTrainer : Trainer
{
    public const string Name = "diffusion";
    private const int ScaledBy = 1024; // scenes whose latents say the scale of all
    private const string CenterKey = "latent_center", SpreadKey = "latent_spread";
    private const int LooksSide = 16;

    private readonly DiffusionOptions _options;
    private readonly Pack _pack;
    private readonly Words _words;
    private readonly IReadOnlyDictionary<string, string> _meanings; // of words that no caption has, as names
    private readonly Lazy<Tensor> _latents; // [scenes, c, h, w], fp16, as the UNet takes them
    private readonly int _scenes;
    private readonly UNet _unet;
    private readonly ClipTextModel _text;
    private double _losses, _norms; // since the last line of the log
    private (long Round, int[] Scenes) _order = (-1, []);

    public DiffusionTrainer(DiffusionOptions options, Pack pack, Action<double>? onProgress = null)
        : base(options, Name, "scenes", 200, TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(20))
    {
        (_options, _pack) = (options, pack);
        Directory.CreateDirectory(options.Out);
        NativeRuntime.Load();
        _scenes = Math.Min(options.Scenes, pack.SceneCount);
        var names = pack.Drawings.DistinctBy(drawing => drawing.Concept).ToDictionary(drawing => drawing.Concept, drawing => drawing.Names[0]);
        _meanings = pack.Meanings.Where(pair => names.ContainsKey(pair.Value)).ToDictionary(pair => pair.Key, pair => names[pair.Value]);
        _words = new Words(pack.Tokens);
        var channels = AutoencoderTrainer.LatentChannelsIn(options.Out);
        _unet = new UNet(UNetShape(channels));
        _text = new ClipTextModel(TextShape()) { RunType = Format };
        Weights = new FlatWeights([("unet", _unet), ("text", _text)], options.Seed);
        State = new TrainingState(Weights, weightDecay: 0.01, averaging: 0.999, new JsonObject
        {
            ["latent"] = channels,
            ["channels"] = new JsonArray([.. options.Channels.Select(c => JsonValue.Create(c))]),
            ["heads"] = ModelFamily.Sd1.Heads,
            ["text_width"] = options.TextWidth,
            ["text_layers"] = options.TextLayers,
            ["text_heads"] = TextShape().Heads,
            ["tokens"] = pack.Tokens.Count,
        });
        if (options.From is { } from) State.Load(from);
        else if (!options.Resume || !File.Exists(StatePath))
        {
            var (pictures, looks) = Looks();
            BagOfWords.Set(_text, _words, pictures, looks);
            using (no_grad()) State.Average.copy_(Weights.Values);
        }
        else Resume();
        _latents = new(() => MakeLatents(onProgress));
    }

    public override FlatWeights Weights { get; }
    protected override TrainingState State { get; }

    /// <summary>Parameters of the UNet and of the text encoder as trained.</summary>
    public long ParameterCount => Weights.Count;

    private ScalarType Format => _options.InFull ? ScalarType.Float32 : ScalarType.BFloat16;

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
        var batch = Inputs(++State.Step, progress);
        var count = (int)batch.Ids.shape[0];
        return Learn(count, rate, mine =>
        {
            Tensor Mine(Tensor all) => all.index_select(0, mine);
            var context = _text.call(Mine(batch.Ids));
            var prediction = _unet.call(Mine(batch.Noisy).to(Format), Mine(batch.Times), context, null).to(ScalarType.Float32);
            return ((prediction - Mine(batch.Target)).square().mean([1, 2, 3]) * Mine(batch.Weights)).sum() / count;
        });
    }

    /// <summary>The batch of a step: noisy latents, the v to predict, timesteps, what each counts, and captions.</summary>
    public (Tensor Noisy, Tensor Target, Tensor Times, Tensor Weights, Tensor Ids) Inputs(long step, double progress)
    {
        var seed = SeedOf($"{step}");
        var random = new Random(seed);
        using var generator = new Generator((ulong)seed, CPU);
        var scenes = Scenes(step);
        var captions = scenes.Select(scene => random.NextDouble() < _options.CaptionDropout ? [] : _pack.CaptionOf(scene).ToArray()).ToList();
        var timesteps = NoiseLevels.Timesteps(scenes.Length, random, NoiseLevels.LeastAt(progress));
        var clean = _latents.Value.index_select(0, tensor(scenes.Select(scene => (long)scene).ToArray())).to(ScalarType.Float32);
        var (noisy, target) = NoiseLevels.Add(clean, randn(clean.shape, generator: generator), timesteps);
        return (noisy, target, tensor(timesteps.Select(t => (float)t).ToArray()), tensor(timesteps.Select(t => (float)NoiseLevels.Weight(t)).ToArray()),
            _words.Encode(captions));
    }

    /// <summary>The scenes of a step: every one once, in an order that changes, before any comes again.</summary>
    private int[] Scenes(long step)
    {
        return [.. Enumerable.Range(0, _options.Batch).Select(i =>
        {
            var (round, place) = Math.DivRem((step - 1) * _options.Batch + i, _scenes);
            if (_order.Round != round)
            {
                int[] order = [.. Enumerable.Range(0, _scenes)];
                new Random(SeedOf($"round {round}")).Shuffle(order);
                _order = (round, order);
            }
            return _order.Scenes[place];
        })];
    }

    private Tensor MakeLatents(Action<double>? onProgress)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var autoencoder = AutoencoderTrainer.Finished(_options.Out);
        var latents = Painted.Latents(Path.Combine(_options.Out, "latents.safetensors"), autoencoder, _pack, _scenes, onProgress);
        if (!State.Others.ContainsKey(CenterKey))
            (State.Others[CenterKey], State.Others[SpreadKey]) = LatentScale.Of(latents.narrow(0, 0,
                Math.Min(ScaledBy, latents.shape[0])).to(ScalarType.Float32));
        return ((latents.to(ScalarType.Float32) - State.Others[CenterKey].view(1, -1, 1, 1)) / State.Others[SpreadKey].view(1, -1, 1, 1)).to(ScalarType.Float16)
            .DetachFromDisposeScope();
    }

    /// <summary>All drawings, small and on white, and what they are called: of these the words' vectors are made.</summary>
    private (List<(int Picture, string Caption)> Captions, Tensor Pictures) Looks()
    {
        var captions = new List<(int, string)>();
        var values = new float[_pack.Drawings.Count * 3 * LooksSide * LooksSide];
        Parallel.For(0, _pack.Drawings.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            var scene = new Scene((255, 255, 255), [new Laid(i, 0, 0, LooksSide, false, 0)], "");
            _pack.Renderer.Paint(scene, 0, 0, LooksSide, values.AsSpan(i * 3 * LooksSide * LooksSide, 3 * LooksSide * LooksSide));
        });
        foreach (var (i, drawing) in _pack.Drawings.Index())
        {
            foreach (var name in drawing.Names.Concat(drawing.Keywords)) captions.Add((i, $"a {name}"));
            if (drawing.Style is not null) captions.Add((i, $"a {drawing.Style} {drawing.Names[0]}"));
            if (drawing.Colour is not null) captions.Add((i, $"a {drawing.Colour} {drawing.Names[0]}"));
        }
        using var scope = NewDisposeScope();
        var pictures = tensor(values, [_pack.Drawings.Count, 3, LooksSide, LooksSide]);
        return (captions, ((pictures - pictures.mean()) / pictures.std()).DetachFromDisposeScope());
    }

    /// <summary>The shape of the UNet.</summary>
    private UNetConfig UNetShape(int latentChannels) => new()
    {
        InChannels = latentChannels,
        OutChannels = latentChannels,
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
        Vocabulary = _words.Tokens.Count,
        Positions = Text.ClipTokenizer.ContextLength,
        Width = _options.TextWidth,
        FeedForwardWidth = 4 * _options.TextWidth,
        Layers = _options.TextLayers,
        Heads = Math.Max(1, _options.TextWidth / 64),
        Activation = TextActivation.QuickGelu,
    };

    /// <summary>Writes the model, with the autoencoder as its own training has left it.</summary>
    protected override void Write() => WriteModel(ModelPath(_options.Out), "Easel Sketch 2");

    public void WriteModel(string path, string title)
    {
        if (!State.Others.ContainsKey(CenterKey)) _ = _latents.Value; // which finds the scale
        using var autoencoder = AutoencoderTrainer.Finished(_options.Out);
        LatentScale.Fold(autoencoder, State.Others[CenterKey], State.Others[SpreadKey]);
        SketchFile.Write(path, title, _unet, autoencoder, Weights, State.Average, _words, _meanings);
    }

    /// <summary>A sheet of fixed prompts, drawn by the library from the file as people draw with it.</summary>
    protected override void Show()
    {
        Write();
        using var generator = ImageGenerator.Load(ModelPath(_options.Out));
        ContactSheet.Draw(generator, 16, null, Path.Combine(_options.Out, $"sheet-{State.Step:D6}.png"), null, CancellationToken.None);
    }
}
