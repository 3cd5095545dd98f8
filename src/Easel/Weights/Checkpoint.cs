using Easel.Models;
using Easel.Models.Midas;
using Easel.Sampling;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Weights;

/// <summary>
/// A model on disk, opened and recognised but not loaded: which family it is of, the shape of its networks, and where their tensors are. Everything is read off
/// the names and
/// shapes of the tensors; a configuration file beside the model is honoured where tensors cannot tell.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly List<TensorFile> _files = [];
    private ModelSettings _settings;

    private Checkpoint(string path, ModelSettings settings) => (Path, _settings) = (path, settings);

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>The family.</summary>
    public ModelFamily Family { get; private set; } = null!;

    /// <summary>The UNet's shape.</summary>
    public UNetConfig UNet { get; private set; } = null!;

    /// <summary>The autoencoder's shape; null where the file has none.</summary>
    public AutoencoderConfig? Autoencoder { get; private set; }

    /// <summary>The text encoder's shape; null where the file has none.</summary>
    public ClipTextConfig? Text { get; private set; }

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
    public IReadOnlyList<string> Remarks => _remarks;

    private readonly List<string> _remarks = [];

    /// <summary>The precisions in which the UNet's tensors are stored.</summary>
    public IReadOnlyList<ScalarType> StoredTypes => [.. UNetTensors.Slots.Values.Select(slot => slot.File.Tensors[slot.Key].DType).Distinct()];

    /// <summary>Values in the UNet, the autoencoder and the text encoder.</summary>
    public (long UNet, long Autoencoder, long Text) ParameterCounts => (UNetTensors.ParameterCount, AutoencoderTensors.ParameterCount, TextTensors.ParameterCount);

    /// <summary>The file that holds a depth estimator, as the checkpoint of SD 2's depth model does; null where there is none.</summary>
    internal TensorFile? DepthEstimator { get; private set; }

    internal StateDict UNetTensors { get; } = new();

    internal StateDict AutoencoderTensors { get; private set; } = new();

    internal StateDict TextTensors { get; } = new();

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">A <c>.ckpt</c>, <c>.pt</c>, <c>.bin</c> or <c>.safetensors</c> file, or a diffusers folder.</param>
    /// <param name="config">The original YAML configuration; null to take one lying beside the file, if any.</param>
    /// <param name="ema">Whether to take the UNet's averaged weights (<c>model_ema.*</c>) in place of the live ones.</param>
    /// <param name="vae">A file with another autoencoder, which stands in for the model's own; null for none.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    public static Checkpoint Open(string path, string? config = null, bool ema = false, string? vae = null) =>
        Open(path, new LoadOptions { Config = config, Ema = ema, Vae = vae });

    /// <summary>Opens a checkpoint as it is to be loaded.</summary>
    internal static Checkpoint Open(string path, LoadOptions options)
    {
        var folder = Directory.Exists(path);
        if (!folder && !File.Exists(path)) throw new CheckpointException($"There is no checkpoint at {path}.");

        var checkpoint = new Checkpoint(path, folder ? ModelSettings.InFolder(path) : ModelSettings.Beside(path, options.Config));
        try
        {
            if (folder) checkpoint.ReadFolder();
            else checkpoint.ReadFile(options.Ema);
            checkpoint.Recognise(options.Vae, options.Families);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>How the model sees noise: as its configuration says, and its family where that is silent.</summary>
    internal NoiseModel Noise()
    {
        var (kind, first, last) = Family.Noise.Schedule.Betas;
        kind = _settings.BetaSchedule switch { "linear" => BetaSchedule.Linear, "squaredcos_cap_v2" => BetaSchedule.Cosine, null => kind, _ => BetaSchedule.ScaledLinear };
        (first, last) = (_settings.BetaStart ?? first, _settings.BetaEnd ?? last);
        return new(NoiseSchedule.FromBetas(kind, first, last, zeroTerminalSnr: _settings.ZeroTerminalSnr ?? false), Prediction);
    }

    /// <summary>Closes the files. Networks that were loaded from them live on.</summary>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
        _files.Clear();
        _vae?.Dispose();
    }

    private bool _openClip;
    private VaeFile? _vae;

    private void ReadFile(bool ema)
    {
        var file = TensorFile.Open(Path);
        _files.Add(file);
        _remarks.AddRange(file.Remarks);
        _settings = _settings.WithMarks(file);

        const string UNetPrefix = "model.diffusion_model.", VaePrefix = "first_stage_model.", ClipPrefix = "cond_stage_model.transformer.", OpenClipPrefix = "cond_stage_model.model.";
        var unetKeys = file.Tensors.Keys.Where(k => k.StartsWith(UNetPrefix, StringComparison.Ordinal)).ToList();
        if (unetKeys.Count == 0)
            throw new CheckpointException($"{Path} is {ModelKind.Describe(file.Tensors.Keys) ?? "no Stable Diffusion checkpoint: none of its tensors is named model.diffusion_model.*"}.");

        var blocks = KeyLayout.OriginalBlocksPerLevel(unetKeys);
        var levels = 1 + file.Tensors.Keys.Select(k => k.Split('.')).Where(p => p is [_, "decoder", "up", _, ..] && p[0] + "." == VaePrefix && int.TryParse(p[3], out _))
            .Select(p => int.Parse(p[3])).DefaultIfEmpty(-1).Max();

        if (MidasDepth.IsIn(file)) DepthEstimator = file;

        var (emaCount, others) = (0, new List<string>());
        foreach (var key in file.Tensors.Keys)
        {
            if (key.StartsWith(UNetPrefix, StringComparison.Ordinal))
                Add(UNetTensors, key, KeyLayout.OriginalUNet(key[UNetPrefix.Length..], blocks), ema ? Averaged(file, key) : key);
            else if (key.StartsWith(VaePrefix, StringComparison.Ordinal))
                Add(AutoencoderTensors, key, KeyLayout.OriginalAutoencoder(key[VaePrefix.Length..], levels));
            else if (key.StartsWith(ClipPrefix, StringComparison.Ordinal))
                Add(TextTensors, key, KeyLayout.ClipText(key[ClipPrefix.Length..]));
            else if (key.StartsWith(OpenClipPrefix, StringComparison.Ordinal))
                AddOpenClip(key, KeyLayout.OpenClipText(key[OpenClipPrefix.Length..]));
            else if (key.StartsWith("model_ema.", StringComparison.Ordinal))
                emaCount++;
            else if (!IsScheduleBuffer(key) && !ModelSettings.IsMark(key) && !key.StartsWith("depth_model.", StringComparison.Ordinal))
                others.Add(key);
        }
        if (emaCount > 0 && !ema) _remarks.Add($"averaged (EMA) weights left aside: {emaCount} tensors");
        if (ema && emaCount == 0) throw new CheckpointException($"{Path} holds no averaged (EMA) weights, which were asked for.");
        if (others.Count > 0) _remarks.Add($"tensors of no known part: {others.Count} ({string.Join(", ", others.Take(3))}{(others.Count > 3 ? ", ..." : "")})");

        void Add(StateDict tensors, string key, string? name, string? source = null)
        {
            if (name is not null) tensors.Add(name, new Slot(file, source ?? key));
        }

        void AddOpenClip(string key, IReadOnlyList<string> names)
        {
            _openClip = true;
            for (var part = 0; part < names.Count; part++) TextTensors.Add(names[part], new Slot(file, key, part, names.Count));
        }
    }

    /// <summary>LitEma in the original ldm/modules/ema.py: the parameter's name without its dots.</summary>
    private static string Averaged(TensorFile file, string key)
    {
        var averaged = "model_ema." + key["model.".Length..].Replace(".", "");
        return file.Tensors.ContainsKey(averaged) ? averaged : key;
    }

    /// <summary>Buffers of the training schedule, which follow from its first and last beta.</summary>
    private static bool IsScheduleBuffer(string key)
    {
        var name = key[(key.LastIndexOf('.') + 1)..];
        return name is "betas" or "alphas_cumprod" or "alphas_cumprod_prev" or "sqrt_alphas_cumprod" or "sqrt_one_minus_alphas_cumprod" or "log_one_minus_alphas_cumprod"
            or "sqrt_recip_alphas_cumprod" or "sqrt_recipm1_alphas_cumprod" or "posterior_variance" or "posterior_log_variance_clipped"
            or "posterior_mean_coef1" or "posterior_mean_coef2" or "lvlb_weights" or "scale_factor" or "logvar";
    }

    private void ReadFolder()
    {
        if (!File.Exists(System.IO.Path.Combine(Path, "model_index.json")) && !Directory.Exists(System.IO.Path.Combine(Path, "unet")))
            throw new CheckpointException($"The folder {Path} is no model: it has neither model_index.json nor a folder named unet, as a diffusers model has.");
        if (Directory.Exists(System.IO.Path.Combine(Path, "text_encoder_2")))
            throw new CheckpointException($"The folder {Path} holds a Stable Diffusion XL model, which Easel does not run yet.");

        Read("unet", UNetTensors, key => key);
        Read("vae", AutoencoderTensors, KeyLayout.DiffusersAutoencoder);
        Read("text_encoder", TextTensors, KeyLayout.ClipText);

        void Read(string component, StateDict tensors, Func<string, string?> rename)
        {
            var file = DiffusersFolder.OpenComponent(Path, component);
            _files.Add(file);
            _remarks.AddRange(file.Remarks);
            foreach (var key in file.Tensors.Keys)
            {
                if (rename(key) is { } name) tensors.Add(name, new Slot(file, key)); // others belong to no parameter, such as CLIP's position ids
            }
        }
    }

    private void Recognise(string? vae, IReadOnlyList<ModelFamily> families)
    {
        (UNet, var family) = Shapes.UNet(UNetTensors, _settings, families, Path);
        if (vae is not null)
        {
            _vae = VaeFile.Open(vae);
            (AutoencoderTensors, Autoencoder) = (_vae.Tensors, _vae.Config);
        }
        else if (AutoencoderTensors.Count > 0)
        {
            Autoencoder = Shapes.Autoencoder(AutoencoderTensors, _settings.VaeNormGroups, Path);
        }
        Family = family with
        {
            NativeSize = _settings.NativeSize ?? family.NativeSize,
            GuidanceScale = _settings.GuidanceScale ?? family.GuidanceScale,
            Latent = family.Latent.As(UNet.OutChannels, Autoencoder?.Factor, _settings.LatentScale),
        };
        Text = TextTensors.Count > 0 ? Shapes.Text(TextTensors, _openClip, Family.TextEncoders[0], _settings, Path) : null;
        if (Text is { } text && text.Width != UNet.ContextWidth)
            throw new CheckpointException($"The text encoder of {Path} gives vectors of width {text.Width}, but its UNet attends to {UNet.ContextWidth}.");
    }
}
