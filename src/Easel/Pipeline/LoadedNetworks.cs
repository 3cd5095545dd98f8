using Easel.Imaging;
using Easel.Kernels;
using Easel.Models;
using Easel.Models.Control;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using Easel.Weights.Names;

namespace Easel.Pipeline;

/// <summary>The networks of one model, loaded and ready, and the facts they are used with. What goes in and comes out lies on the CPU in fp32.</summary>
internal sealed class LoadedNetworks : IDisposable
{
    private readonly IReadOnlyList<NetworkSlot> _slots;
    private readonly UNet _unet;
    private readonly Autoencoder? _autoencoder;
    private readonly IReadOnlyList<ClipTextModel> _texts;
    private TinyAutoencoder? _tiny;
    private string? _tinyBeside;
    private readonly string? _depthModel;
    private readonly bool _packs, _plain;
    private readonly int? _threads;
    private readonly LoraMerge _loras;
    private (int Loads, long Rows, long Height, long Width) _laidOut; // what the UNet's weights were last laid out for

    private LoadedNetworks(Checkpoint checkpoint, LoadOptions options, NumberFormat format, Device device, Residency residency, Action<double>? onProgress,
        bool refines)
    {
        (Checkpoint, Format, Device, Residency) = (checkpoint, format, device, residency);
        (Family, Noise, MaxNoiseLevel) = (checkpoint.Family, checkpoint.Noise(), checkpoint.MaxNoiseLevel);
        (_plain, _threads) = (options.PlainKernels, options.Threads);
        _packs = device.type == DeviceType.CPU && !options.PlainKernels && OneDnn.Packs(format.Run);

        _unet = new UNet(checkpoint.UNet);
        UNetSlot = new NetworkSlot("UNet", _unet, checkpoint.UNetTensors, loraNames: UNetNames.Original(checkpoint.UNet));
        if (checkpoint.Autoencoder is { } pixels && !refines)
        {
            _autoencoder = new Autoencoder(pixels);
            AutoencoderSlot = new NetworkSlot("autoencoder", _autoencoder, checkpoint.AutoencoderTensors);
        }
        _texts = [.. checkpoint.Texts.Select(text => new ClipTextModel(text.Config) { RunType = format.Run })];
        TextSlots = [.. checkpoint.Texts.Select((text, i) =>
            new NetworkSlot(i == 0 ? "text encoder" : "second text encoder", _texts[i], text.Tensors, servesBeforeDrawing: true, loraNames: new NameTable()))];
        _slots = [.. new[] { UNetSlot, AutoencoderSlot }.Concat(TextSlots).OfType<NetworkSlot>()];
        _loras = new LoraMerge(new LoraTargets(_slots, Family.Name));

        // Where networks take turns each is loaded later, but the largest now, so that a file that does not fit it is refused at once.
        var first = refines ? [] : Residency.GoesByTurns ? [UNetSlot] : _slots;
        var (done, all) = (0, (double)first.Sum(slot => slot.TensorCount));
        try
        {
            foreach (var slot in first) Load(slot, () => onProgress?.Invoke(++done / all));
            _tiny = options.TinyVae is null ? null : TinyVaeFile.Load(options.TinyVae, Family.Latent, format.Run, device);
        }
        catch
        {
            foreach (var slot in _slots) slot.Dispose(); // what is loaded goes at once, and not when the collector finds it
            throw;
        }
        _depthModel = options.DepthModel;
    }

    /// <summary>What of the faster layers is not in use though this machine has it: the same seed may then give slightly other pictures than at other times.
    /// Null where nothing is lacking.</summary>
    public string? KernelRemark
    {
        get
        {
            if (Device.type != DeviceType.CPU || _plain) return null;
            var lacking = OneDnn.IsFault ? $"oneDNN's packed layers, for {OneDnn.Lacking}"
                : Format.Run == ScalarType.BFloat16 && BFloat16Product.IsForbidden ? "the machine code for bf16, for the system does not let code be made"
                : null;
            return lacking is null ? null
                : $"It was drawn without {lacking}; it took longer, and a picture of this seed may differ slightly from one drawn with them.";
        }
    }

    public Checkpoint Checkpoint { get; } // stays open: LoRAs are merged from and taken out to what it says
    public ModelFamily Family { get; }
    public NoiseModel Noise { get; private set; }
    public int MaxNoiseLevel { get; }
    public NumberFormat Format { get; }
    public Device Device { get; }

