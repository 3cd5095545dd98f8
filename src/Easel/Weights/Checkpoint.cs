using Easel.Models;
using Easel.Sampling;
using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>A model on disk, opened and recognised but not loaded: which family it is of, the shape of its networks, and where their tensors are. Everything is
/// read off the names and shapes of the tensors; a configuration file beside the model is honoured where tensors cannot tell.</summary>
internal sealed class Checkpoint : IDisposable
{
    private readonly List<TensorFile> _files = [];
    private readonly SortedDictionary<int, FoundText> _texts = [];
    private ModelSettings _settings;

    private Checkpoint(string path, ModelSettings settings) => (Path, _settings) = (path, settings);

    public string Path { get; }

    public ModelFamily Family { get; private set; } = null!;

    public UNetConfig UNet { get; private set; } = null!;

    /// <summary>The autoencoder's shape; null where the file has none.</summary>
    public AutoencoderConfig? Autoencoder { get; private set; }

    /// <summary>The text encoders in their order: shapes and tensors; none where the file has none.</summary>
    public IReadOnlyList<TextEncoderPart> Texts { get; private set; } = [];

    /// <summary>What the UNet predicts, where a configuration or the family says so; null where the model itself must be asked.</summary>
    public PredictionType? Prediction => _settings.Parameterization switch
    {
        "v" => PredictionType.V,
        "x0" => PredictionType.Sample,
        "eps" => PredictionType.Epsilon,
        _ => Family.Noise.Prediction,
    };

    /// <summary>Highest noise level of the x4 upscaler.</summary>
    public int MaxNoiseLevel => _settings.MaxNoiseLevel ?? 350;

    /// <summary>What was noticed and set aside: training state, EMA copies, tensors that no network has a place for.</summary>
    public IReadOnlyList<string> Remarks => Passed is { } passed ? [.. _remarks, passed] : _remarks;

    private readonly List<string> _remarks = [];
    private readonly List<string> _strangers = [];

    /// <summary>A sentence of the tensors that stand among those of the networks and have no place in them, as far as they are known before and after loading;
    /// null where there are none.</summary>
    public string? Passed => _strangers
        .Concat(Texts.Select(text => text.Tensors).Prepend(AutoencoderTensors).Prepend(UNetTensors).SelectMany(tensors => tensors.Strangers)).ToList()
        is { Count: > 0 } all ? $"Tensors that no network has a place for were passed over: {Some(all)}." : null;

    private static string Some(List<string> names) => $"{names.Count} ({string.Join(", ", names.Take(3))}{(names.Count > 3 ? ", ..." : "")})";

    /// <summary>The precisions in which the UNet's tensors are stored: "Float16", or "Q4_0" where it is in blocks.</summary>
    public IReadOnlyList<string> StoredTypes => [.. UNetTensors.Slots.Values.Select(slot => slot.File.Tensors[slot.Key])
        .Select(tensor => GgmlType.Named(tensor.Stored) is { Widen: not null } blocks ? blocks.Name : tensor.DType.ToString()).Distinct()];

    /// <summary>Values in the UNet, the autoencoder and the text encoders.</summary>
    public (long UNet, long Autoencoder, long Text) ParameterCounts =>
        (UNetTensors.ParameterCount, AutoencoderTensors.ParameterCount, Texts.Sum(text => text.Tensors.ParameterCount));

    public IReadOnlyList<TensorFile> Files => _files;

    /// <summary>The file that holds a depth estimator, as the checkpoint of SD 2's depth model does; null where there is none.</summary>
    public TensorFile? DepthEstimator { get; private set; }

    /// <summary>Whether the autoencoder's numbers grow too large for fp16.</summary>
    public bool AutoencoderOverflows { get; private set; }

    public StateDict UNetTensors { get; } = new();

    public StateDict AutoencoderTensors { get; private set; } = new();

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">A <c>.ckpt</c>, <c>.pt</c>, <c>.bin</c> or <c>.safetensors</c> file, or a diffusers folder.</param>
    /// <param name="config">The original YAML configuration; null to take one lying beside the file, if any.</param>
    /// <param name="ema">Whether to take the UNet's averaged weights (<c>model_ema.*</c>) in place of the live ones.</param>
    /// <param name="vae">A file with another autoencoder, which stands in for the model's own; null for none.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    public static Checkpoint Open(string path, string? config = null, bool ema = false, string? vae = null) =>
        Open(path, new LoadOptions { Config = config, Ema = ema, Vae = vae });

