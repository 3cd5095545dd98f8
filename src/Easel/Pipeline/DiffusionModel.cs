using Easel.Imaging;
using Easel.Kernels;
using Easel.Models;
using Easel.Planning;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Pipeline;

/// <summary>The three networks of a model.</summary>
internal enum Network
{
    /// <summary>Words to vectors.</summary>
    Text,

    /// <summary>Removes noise.</summary>
    UNet,

    /// <summary>Pixels to latents and back.</summary>
    Autoencoder,
}

/// <summary>The networks of one model, loaded and ready: text encoder, UNet, autoencoder, and the facts they are used with.</summary>
internal sealed class DiffusionModel : IDisposable
{
    private readonly ClipTextModel? _text;
    private readonly UNet _unet;
    private readonly Autoencoder? _autoencoder;
    private readonly TinyAutoencoder? _tiny;
    private readonly string? _depthModel;
    private readonly string? _vaeFile;
    private readonly bool _packs;
    private readonly HashSet<Network> _inMemory = [];
    private readonly Checkpoint _checkpoint; // stays open: LoRAs are merged from and taken out to what it says
    private readonly LoraMerge _loras;

    private DiffusionModel(Checkpoint checkpoint, LoadOptions options, NumberFormat format, Device device, Residency residency, Action<double>? onProgress)
    {
        (_checkpoint, Format, Device) = (checkpoint, format, device);
        (Family, NoiseSchedule, LatentScale, MaxNoiseLevel) = (checkpoint.Family, checkpoint.NoiseSchedule(), checkpoint.LatentScale, checkpoint.MaxNoiseLevel);

        (_vaeFile, Residency) = (options.Vae, residency);
        _packs = device.type == DeviceType.CPU && format.Kept == format.Run && !options.PlainKernels && OneDnn.IsAvailable;
        Size = ModelSize.Of(checkpoint, options);
        _unet = new UNet(checkpoint.UNet);
        _autoencoder = Size.Autoencoder is { } pixels ? new Autoencoder(pixels) : null;
        _text = checkpoint.Text is { } text ? new ClipTextModel(text) { RunType = format.Run } : null;
        _loras = new LoraMerge(_unet, checkpoint.UNetTensors, _text, checkpoint.TextTensors);

        // Where networks take turns each is loaded later, but the largest now, so that a file that does not fit it is refused at once.
        Network[] first = residency == Residency.OneAtATime ? [Network.UNet] : [Network.UNet, Network.Autoencoder, Network.Text];
        var (done, all) = (0, (double)first.Sum(TensorsOf));
        foreach (var network in first) Load(network, () => onProgress?.Invoke(++done / all));
        _tiny = options.TinyVae is null ? null : TinyVaeFile.Load(options.TinyVae, format.Run, device);
        _depthModel = options.DepthModel;
    }

    public ModelFamily Family { get; }
    public NoiseSchedule NoiseSchedule { get; }
    public double LatentScale { get; }
    public int MaxNoiseLevel { get; }
    public PredictionType Prediction { get; private set; }
    public NumberFormat Format { get; }
    public Device Device { get; }
    public UNet UNet => _unet;
    public ModelSize Size { get; }

    /// <summary>Which networks are in memory together. Takes effect when the next one is needed.</summary>
    public Residency Residency { get; set; }

    /// <summary>Whether a tiny autoencoder decodes.</summary>
    public bool DecodesTiny => _tiny is not null;

    /// <summary>Bytes of the weights that are in memory.</summary>
    public double Taken => MemoryPlan.Weights(_inMemory.Sum(network => network switch
    {
        Network.UNet => Size.Values(Stage.Denoising),
        Network.Autoencoder => Size.Values(Stage.Pixels),
        _ => Size.Values(Stage.Reading),
    }), Format);

    /// <summary>Pixels along a side of the drawn picture for each latent position. The upscaler's latents are as large as its small picture.</summary>
    public int PixelsPerLatent => Family.Task == ModelTask.Upscaler ? 1 : Autoencoder.Config.Factor;

    public Autoencoder Autoencoder => _autoencoder ?? throw new CheckpointException($"{_checkpoint.Path} holds no autoencoder, without which there are no pictures; LoadOptions.Vae can name one.");
    public ClipTextModel Text => _text ?? throw new CheckpointException($"{_checkpoint.Path} holds no text encoder, without which it cannot follow a prompt.");

    /// <summary>Loads the networks of a checkpoint and takes the checkpoint over.</summary>
    public static DiffusionModel Load(Checkpoint checkpoint, LoadOptions options, NumberFormat format, Device device, Action<double>? onProgress = null,
        Residency residency = Residency.Together)
    {
        using var inference = inference_mode();
        var model = new DiffusionModel(checkpoint, options, format, device, residency, onProgress);
        NativeRuntime.Trim(); // what converting and packing left behind
        model.Prediction = options.Prediction ?? checkpoint.Prediction ?? model.ProbePrediction();
        return model;
    }

    /// <summary>Sees to it that a network is in memory, and that those are not whose turn is over.</summary>
    public void Bring(Network network)
    {
        foreach (var other in _inMemory.Where(other => other != network && (Residency == Residency.OneAtATime || Residency == Residency.TextGoes && other == Network.Text)).ToList())
        {
            foreach (var layer in ModuleOf(other)!.modules().OfType<Layer>()) layer.Unload();
            _inMemory.Remove(other);
            NativeRuntime.ReturnLargeBlocks();
        }
        if (!_inMemory.Contains(network)) Load(network, null);
    }