    /// <summary>The format in which the autoencoder works: not fp16 where its numbers would overflow, and its weights, which are few, in full.</summary>
    public NumberFormat AutoencoderFormat => Checkpoint.AutoencoderOverflows && Format.Run == ScalarType.Float16
        ? new(ScalarType.Float32, ScalarType.Float32) : Format with { Weights = WeightFormat.Full };

    public NetworkSlot UNetSlot { get; }
    public NetworkSlot? AutoencoderSlot { get; }
    public IReadOnlyList<NetworkSlot> TextSlots { get; }

    /// <summary>Which networks are in memory together. Takes effect when the next one is needed.</summary>
    public Residency Residency { get; set; }

    /// <summary>Whether the networks draw pictures whose opposite edges meet. The encoder's halving, which pads two sides only, is left as it is.</summary>
    public bool Wraps
    {
        get;
        set
        {
            if (field == value) return;
            field = value;
            foreach (var layer in new nn.Module?[] { _unet, _autoencoder, _tiny }.OfType<nn.Module>().SelectMany(network => network.modules()))
            {
                if (layer is Models.Conv2d plain) plain.Wraps = value;
                else if (layer is DoubledConv2d doubled) doubled.Wraps = value;
            }
        }
    }

    public bool DecodesTiny => _tiny is not null;

    /// <summary>Has pictures decoded by a tiny autoencoder that lies beside the model, where one does and none was named, or lets it go again.</summary>
    /// <returns>A sentence of it; null where nothing is other than the model was loaded with.</returns>
    public string? DecodeTinyBeside(bool wanted)
    {
        if (!wanted && _tinyBeside is not null)
        {
            _tiny?.Dispose();
            (_tiny, _tinyBeside) = (null, null);
        }
        if (wanted && _tiny is null && TinyVaeFile.Beside(Checkpoint.Path, Family.Latent) is { } beside)
            (_tiny, _tinyBeside) = (TinyVaeFile.Load(beside, Family.Latent, Format.Run, Device), beside);
        return _tinyBeside is null ? null : $"Pictures are decoded by the tiny autoencoder {Path.GetFileName(_tinyBeside)}, which lies beside the model.";
    }

    /// <summary>Bytes of the weights that are in memory.</summary>
    public double BytesInMemory => All.Sum(slot => slot.BytesInMemory);

    /// <summary>The networks that steer the UNet in the runs to come. They belong to whoever lends them.</summary>
    public IReadOnlyList<ControlFile> Steering { get; set; } = [];

    private IEnumerable<NetworkSlot> All => _slots.Concat(Steering.Select(file => file.Slot));

    public UNet UNet => _unet;
    public Autoencoder Autoencoder => _autoencoder
        ?? throw new CheckpointException($"{Checkpoint.Path} holds no autoencoder, without which there are no pictures; LoadOptions.Vae can name one.");
    public IReadOnlyList<ClipTextModel> Texts => _texts is { Count: > 0 } texts ? texts
        : throw new CheckpointException($"{Checkpoint.Path} holds no text encoder, without which it cannot follow a prompt; "
            + "LoadOptions.TextEncoder can name one.");

    /// <summary>Loads the networks of a checkpoint and takes the checkpoint over.</summary>
    /// <param name="refines">Whether it only does the last steps of what another model began: its autoencoder is never needed, and the others are loaded when
    /// their turn comes.</param>
    public static LoadedNetworks Load(Checkpoint checkpoint, LoadOptions options, NumberFormat format, Device device, Action<double>? onProgress = null,
        Residency residency = Residency.Together, bool refines = false)
    {
        using var inference = inference_mode();
        var model = new LoadedNetworks(checkpoint, options, format, device, residency, onProgress, refines);
        NativeRuntime.Trim(); // what converting and packing left behind
        model.Noise = model.Noise with { Prediction = options.Prediction ?? model.Noise.Prediction ?? model.ProbePrediction() };
        return model;
    }

    /// <summary>Sees to it that the networks whose turn it is are in memory, and that those are not whose turn is over.</summary>
    public void Bring(params IReadOnlyList<NetworkSlot?> slots)
    {
        if (UNetSlot.IsInMemory && UNetSlot.IsStreamed != (Residency == Residency.Streamed)) UNetSlot.Unload();
        foreach (var other in All.Where(other => !slots.Contains(other) && other.IsInMemory && Leaves(other)))
        {
            other.Unload();
            NativeRuntime.ReturnLargeBlocks();
        }
        foreach (var slot in slots)
            if (slot is { IsInMemory: false }) Load(slot, null);
        if (slots.Count > 0 && TextSlots.Contains(slots[0])) Threads.Use(_texts.Max(text => text.Config.Positions * text.Config.Width), _threads);

        bool Leaves(NetworkSlot other) => Residency.GoesByTurns && !(Draws(other) && slots.Any(Draws))
            || Residency != Residency.Together && other.ServesBeforeDrawing
            || Residency.LetsUNetGo && Draws(other) && slots.Contains(AutoencoderSlot);

        bool Draws(NetworkSlot? one) => one is not null && (one == UNetSlot || one.Steers);
    }