    internal static Checkpoint Open(string path, LoadOptions options)
    {
        var folder = Directory.Exists(path);
        if (!folder && !File.Exists(path)) throw new CheckpointException($"There is no checkpoint at {path}.");

        var checkpoint = new Checkpoint(path, folder ? ModelSettings.InFolder(path) : ModelSettings.Beside(path, options.Config));
        try
        {
            if (folder) checkpoint.ReadFolder(options);
            else checkpoint.ReadFile(options.Ema);
            checkpoint.Recognise(options);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Why nothing can be drawn with it alone; null where it can.</summary>
    public string? Problem => Family.Refines ? $"it is a {Family.Name}, which only finishes pictures that another model began."
        : Texts.Count == 0 ? "it holds no text encoder, without which it cannot follow a prompt." : null;

    /// <summary>Refuses a model that only finishes what another began.</summary>
    public void RequireBase()
    {
        if (Family.Refines) throw new CheckpointException($"{Path} cannot be drawn with: {Problem}");
    }

    /// <summary>How the model sees noise: as its configuration says, and its family where that is silent.</summary>
    public NoiseModel Noise()
    {
        var (kind, first, last) = Family.Noise.Schedule.Betas;
        kind = _settings.BetaSchedule switch
        {
            "linear" => BetaSchedule.Linear,
            "squaredcos_cap_v2" => BetaSchedule.Cosine,
            null => kind,
            _ =>
            BetaSchedule.ScaledLinear
        };
        (first, last) = (_settings.BetaStart ?? first, _settings.BetaEnd ?? last);
        return new(NoiseSchedule.FromBetas(kind, first, last, zeroTerminalSnr: _settings.ZeroTerminalSnr ?? false), Prediction);
    }

    /// <summary>Closes the files. Networks that were loaded from them live on.</summary>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
        _files.Clear();
        _vae?.Dispose();
        _text?.Dispose();
    }

    private VaeFile? _vae;
    private TextEncoderFile? _text;

    private void ReadFile(bool ema)
    {
        var file = TensorFile.Open(Path);
        _files.Add(file);
        _remarks.AddRange(file.Remarks);
        _settings = _settings.WithMarks(file);

        var free = file.Tensors.Keys.ToList();
        var parts = CheckpointLayout.In(file.Tensors.Keys.ToHashSet(StringComparer.Ordinal))
            .OrderByDescending(part => part.Place.Length).ToList()
            .Select(part => (Part: part, Keys: Taken(part.Place))).Reverse().ToList();
        if (!parts.Any(part => part.Part.Network == CheckpointNetwork.UNet))
            throw new CheckpointException($"{Path} is "
                + $"{FileKind.Of(file)?.What ?? "no Stable Diffusion checkpoint: none of its tensors is named model.diffusion_model.*"}.");

        foreach (var (part, keys) in parts)
        {
            var names = part.NamesOf([.. keys.Select(key => key[part.Place.Length..])]);
            foreach (var key in keys)
            {
                var source = ema && CheckpointLayout.Averaged(key) is { } average && file.Tensors.ContainsKey(average) ? average : key;
                if (!TensorsOf(part).Add(names, key[part.Place.Length..], file, source)) _strangers.Add(key);
            }
            if (part.IsWhole(keys)) TextOf(part).IsWholeTower = true;
        }

        if (DepthEstimatorFile.IsIn(file)) DepthEstimator = file;
        var rest = free;
        var emaCount = rest.RemoveAll(key => key.StartsWith(CheckpointLayout.Averages, StringComparison.Ordinal));
        rest.RemoveAll(key => IsScheduleBuffer(key) || ModelSettings.IsMark(key) || key.StartsWith("depth_model.", StringComparison.Ordinal));
        if (emaCount > 0 && !ema) _remarks.Add($"averaged (EMA) weights left aside: {emaCount} tensors");
        if (ema && emaCount == 0) throw new CheckpointException($"{Path} holds no averaged (EMA) weights, which were asked for.");
        if (rest.Count > 0) _remarks.Add("tensors of no known part: " + Some(rest));

        // Of two places, one of which lies within the other, the narrower has the tensor.
        List<string> Taken(string place)
        {
            var taken = free.FindAll(key => key.StartsWith(place, StringComparison.Ordinal));
            free.RemoveAll(key => key.StartsWith(place, StringComparison.Ordinal));
            return taken;
        }
    }

    private StateDict TensorsOf(CheckpointPart part) => part.Network switch
    {
        CheckpointNetwork.UNet => UNetTensors,
        CheckpointNetwork.Autoencoder => AutoencoderTensors,
        _ => TextOf(part).Tensors,
    };

    private FoundText TextOf(CheckpointPart part)
    {
        if (!_texts.TryGetValue(part.Number, out var text)) _texts.Add(part.Number, text = new FoundText(part.Place));
        return text;
    }

    /// <summary>Buffers of the training schedule, which follow from its first and last beta.</summary>
    private static bool IsScheduleBuffer(string key)
    {
        var name = key[(key.LastIndexOf('.') + 1)..];
        return name is "betas" or "alphas_cumprod" or "alphas_cumprod_prev"
            or "sqrt_alphas_cumprod" or "sqrt_one_minus_alphas_cumprod" or "log_one_minus_alphas_cumprod"
            or "sqrt_recip_alphas_cumprod" or "sqrt_recipm1_alphas_cumprod" or "posterior_variance" or "posterior_log_variance_clipped"
            or "posterior_mean_coef1" or "posterior_mean_coef2" or "lvlb_weights" or "scale_factor" or "logvar" or "sigmas";
    }

    private void ReadFolder(LoadOptions options)
    {
        if (!File.Exists(System.IO.Path.Combine(Path, "model_index.json")) && !Directory.Exists(System.IO.Path.Combine(Path, "unet")))
            throw new CheckpointException($"The folder {Path} is no model: it has neither model_index.json nor a folder named unet, as a diffusers model has.");
        var several = Directory.Exists(System.IO.Path.Combine(Path, "text_encoder_2"));
        foreach (var part in CheckpointLayout.Diffusers)
        {
            // What is named apart may be missing here. A model of several text encoders may do without the first, and others have no second.
            var isText = part.Network == CheckpointNetwork.Text;
            var mayLack = isText ? options.TextEncoder is not null || several || part.Number > 0
                : part.Network == CheckpointNetwork.Autoencoder && options.Vae is not null;
            if (mayLack && !Directory.Exists(System.IO.Path.Combine(Path, part.Place))) continue;
            var file = DiffusersFolder.OpenComponent(Path, part.Place, options);
            _files.Add(file);
            _remarks.AddRange(file.Remarks);
            var names = part.NamesOf([.. file.Tensors.Keys]);
            foreach (var key in file.Tensors.Keys)
                if (!TensorsOf(part).Add(names, key, file, key)) _strangers.Add($"{part.Place}/{key}");
        }
    }

    private void Recognise(LoadOptions options)
    {
        if (ModelSettings.IsEdm(_files.SelectMany(file => file.Tensors.Keys), _settings.Scheduler))
            throw new CheckpointException($"{Path} is a model that sees noise as EDM does, such as Playground 2.5 and CosXL, "
                + "and Easel does not draw with those.");
        (UNet, var family) = Shapes.UNet(UNetTensors, _settings, options.Families, Path);
        var way = UNet.GuidanceWidth > 0 ? FewSteps.GuidedLcm
            : FewSteps.OfModel(System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(Path)), _settings.Title)
                ?? FewSteps.OfScheduler(_settings.Scheduler);
        if (way is { PredictsSample: true }) _settings = _settings with { Parameterization = _settings.Parameterization ?? "x0" };
        if (options.Vae is { } vae)
        {
            _vae = VaeFile.Open(vae);
            (AutoencoderTensors, Autoencoder) = (_vae.Tensors, _vae.Config);
        }
        else if (AutoencoderTensors.Count > 0)
        {
            Autoencoder = Shapes.Autoencoder(AutoencoderTensors, _settings.VaeNormGroups, Path);
        }
        if (Autoencoder is { LatentChannels: var channels } && channels != UNet.OutChannels)
            throw new CheckpointException($"The autoencoder of {options.Vae ?? Path} makes latents of {channels} channels, and {Path} ({family.Name}) "
                + $"draws in {UNet.OutChannels}.");
        var called = options.Vae is { } named && File.Exists(named) ? LatentSpace.CalledAfter(System.IO.Path.GetFileName(named)) : null;
        if ((_vae?.Scale ?? called?.Scale) is { } scale && Math.Abs(scale / (_settings.LatentScale ?? family.Latent.Scale) - 1) > 0.01)
            throw new CheckpointException(string.Create(CultureInfo.InvariantCulture, $"The autoencoder of {options.Vae} is made for latents of another scale "
                + $"({scale:0.#####}) than those of {Path} ({family.Name}, {_settings.LatentScale ?? family.Latent.Scale:0.#####})."));
        AutoencoderOverflows = (options.Vae is null ? _settings.VaeOverflows ?? (VaeFile.SaysItIsMended(Path) ? false : null) : _vae!.Overflows)
            ?? family.AutoencoderOverflows;
        Family = family with
        {
            NativeSize = _settings.NativeSize ?? family.NativeSize,
            GuidanceScale = _settings.GuidanceScale ?? way?.GuidanceScale ?? family.GuidanceScale,
            Steps = _settings.Steps ?? way?.Steps ?? family.Steps,
            Sampler = way?.Sampler ?? family.Sampler,
            Schedule = way?.Schedule ?? family.Schedule,
            FewSteps = way?.Kind,
            ContextWidth = UNet.ContextWidth,
            GuidesItself = UNet.GuidanceWidth > 0,
            Latent = family.Latent.As(UNet.OutChannels, Autoencoder?.Factor, _settings.LatentScale),
        };
        if (options.TextEncoder is { } tower) _text = TextEncoderFile.Open(tower);
        Texts = [.. RecogniseTexts(_text?.Towers ?? [.. _texts.Values.Where(text => text.Tensors.Count > 0)], _text?.Settings ?? _settings,
            options.TextEncoder ?? Path)];
        if (Texts.Count > 0) CheckWidths(options.TextEncoder ?? Path);
    }

