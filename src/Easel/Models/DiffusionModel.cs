using Easel.Imaging;
using Easel.Kernels;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Models;

/// <summary>The networks of one model, loaded and ready: text encoder, UNet, autoencoder, and the facts they are used with.</summary>
internal sealed class DiffusionModel : IDisposable
{
    private readonly ClipTextModel? _text;
    private readonly UNet _unet;
    private readonly Autoencoder? _autoencoder;
    private readonly TinyAutoencoder? _tiny;
    private readonly string? _depthModel;
    private readonly Checkpoint _checkpoint; // stays open: LoRAs are merged from and taken out to what it says
    private readonly LoraMerge _loras;

    private DiffusionModel(Checkpoint checkpoint, LoadOptions options, NumberFormat format, Device device, Action<double>? onProgress)
    {
        (_checkpoint, Format, Device) = (checkpoint, format, device);
        (Family, NoiseSchedule, LatentScale, MaxNoiseLevel) = (checkpoint.Family, checkpoint.NoiseSchedule(), checkpoint.LatentScale, checkpoint.MaxNoiseLevel);

        using var vaeFile = options.Vae is null ? null : VaeFile.Open(options.Vae);
        var (autoencoderTensors, autoencoderConfig) = vaeFile is null ? (checkpoint.AutoencoderTensors, checkpoint.Autoencoder) : (vaeFile.Tensors, vaeFile.Config);
        var (done, all) = (0, (double)checkpoint.UNetTensors.Count + autoencoderTensors.Count + checkpoint.TextTensors.Count);
        void OnTensor() => onProgress?.Invoke(++done / all);
        var packs = device.type == DeviceType.CPU && format.Kept == format.Run && !options.PlainKernels && OneDnn.IsAvailable;

        _unet = new UNet(checkpoint.UNet);
        checkpoint.UNetTensors.Load(_unet, "UNet", format.Kept, device, OnTensor, packs);
        if (autoencoderConfig is { } pixels)
        {
            _autoencoder = new Autoencoder(pixels);
            autoencoderTensors.Load(_autoencoder, "autoencoder", format.Kept, device, OnTensor, packs);
        }
        if (checkpoint.Text is { } text)
        {
            _text = new ClipTextModel(text) { RunType = format.Run };
            checkpoint.TextTensors.Load(_text, "text encoder", format.Kept, device, OnTensor, packs);
        }
        _tiny = options.TinyVae is null ? null : TinyAutoencoder.Load(options.TinyVae, format.Run, device);
        if (_tiny is { CanDecode: false }) throw new CheckpointException($"{options.TinyVae} holds no decoder of a tiny autoencoder.");
        _depthModel = options.DepthModel;
        _loras = new LoraMerge(_unet, checkpoint.UNetTensors, _text, checkpoint.TextTensors);
    }

    public ModelFamily Family { get; }
    public NoiseSchedule NoiseSchedule { get; }
    public double LatentScale { get; }
    public int MaxNoiseLevel { get; }
    public PredictionType Prediction { get; private init; }
    public NumberFormat Format { get; }
    public Device Device { get; }
    public UNet UNet => _unet;

    /// <summary>Pixels along a side of the drawn picture for each latent position. The upscaler's latents are as large as its small picture.</summary>
    public int PixelsPerLatent => Family.Task == ModelTask.Upscaler ? 1 : Autoencoder.Config.Factor;

    public Autoencoder Autoencoder => _autoencoder ?? throw new CheckpointException($"{_checkpoint.Path} holds no autoencoder, without which there are no pictures; name one with --vae.");
    public ClipTextModel Text => _text ?? throw new CheckpointException($"{_checkpoint.Path} holds no text encoder, without which it cannot follow a prompt.");

    /// <summary>Loads the networks of a checkpoint and takes the checkpoint over.</summary>
    public static DiffusionModel Load(Checkpoint checkpoint, LoadOptions options, NumberFormat format, Device device, Action<double>? onProgress = null)
    {
        using var inference = inference_mode();
        var model = new DiffusionModel(checkpoint, options, format, device, onProgress);
        return new DiffusionModel(model, options.Prediction ?? checkpoint.Prediction ?? model.ProbePrediction());
    }