    /// <summary>Lets all weights go; each network comes back when its turn does.</summary>
    public void Park()
    {
        foreach (var slot in All.Where(slot => slot.IsInMemory)) slot.Unload();
        NativeRuntime.ReturnLargeBlocks();
    }

    public void Dispose()
    {
        foreach (var slot in _slots) slot.Dispose();
        _tiny?.Dispose();
        Checkpoint.Dispose();
    }

    private void Load(NetworkSlot slot, Action? onTensor)
    {
        using var inference = inference_mode();
        NativeRuntime.ReturnLargeBlocks();
        slot.Load(slot == AutoencoderSlot ? AutoencoderFormat : Format, Device, onTensor, _packs,
            streams: slot == UNetSlot && Residency == Residency.Streamed);
        _loras.Restore(slot.Module);
    }

    /// <summary>Gives the model the changes of these LoRAs and of no others; without any, its weights are what loading made them.</summary>
    public IReadOnlyList<string> SetLoras(IReadOnlyList<LoraUse> loras) => _loras.Set(loras);

    /// <summary>Has as many threads take part in what comes as are worth their while.</summary>
    /// <param name="x">[n, c, h, w].</param> <param name="values">Values that flow for each position of it.</param>
    private void Share(Tensor x, int values)
    {
        if (Device.type == DeviceType.CPU) Threads.Use(x.shape[0] * x.shape[2] * x.shape[3] * values, _threads);
    }

    /// <summary>Room for what the UNet makes of the prompts of a batch.</summary>
    /// <param name="guidanceScale">What a network that guides itself is told; null to tell it nothing.</param>
    public PromptMemory NewPromptMemory(double? guidanceScale = null) => new(Format.Run, Device, guidanceScale);

    /// <summary>The UNet's prediction. Calls of a run bring what is kept of their prompts, see <see cref="PromptMemory"/>; one that does not makes it for
    /// itself.</summary>
    public Tensor Predict(NetworkCall call)
    {
        if (call.Context is { } context) return Predict(call.X, call.Timestep, context, call.Labels, call.Deep, call.Control);
        using var words = NewPromptMemory();
        return words.Over(Predict)(call);
    }