    private IEnumerable<TextEncoderPart> RecogniseTexts(IReadOnlyList<FoundText> found, ModelSettings settings, string path)
    {
        if (found.Count == 0) return [];
        // Of several where one is wanted, that whose vectors the UNet attends to.
        if (found.Count > 1 && Family.TextEncoders.Count == 1) found = [found.FirstOrDefault(text => text.Width == UNet.ContextWidth) ?? found[0]];
        if (found.Count != Family.TextEncoders.Count)
            throw new CheckpointException($"{Path} is a {Family.Name} model, which has {Family.TextEncoders.Count} text encoders, "
                + $"and {(path == Path ? "it" : path)} holds {found.Count}.");
        return found.Zip(Family.TextEncoders, (text, spec) =>
        {
            if (!spec.Pools) text.Tensors.Remove(TextEncoderPart.Projection);
            return new TextEncoderPart(text.Tensors, Shapes.Text(text.Tensors, text.IsWholeTower, spec, settings.Text(text.Place, spec.Key), path));
        });
    }

    /// <summary>Refuses text encoders whose vectors are not those that the UNet takes.</summary>
    private void CheckWidths(string path)
    {
        if (Texts.Sum(text => text.Config.Width) is var width && width != UNet.ContextWidth)
            throw new CheckpointException($"The text encoder of {path} gives vectors of width {width}, but the UNet of {Path} attends to {UNet.ContextWidth}.");
        if (Texts.Sum(text => text.Config.PooledWidth) + Family.FactNumbers * ModelFamily.FactWidth is var told && told != UNet.VectorWidth)
            throw new CheckpointException($"{Path} would be told of a picture as a whole by a vector of width {told}, but its UNet takes {UNet.VectorWidth}.");
    }
}

/// <summary>A text encoder as a file has it, before it is known what family it is of.</summary>
internal sealed class FoundText(string place)
{
    public string Place => place;

    public StateDict Tensors { get; } = new();

    /// <summary>Whether all of the tower is there, with layers that the family does not use.</summary>
    public bool IsWholeTower { get; set; }

    /// <summary>The width of its vectors; 0 where it has none.</summary>
    public long Width => Tensors.Shape("text_model.embeddings.token_embedding.weight") is [_, var width] ? width : 0;
}

/// <summary>A text encoder of a checkpoint: its tensors and its shape.</summary>
internal sealed record TextEncoderPart(StateDict Tensors, ClipTextConfig Config)
{
    /// <summary>The parameter that makes a vector for the whole of a prompt, which not every encoder has.</summary>
    public const string Projection = "text_projection.weight";
}
