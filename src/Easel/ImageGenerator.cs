using Easel.Imaging;
using Easel.Models;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Text;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel;

/// <summary>
/// Makes pictures from words with one loaded model. This is the whole public story: load, ask, receive. A generator is used from one thread at a time.
/// </summary>
/// <example>
/// <code>
/// using var generator = ImageGenerator.Load("sd-v1-4.ckpt");
/// var result = generator.Generate(new GenerationRequest { Prompt = "a hamster painting with a brush", Seed = 42 });
/// ImageFile.Save("hamster.png", result.Images[0].Image);
/// </code>
/// </example>
public sealed class ImageGenerator : IDisposable
{
    private static readonly NumberFormat FullPrecision = new(ScalarType.Float32, ScalarType.Float32);

    private readonly string _path;
    private readonly LoadOptions _options;
    private readonly ClipTokenizer _tokenizer = new();
    private readonly EmbeddingFolder? _embeddings;
    private readonly LoraShelf _loras;
    private DiffusionModel _model;

    private ImageGenerator(string path, LoadOptions options, DiffusionModel model)
    {
        (_path, _options, _model) = (path, options, model);
        _embeddings = options.EmbeddingFolder is { } folder ? new EmbeddingFolder(folder) : null;
        _loras = new LoraShelf(options.LoraFolder);
    }

    /// <summary>The family of the loaded model.</summary>
    public ModelFamily Family => _model.Family;

    /// <summary>What the UNet predicts.</summary>
    public PredictionType Prediction => _model.Prediction;

    /// <summary>Where the model runs: "cpu" or "cuda:0".</summary>
    public string Device => _model.Device.ToString();

    /// <summary>The number format in which the model runs.</summary>
    public Precision Precision => _model.Format.Kept switch { ScalarType.Float32 => Precision.Full, ScalarType.BFloat16 => Precision.BFloat16, _ => Precision.Float16 };

    /// <summary>Loads a model.</summary>
    /// <param name="path">A <c>.ckpt</c>, <c>.safetensors</c>, <c>.pt</c> or <c>.bin</c> file in the original layout, or a diffusers folder.</param>
    /// <param name="options">Device, precision and the like; null for the best of this machine.</param>
    /// <param name="onProgress">Told the share loaded, 0 to 1.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    /// <exception cref="InvalidRequestException">A device or precision that is not at hand.</exception>
    /// <exception cref="EaselException">There is not enough memory.</exception>
    public static ImageGenerator Load(string path, LoadOptions? options = null, Action<double>? onProgress = null)
    {
        OpenMp.Prepare();
        options ??= new LoadOptions();
        var device = Hardware.Device(options.Device);
        return new ImageGenerator(path, options, LoadModel(path, options, Hardware.NumberFormat(options.Precision, device), device, onProgress));
    }

    /// <summary>Loads the small model that comes with Easel: see <see cref="BuiltInModel"/>.</summary>
    /// <inheritdoc cref="Load(string, LoadOptions?, Action{double}?)"/>
    public static ImageGenerator Load(LoadOptions? options = null, Action<double>? onProgress = null) => Load(BuiltInModel.Path, options, onProgress);

    /// <summary>Makes the pictures of a request.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="onProgress">Told after each step.</param>
    /// <param name="cancel">Ends the run within a step.</param>
    /// <param name="onImage">Given each picture as soon as it is done, before the next is begun.</param>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured; nothing was drawn.</exception>
    /// <exception cref="EaselException">The run failed; the message says how.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public GenerationResult Generate(GenerationRequest request, Action<GenerationProgress>? onProgress = null, CancellationToken cancel = default, Action<GeneratedImage>? onImage = null)
    {
        request.Validate();
        request = request with { Seed = request.Seed ?? Random.Shared.NextInt64(1L << 32) }; // as wide as other programs take
        var images = new List<GeneratedImage>();
        var remarks = new List<string>();
        try
        {
            Draw(request, images, remarks, onProgress, onImage, cancel);
        }
        catch (NonFiniteException) when (_model.Format != FullPrecision)
        {
            // fp16 overflows in the attention of some models; the picture would be black. The same seed gives the same noise again, so nothing is lost but time.
            remarks.Add($"Numbers overflowed in {_model.Format.Run}; the model was loaded again in full precision.");
            Reload(FullPrecision);
            Draw(request, images, remarks, onProgress, onImage, cancel);
        }
        catch (Exception e) when (e is not EaselException && MemoryPlan.RanOut(e))
        {
            throw new EaselException("Memory ran out while drawing; a smaller picture, fewer at once (--batch) or weights in half the memory (--precision fp16) may fit.", e);
        }
        return new GenerationResult(images, request.Seed!.Value, remarks);
    }

    /// <summary>Lets the model go.</summary>
    public void Dispose()
    {
        _model.Dispose();
        _loras.Dispose();
        _embeddings?.Dispose();
    }

    /// <summary>The job, from words to pixels. Pictures already in <paramref name="images"/> are not delivered again.</summary>
    private void Draw(GenerationRequest request, List<GeneratedImage> images, List<string> remarks, Action<GenerationProgress>? onProgress, Action<GeneratedImage>? onImage,
        CancellationToken cancel)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();

        // 1. What follows from the request alone
        var canvas = Canvas.For(request, Family);
        var plan = PlanOf(request, canvas);
        var batches = Batch.Of(request, oneByOne: plan.Sampler.SharesSteps && request.Like != NoiseLike.CompVis);
        request = request with { Width = canvas.ResultWidth, Height = canvas.ResultHeight };
        MemoryPlan.CheckRun(_model, batches[0].Prompts.Count * (request.GuidanceScale == 1 ? 1 : 2), LatentSize(canvas));
        remarks.AddRange(plan.Remarks.Prepend(canvas.Remark).OfType<string>().Except(remarks));