    private DiffusionModel(DiffusionModel loaded, PredictionType prediction)
    {
        (_checkpoint, _loras, _unet, _autoencoder, _text, _tiny, _depthModel) =
            (loaded._checkpoint, loaded._loras, loaded._unet, loaded._autoencoder, loaded._text, loaded._tiny, loaded._depthModel);
        (Family, NoiseSchedule, LatentScale, MaxNoiseLevel) = (loaded.Family, loaded.NoiseSchedule, loaded.LatentScale, loaded.MaxNoiseLevel);
        (Format, Device, Prediction) = (loaded.Format, loaded.Device, prediction);
    }

    public void Dispose()
    {
        _unet.Dispose();
        _autoencoder?.Dispose();
        _text?.Dispose();
        _tiny?.Dispose();
        _checkpoint.Dispose();
    }

    /// <summary>Gives the model the changes of these LoRAs and of no others; without any, its weights are what loading made them.</summary>
    public IReadOnlyList<string> SetLoras(IReadOnlyList<LoraUse> loras) => _loras.Set(loras);

    /// <summary>The UNet's prediction on the CPU in fp32: x [n, channels, h, w], one timestep for all, context [n, tokens, width].</summary>
    /// <param name="deep">Where features of the deep part are reused; null where everything is computed.</param>
    public Tensor Predict(Tensor x, double timestep, Tensor context, Tensor? labels, DeepRows? deep = null)
    {
        using var scope = NewDisposeScope();
        var timesteps = full(x.shape[0], (float)timestep, ScalarType.Float32, Device);
        return _unet.Predict(x.to(Format.Run, Device), timesteps, context.to(Format.Run, Device), labels?.to(Device), deep).to(ScalarType.Float32).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Pixels [n, 3, h, w] in [-1, 1] to the mean and deviation of their scaled latents, on the CPU in fp32.</summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="tile">Side of a tile in latent positions.</param>
    public (Tensor Mean, Tensor Deviation) Encode(Tensor pixels, int? tile)
    {
        using var scope = NewDisposeScope();
        var (mean, deviation) = Autoencoder.Encode(pixels.to(Format.Run, Device), tile * Autoencoder.Config.Factor);
        return (Scaled(mean), Scaled(deviation));

        Tensor Scaled(Tensor t) => (t.to(ScalarType.Float32) * LatentScale).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Scaled latents to pixels [n, 3, h, w], about [-1, 1], in fp32.</summary>
    public Tensor Decode(Tensor latents, int? tile, Action<int, int>? onTile = null)
    {
        using var scope = NewDisposeScope();
        var decoded = _tiny?.Decode(latents.to(Format.Run, Device), tile) ?? Autoencoder.Decode((latents / LatentScale).to(Format.Run, Device), tile, onTile);
        var pixels = decoded.to(ScalarType.Float32).cpu();
        NonFiniteException.ThrowIfAny(pixels);
        return pixels.MoveToOuterDisposeScope();
    }

    /// <summary>Small pictures of latents on their way: the tiny autoencoder's where there is one, otherwise a fixed mixture of colours.</summary>
    public IReadOnlyList<RgbImage> Preview(Tensor latents)
    {
        using var scope = NewDisposeScope();
        return _tiny is null ? LatentPreview.Of(latents) : ImageTensor.ToImages(_tiny.Decode(latents.to(Format.Run, Device)).to(ScalarType.Float32).cpu());
    }

    /// <summary>How near each point of a picture is, [1, 1, h, w] on the CPU; null where no estimator is at hand. It is loaded for the one picture and let go again.</summary>
    public Tensor? EstimateDepth(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        using var own = _depthModel is null ? null : TensorFile.Open(_depthModel);
        if ((own ?? _checkpoint.DepthEstimator) is not { } file) return null;
        using var estimator = MidasDepth.Load(file, ScalarType.Float32, Device);
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