    public void Dispose()
    {
        _unet.Dispose();
        _autoencoder?.Dispose();
        _text?.Dispose();
        _tiny?.Dispose();
        _checkpoint.Dispose();
    }

    private void Load(Network network, Action? onTensor)
    {
        if (ModuleOf(network) is not { } module) return;
        using var inference = inference_mode();
        using var vaeFile = network == Network.Autoencoder && _vaeFile is not null ? VaeFile.Open(_vaeFile) : null;
        var (tensors, name) = network switch
        {
            Network.UNet => (_checkpoint.UNetTensors, "UNet"),
            Network.Autoencoder => (vaeFile?.Tensors ?? _checkpoint.AutoencoderTensors, "autoencoder"),
            _ => (_checkpoint.TextTensors, "text encoder"),
        };
        tensors.Load(module, name, Format.Kept, Device, onTensor, _packs);
        _inMemory.Add(network);
        _loras.Restore(module);
    }

    private nn.Module? ModuleOf(Network network) => network switch { Network.UNet => _unet, Network.Autoencoder => _autoencoder, _ => _text };

    private int TensorsOf(Network network) => ModuleOf(network) is { } module ? module.parameters().Count() : 0;

    /// <summary>Gives the model the changes of these LoRAs and of no others; without any, its weights are what loading made them.</summary>
    public IReadOnlyList<string> SetLoras(IReadOnlyList<LoraUse> loras) => _loras.Set(loras);

    /// <summary>The UNet's prediction on the CPU in fp32: x [n, channels, h, w], one timestep for all, context [n, tokens, width].</summary>
    /// <param name="deep">Where features of the deep part are reused; null where everything is computed.</param>
    public Tensor Predict(Tensor x, double timestep, Tensor context, Tensor? labels, DeepRows? deep = null)
    {
        using var scope = NewDisposeScope();
        Bring(Network.UNet);
        NativeRuntime.KeepLargeBlocks();
        var timesteps = full(x.shape[0], (float)timestep, ScalarType.Float32, Device);
        return _unet.Predict(x.to(Format.Run, Device), timesteps, context.to(Format.Run, Device), labels?.to(Device), deep).to(ScalarType.Float32).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Pixels [n, 3, h, w] in [-1, 1] to the mean and deviation of their scaled latents, on the CPU in fp32.</summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="tile">Side of a tile in latent positions.</param>
    public (Tensor Mean, Tensor Deviation) Encode(Tensor pixels, int? tile)
    {
        using var scope = NewDisposeScope();
        Bring(Network.Autoencoder);
        NativeRuntime.ReturnLargeBlocks();
        var (mean, deviation) = Autoencoder.Encode(pixels.to(Format.Run, Device), tile * Autoencoder.Config.Factor);
        return (Scaled(mean), Scaled(deviation));

        Tensor Scaled(Tensor t) => (t.to(ScalarType.Float32) * LatentScale).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Scaled latents to pixels [n, 3, h, w], about [-1, 1], in fp32.</summary>
    public Tensor Decode(Tensor latents, int? tile, Action<int, int>? onTile = null)
    {
        using var scope = NewDisposeScope();
        if (_tiny is null) Bring(Network.Autoencoder);
        NativeRuntime.ReturnLargeBlocks();
        var decoded = _tiny?.Decode(latents.to(Format.Run, Device), tile) ?? Autoencoder.Decode((latents / LatentScale).to(Format.Run, Device), tile, onTile);
        var pixels = decoded.to(ScalarType.Float32).cpu();
        NonFiniteException.ThrowIfAny(pixels);
        return pixels.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Small pictures of latents on their way: the tiny autoencoder's where there is one; otherwise a fixed mixture of colours, if these are latents of Stable Diffusion's autoencoder; the
    /// model's own autoencoder makes others out.
    /// </summary>
    public IReadOnlyList<RgbImage> Preview(Tensor latents)
    {
        using var scope = NewDisposeScope();
        if (_tiny is not null) return ImageTensor.ToImages(_tiny.Decode(latents.to(Format.Run, Device)).to(ScalarType.Float32).cpu());
        return latents.shape[1] == LatentPreview.Channels ? LatentPreview.Of(latents) : ImageTensor.ToImages(Decode(latents, tile: null));
    }

    /// <summary>How near each point of a picture is, [1, 1, h, w] on the CPU; null where no estimator is at hand. It is loaded for the one picture and let go again.</summary>
    public Tensor? EstimateDepth(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        using var own = _depthModel is null ? null : TensorFile.Open(_depthModel);
        if ((own ?? _checkpoint.DepthEstimator) is not { } file) return null;
        using var estimator = DepthEstimatorFile.Load(file, ScalarType.Float32, Device);
        return estimator.Estimate(picture).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Asks the UNet itself what it predicts. Given pure noise at the last timestep, a model of eps answers with that noise and a model of v with something else
    /// (v = √ᾱ eps - √(1-ᾱ) x0, and ᾱ is almost 0 there).
    /// </summary>
    private PredictionType ProbePrediction()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(0, CPU);
        var noise = randn([1, _unet.Config.InChannels, 32, 32], generator: generator);
        var context = zeros([1, 77, _unet.Config.ContextWidth]);
        var labels = _unet.Config.ClassCount > 0 ? zeros([1], ScalarType.Int64) : null;
        var answer = Predict(noise, NoiseSchedule.Count - 1, context, labels);
        var seen = noise[.., ..(int)answer.shape[1]];
        var likeness = (answer * seen).sum().item<float>() / (answer.norm().item<float>() * seen.norm().item<float>());
        return likeness > 0.5 ? PredictionType.Epsilon : PredictionType.V;
    }
}