        var conditioning = new Conditioning(_model, _tokenizer, _embeddings);
        using var noise = new RunNoise(request, Family);
        TaskInputs? drawn = null;
        foreach (var batch in batches)
        {
            using var batchScope = NewDisposeScope();
            void Report(GenerationStage stage, int step, Func<IReadOnlyList<RgbImage>>? preview = null, double part = 0)
            {
                cancel.ThrowIfCancellationRequested();
                onProgress?.Invoke(new GenerationProgress(stage, batch.Number, batches.Count, step, plan.StepCount, preview, part));
            }

            // 2. Words to vectors
            Report(GenerationStage.Encoding, 0);
            var prompts = batch.Prompts.Select(prompt => request.Literal ? new LoraTags(prompt, [], []) : PromptParser.ExtractLoras(prompt)).ToList();
            remarks.AddRange(_loras.Use(_model, prompts.SelectMany(prompt => prompt.Loras)).Except(remarks));
            var guidance = conditioning.Encode([.. prompts.Select(prompt => prompt.Text)], request, plan.StepCount);

            // 3. The pictures that the task begins from or looks at, and the noise
            long[] shape = [batch.Prompts.Count, _model.UNet.Config.OutChannels, .. LatentSize(canvas)];
            noise.Begin(batch);
            if (drawn is null || !noise.IsOneStream) drawn = TaskInputs.For(request, canvas, _model, shape, AutoencoderTile(canvas), noise).MoveToOuter();
            var inputs = drawn.First(shape[0]);
            var x = plan.Start(noise.Start(shape), inputs.Init);

            // 4. Remove the noise
            var denoise = Denoisers.From((latents, timestep) => Predict(latents, timestep, guidance, inputs,
                part => Report(GenerationStage.Sampling, guidance.Step, part: part)), _model.Prediction, plan.ToTimestep);
            x = plan.Run(inputs.Hold(denoise), x, noise.ForSteps(plan, shape), step =>
            {
                guidance.Step = step.Index + 1;
                Report(GenerationStage.Sampling, step.Index + 1, () => _model.Preview(step.Denoised));
            });
            var clean = inputs.Hold(plan.Finish(x));

            // 5. Latents to pixels
            Report(GenerationStage.Decoding, plan.StepCount);
            for (var i = 0; i < batch.Prompts.Count; i++)
            {
                var index = batch.First + i;
                if (index < images.Count) continue;
                var image = canvas.Finish(ImageTensor.ToImage(_model.Decode(clean[i..(i + 1)], AutoencoderTile(canvas),
                    (done, all) => Report(GenerationStage.Decoding, plan.StepCount, part: all > 1 ? (double)done / all : 0))));
                var marked = request.Watermark && Watermark.CanCarry(image);
                if (marked) image = Watermark.Write(image, Family.Watermark);
                images.Add(new GeneratedImage(image, request, batch.Prompts[i], noise.SeedOf(index), index, marked));
                onImage?.Invoke(images[^1]);
            }
        }
        remarks.AddRange(conditioning.Remarks.Except(remarks));
    }

    /// <summary>Noise levels and step count. A depth model counts its steps as its own demo does; an inpainting model that redraws all begins from pure noise.</summary>
    private SamplingPlan PlanOf(GenerationRequest request, Canvas canvas)
    {
        var beginsFromPicture = canvas.Picture is not null && Family.Task != ModelTask.Upscaler && !(Family.Task == ModelTask.Inpainting && request.Strength >= 1);
        var options = new SamplingOptions { Eta = request.Eta, StrengthBelowSteps = Family.Task == ModelTask.Depth };
        return SamplingPlan.For(request.Sampler, request.Schedule, request.Steps, _model.NoiseSchedule, beginsFromPicture ? request.Strength : null, options);
    }

    /// <summary>Height and width of the latents.</summary>
    private long[] LatentSize(Canvas canvas) => [canvas.Height / _model.PixelsPerLatent, canvas.Width / _model.PixelsPerLatent];

    /// <summary>The side of the autoencoder's tiles in latent positions; null where the whole fits in memory.</summary>
    private int? AutoencoderTile(Canvas canvas) => MemoryPlan.AutoencoderTile(_model, LatentSize(canvas));

    /// <summary>The guided prediction in fp32. x: [n, 4, h, w] in the network's own scale. Tells the share done where it is made in tiles.</summary>
    private Tensor Predict(Tensor x, double timestep, Guidance guidance, TaskInputs inputs, Action<double> onPart)
    {
        using var scope = NewDisposeScope();
        var seen = inputs.Beside is { } beside ? cat([x, beside], dim: 1) : x;
        var answer = guidance.Answer(seen, (rows, pictures, context) =>
            Tiles.Map(rows, MemoryPlan.UNetTile(_model), scaleUp: 1, scaleDown: 1,
                tile => _model.Predict(tile, timestep, context, inputs.Labels?.index_select(0, tensor(pictures))),
                (done, all) =>
                {
                    if (done < all) onPart((double)done / all);
                }));
        NonFiniteException.ThrowIfAny(answer);
        return answer.MoveToOuterDisposeScope();
    }

    private static DiffusionModel LoadModel(string path, LoadOptions options, NumberFormat format, Device device, Action<double>? onProgress)
    {
        var checkpoint = Checkpoint.Open(path, options.Config, options.Ema);
        try
        {
            MemoryPlan.Check(checkpoint, format, device);
            return DiffusionModel.Load(checkpoint, options, format, device, onProgress);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    private void Reload(NumberFormat format)
    {
        var (device, prediction) = (_model.Device, _model.Prediction);
        _model.Dispose();
        _model = LoadModel(_path, _options with { Prediction = prediction }, format, device, null);
    }
}