    /// <summary>The UNet's prediction: x [n, channels, h, w], one timestep for all, context [n, tokens, width] in its own format and place.</summary>
    private Tensor Predict(Tensor x, double timestep, ContextKeys context, Tensor? labels, DeepRows? deep, ControlSignals? control = null)
    {
        using var scope = NewDisposeScope();
        Bring(UNetSlot);
        Share(x, _unet.Config.Channels[0]);
        // Where every weight is another block, or is laid out for this size first, what is let go would lie there and fit nothing that comes.
        var laidOut = (UNetSlot.Loads, x.shape[0], x.shape[2], x.shape[3]);
        if (UNetSlot.IsStreamed || laidOut != _laidOut) NativeRuntime.ReturnLargeBlocks();
        else NativeRuntime.KeepLargeBlocks();
        _laidOut = laidOut;
        var timesteps = full(x.shape[0], (float)timestep, ScalarType.Float32, Device);
        var answer = _unet.Predict(x.to(Format.Run, Device), timesteps, context, labels?.to(Device), deep, control);
        return answer.to(ScalarType.Float32).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Pixels [n, 3, h, w] in [-1, 1] to the mean and deviation of their scaled latents, on the CPU in fp32.</summary>
    /// <param name="tile">Side of a tile in latent positions.</param>
    public (Tensor Mean, Tensor Deviation) Encode(Tensor pixels, int? tile)
    {
        using var scope = NewDisposeScope();
        Bring(AutoencoderSlot);
        Share(pixels, Autoencoder.Config.Channels[0]);
        NativeRuntime.ReturnLargeBlocks();
        var (mean, deviation) = Autoencoder.Encode(pixels.to(AutoencoderFormat.Run, Device), tile * Autoencoder.Config.Factor);
        var scaled = Family.Latent.ToUNet(mean.to(ScalarType.Float32)).cpu();
        return (scaled.MoveToOuterDisposeScope(), (deviation.to(ScalarType.Float32) * Family.Latent.Scale).cpu().MoveToOuterDisposeScope());
    }

    /// <summary>Scaled latents to pixels [n, 3, h, w], about [-1, 1], in fp32.</summary>
    public Tensor Decode(Tensor latents, int? tile, Action<int, int>? onTile = null)
    {
        if (Wraps && tile < Math.Max(latents.shape[2], latents.shape[3])) return DecodeWrapped(latents, tile, onTile);
        using var scope = NewDisposeScope();
        if (_tiny is null) Bring(AutoencoderSlot);
        Share(latents, Family.Latent.PixelsPerPosition * Family.Latent.PixelsPerPosition * (_autoencoder?.Config.Channels[0] ?? 64));
        NativeRuntime.ReturnLargeBlocks();
        var decoded = _tiny?.Decode(latents.to(Format.Run, Device), tile)
            ?? Autoencoder.Decode(Family.Latent.ToAutoencoder(latents).to(AutoencoderFormat.Run, Device), tile, onTile);
        var pixels = decoded.to(ScalarType.Float32).cpu();
        NonFiniteException.ThrowIfAny(pixels);
        return pixels.MoveToOuterDisposeScope();
    }

    /// <summary>In tiles, whose own edges are no edges of the picture: what lies beyond those is laid around it and cut off again.</summary>
    private Tensor DecodeWrapped(Tensor latents, int? tile, Action<int, int>? onTile)
    {
        const int Margin = 8;
        using var scope = NewDisposeScope();
        try
        {
            Wraps = false;
            var (margin, factor) = (Math.Min(Margin, Math.Min(latents.shape[2], latents.shape[3])), Family.Latent.PixelsPerPosition);
            var pixels = Decode(latents.Wrapped(margin), tile, onTile);
            return pixels.narrow(2, margin * factor, latents.shape[2] * factor).narrow(3, margin * factor, latents.shape[3] * factor)
                .contiguous().MoveToOuterDisposeScope();
        }
        finally
        {
            Wraps = true;
        }
    }

    /// <summary>Whether a preview costs next to nothing: the model's own autoencoder may only be asked where the UNet need not make room for it.</summary>
    public bool PreviewsInPassing => _tiny is not null || Family.Latent.Colours is not null || !Residency.LetsUNetGo;

    /// <summary>Small pictures of latents on their way: the tiny autoencoder's where there is one; otherwise a fixed mixture of colours, if one is known; the
    /// model's own autoencoder makes others out.</summary>
    public IReadOnlyList<RgbImage> Preview(Tensor latents)
    {
        using var scope = NewDisposeScope();
        if (_tiny is not null) return ImageTensor.ToImages(_tiny.Decode(latents.to(Format.Run, Device)).to(ScalarType.Float32).cpu());
        return Family.Latent.Preview(latents) ?? ImageTensor.ToImages(Decode(latents, tile: null));
    }

    /// <summary>How near each point of a picture is, [1, 1, h, w] on the CPU; null where no estimator is at hand. It is loaded for the one picture and let go
    /// again.</summary>
    public Tensor? EstimateDepth(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        using var own = _depthModel is null ? null : TensorFile.Open(_depthModel);
        if ((own ?? Checkpoint.DepthEstimator) is not { } file) return null;
        using var estimator = DepthEstimatorFile.Load(file, ScalarType.Float32, Device);
        return estimator.Estimate(picture).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Asks the UNet itself what it predicts. Given pure noise at the last timestep, a model of eps answers with that noise and a model of v with
    /// something else (v = √ᾱ eps - √(1-ᾱ) x0, and ᾱ is almost 0 there).</summary>
    private PredictionType ProbePrediction()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(0, CPU);
        var noise = randn([1, _unet.Config.InChannels, 32, 32], generator: generator);
        using var context = new ContextKeys(zeros([1, 77, _unet.Config.ContextWidth], Format.Run, Device));
        var labels = _unet.Config.ClassCount > 0 ? zeros([1], ScalarType.Int64) : null;
        var answer = Predict(noise, Noise.Schedule.Count - 1, context, labels, null);
        var seen = noise[.., ..(int)answer.shape[1]];
        var likeness = (answer * seen).sum().item<float>() / (answer.norm().item<float>() * seen.norm().item<float>());
        return likeness > 0.5 ? PredictionType.Epsilon : PredictionType.V;
    }
}
