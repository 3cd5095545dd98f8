using System.Diagnostics;
using Easel.Imaging;
using Easel.Models;
using Easel.Pipeline;
using Easel.Planning;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Text;
using Easel.Text.Prompts;
using Easel.Weights;
using TorchSharp;
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
public sealed class ImageGenerator : IImageGenerator
{
    private static readonly NumberFormat FullPrecision = new(ScalarType.Float32, ScalarType.Float32);

    private readonly string _path;
    private readonly LoadOptions _options;
    private readonly ClipTokenizer _tokenizer = new();
    private readonly EmbeddingFolder? _embeddings;
    private readonly LoraShelf _loras;
    private readonly MachineSpeed _speed;
    private DiffusionModel _model;

    private ImageGenerator(string path, LoadOptions options, MachineSpeed speed, DiffusionModel model)
    {
        (_path, _options, _speed, _model) = (path, options, speed, model);
        _embeddings = options.EmbeddingFolder is { } folder ? new EmbeddingFolder(folder) : null;
        _loras = new LoraShelf(options.LoraFolder);
    }

    /// <inheritdoc/>
    public ModelInfo Model => ModelInfo.Of(_model.Family, _model.Prediction);

    /// <summary>The family of the loaded model.</summary>
    internal ModelFamily Family => _model.Family;

    /// <summary>What the UNet predicts.</summary>
    public PredictionType Prediction => _model.Prediction;

    /// <summary>Where the model runs: "cpu" or "cuda:0".</summary>
    public string Device => _model.Device.ToString();

    /// <summary>The number format in which the model runs.</summary>
    public Precision Precision => Precisions.Of(_model.Format.Kept);

    /// <summary>Loads a model.</summary>
    /// <param name="path">A <c>.ckpt</c>, <c>.safetensors</c>, <c>.pt</c> or <c>.bin</c> file in the original layout, or a diffusers folder.</param>
    /// <param name="options">Device, precision and the like; null for the best of this machine.</param>
    /// <param name="onProgress">Told the share loaded, 0 to 1.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    /// <exception cref="InvalidRequestException">A device or precision that is not at hand.</exception>
    /// <exception cref="EaselException">There is not enough memory.</exception>
    public static ImageGenerator Load(string path, LoadOptions? options = null, Action<double>? onProgress = null)
    {
        NativeRuntime.Load();
        options ??= new LoadOptions();
        var (speed, watch) = (new MachineSpeed(options.SpeedFile), Stopwatch.StartNew());
        var model = LoadModel(path, options, MemoryPlan.Formats(options.Precision, Hardware.Device(options.Device)), Hardware.Device(options.Device), onProgress);
        if (model.Residency != Residency.OneAtATime)
            speed.Learn(MachineSpeed.Work.Loading, model.Format, model.Device, model.Size.Values(), watch.Elapsed.TotalSeconds, model.Size.Values());
        return new ImageGenerator(path, options, speed, model);
    }

    /// <summary>Tells what a run would take, without loading the model.</summary>
    /// <param name="path">The model's file or folder.</param>
    /// <param name="request">What would be drawn.</param>
    /// <param name="options">How the model would be loaded; null for the best of this machine.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured.</exception>
    public static RunPlan Plan(string path, GenerationRequest request, LoadOptions? options = null)
    {
        using var checkpoint = Checkpoint.Open(path, options?.Config, options?.Ema ?? false);
        return Plan(checkpoint, request, options);
    }

    /// <inheritdoc cref="Plan(string, GenerationRequest, LoadOptions?)"/>
    internal static RunPlan Plan(Checkpoint checkpoint, GenerationRequest request, LoadOptions? options = null)
    {
        NativeRuntime.Load();
        request.Validate();
        request = request.With(checkpoint.Family.Defaults);
        options ??= new LoadOptions();
        var (device, size) = (Hardware.Device(options.Device), ModelSize.Of(checkpoint, options));
        var shape = RunShape.Of(request, checkpoint.Family, checkpoint.NoiseSchedule(), size.PixelsPerLatent);
        var (format, memory) = Choose(MemoryPlan.Formats(options.Precision, device), device,
            format => MemoryPlan.For(size, format, shape.Rows, shape.Latent, shape.Encodes, MemoryPlan.Budget(options.MemoryLimit)));
        return RunPlanner.Of(request, shape, size, memory, format, device, options.TinyVae is not null, new MachineSpeed(options.SpeedFile));
    }

    /// <summary>Tells what a run of the loaded model would take.</summary>
    /// <param name="request">What would be drawn.</param>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured.</exception>
    public RunPlan Plan(GenerationRequest request)
    {
        request.Validate();
        request = request.With(Family.Defaults);
        var shape = RunShape.Of(request, Family, _model.NoiseSchedule, _model.PixelsPerLatent);
        return RunPlanner.Of(request, shape, _model.Size, MemoryFor(shape, _model.Format), _model.Format, _model.Device, _model.DecodesTiny, _speed);
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
        request = request.With(Family.Defaults) with { Seed = request.Seed ?? Random.Shared.NextInt64(1L << 32) }; // as wide as other programs take
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
            Reload([FullPrecision]);
            Draw(request, images, remarks, onProgress, onImage, cancel);
        }
        catch (Exception e) when (e is not EaselException && NotEnoughMemoryException.Of(e) is { } lack)
        {
            throw lack;
        }
        return new GenerationResult(images, request.Seed!.Value, remarks);
    }

    /// <summary>Lets the model go and gives its memory back to the system.</summary>
    public void Dispose()
    {
        _model.Dispose();
        _loras.Dispose();
        _embeddings?.Dispose();
        NativeRuntime.Trim();
    }

    /// <summary>The job, from words to pixels. Pictures already in <paramref name="images"/> are not delivered again.</summary>
    private void Draw(GenerationRequest request, List<GeneratedImage> images, List<string> remarks, Action<GenerationProgress>? onProgress, Action<GeneratedImage>? onImage,
        CancellationToken cancel)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();

        // 1. What follows from the request alone
        var run = RunShape.Of(request, Family, _model.NoiseSchedule, _model.PixelsPerLatent);
        var (canvas, plan, batches) = (run.Canvas, run.Plan, run.Batches);
        var asked = request;
        request = request with { Width = canvas.ResultWidth, Height = canvas.ResultHeight };
        var memory = FitIntoMemory(run, remarks);
        var pace = new Pace();
        var meter = new RunMeter(_speed, _model.Format, _model.Device);
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
                onProgress?.Invoke(pace.Timed(new GenerationProgress(stage, batch.Number, batches.Count, step, plan.StepCount, preview, part)));
            }

            // 2. Words to vectors
            Report(GenerationStage.Encoding, 0);
            var prompts = batch.Prompts.Select(prompt => request.Literal ? new LoraTags(prompt, [], []) : PromptParser.ExtractLoras(prompt)).ToList();
            remarks.AddRange(_loras.Use(_model, prompts.SelectMany(prompt => prompt.Loras)).Except(remarks));
            _model.Bring(Network.Text);
            var guidance = conditioning.Encode([.. prompts.Select(prompt => prompt.Text)], request, plan.StepCount);

            // 3. The pictures that the task begins from or looks at, and the noise
            long[] shape = [batch.Prompts.Count, _model.UNet.Config.OutChannels, run.Latent.Height, run.Latent.Width];
            noise.Begin(batch);
            if (drawn is null || !noise.IsOneStream) drawn = TaskInputs.For(request, canvas, _model, shape, memory.DecoderTile, noise).MoveToOuter();
            var inputs = drawn.First(shape[0]);
            var x = plan.Start(noise.Start(shape), inputs.Init);

            // 4. Remove the noise
            using var shortcuts = new Shortcuts(Savings.Of(request.Fast));
            var denoise = Denoisers.From((latents, timestep) => Predict(latents, timestep, guidance, inputs, shortcuts, meter,
                part => Report(GenerationStage.Sampling, guidance.Step, part: part)), _model.Prediction, plan.ToTimestep);
            x = plan.Run(inputs.Hold(shortcuts.Around(denoise)), x, noise.ForSteps(plan, shape), step =>
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
                var image = canvas.Finish(ImageTensor.ToImage(Decode(clean[i..(i + 1)], run, memory.DecoderTile, meter,
                    (done, all) => Report(GenerationStage.Decoding, plan.StepCount, part: all > 1 ? (double)done / all : 0))));
                var marked = request.Watermark && Watermark.CanCarry(image);
                if (marked) image = Watermark.Write(image, Family.Watermark);
                images.Add(new GeneratedImage(image, request, batch.Prompts[i], noise.SeedOf(index), index, marked) { Asked = asked });
                onImage?.Invoke(images[^1]);
            }
        }
        remarks.AddRange(conditioning.Remarks.Except(remarks));
        meter.Learn();
    }

    /// <summary>How the run is done in the memory there is. Where the format was Easel's to choose, a narrower one is taken if only that lets the run fit.</summary>
    private MemoryPlan FitIntoMemory(RunShape run, List<string> remarks)
    {
        var memory = MemoryFor(run, _model.Format);
        if (!memory.Fits && MemoryPlan.Formats(_options.Precision, _model.Device).Where(format => MemoryFor(run, format).Fits).ToList() is { Count: > 0 } narrower)
        {
            remarks.Add("Memory is short: the weights are kept in half of it and computed with in full precision.");
            Reload(narrower);
            memory = MemoryFor(run, _model.Format);
        }
        memory.Check(_model.Size, _model.Format, run.Rows, run.Latent, _model.Device);
        _model.Residency = memory.Residency;
        return memory;
    }

    private MemoryPlan MemoryFor(RunShape run, NumberFormat format)
    {
        var plan = MemoryPlan.For(_model.Size, format, run.Rows, run.Latent, run.Encodes, MemoryPlan.Budget(_options.MemoryLimit, _model.Taken));
        return _model.Device.type == DeviceType.CPU ? plan : plan with { Residency = Residency.Together }; // what a card has free is not known here
    }

    private Tensor Decode(Tensor latents, RunShape run, int? tile, RunMeter meter, Action<int, int> onTile)
    {
        if (_model.DecodesTiny) return _model.Decode(latents, tile, onTile);
        _model.Bring(Network.Autoencoder); // not part of what is timed
        var side = tile ?? int.MaxValue;
        var work = NetworkWork.OfDecoder(_model.Autoencoder.Config, 1, Math.Min(side, run.Latent.Height), Math.Min(side, run.Latent.Width)).Flops * Tiles.Count(run.Latent, tile);
        return meter.Time(MachineSpeed.Work.Autoencoder, work, () => _model.Decode(latents, tile, onTile));
    }

    /// <summary>The guided prediction in fp32. x: [n, 4, h, w] in the network's own scale. Tells the share done where it is made in tiles.</summary>
    private Tensor Predict(Tensor x, double timestep, Guidance guidance, TaskInputs inputs, Shortcuts shortcuts, RunMeter meter, Action<double> onPart)
    {
        using var scope = NewDisposeScope();
        var seen = inputs.Beside is { } beside ? cat([x, beside], dim: 1) : x;
        var answer = guidance.Answer(seen, shortcuts.Guides, (latents, rows, context) =>
        {
            var labels = inputs.Labels?.index_select(0, tensor(rows.Select(row => (long)row.Picture).ToArray()));
            var tiles = 0;
            _model.Bring(Network.UNet); // not part of what is timed
            return Tiles.Map(latents, MemoryPlan.UNetTile(Family), scaleUp: 1, scaleDown: 1,
                tile =>
                {
                    var deep = shortcuts.Deep?.Of(rows, tiles++);
                    var work = NetworkWork.OfUNet(_model.UNet.Config, tile.shape[0], tile.shape[2], tile.shape[3], context.shape[1], deep is { IsKept: true } ? deep.OuterBlocks : null);
                    return meter.Time(MachineSpeed.Work.UNet, work.Flops, () => _model.Predict(tile, timestep, context, labels, deep));
                },
                (done, all) =>
                {
                    if (done < all) onPart((double)done / all);
                });
        });
        NonFiniteException.ThrowIfAny(answer);
        return answer.MoveToOuterDisposeScope();
    }

    /// <summary>Loads a model in the first of the formats in which one picture of the model's own size can be drawn.</summary>
    private static DiffusionModel LoadModel(string path, LoadOptions options, IReadOnlyList<NumberFormat> formats, Device device, Action<double>? onProgress)
    {
        var checkpoint = Checkpoint.Open(path, options.Config, options.Ema);
        try
        {
            var (size, available) = (ModelSize.Of(checkpoint, options), MemoryPlan.Budget(options.MemoryLimit));
            var side = size.Family.NativeSize / (size.Family.Task == ModelTask.Upscaler ? 4 : size.PixelsPerLatent);
            var (format, memory) = Choose(formats, device, format => MemoryPlan.For(size, format, rows: 2, (side, side), encodes: false, available));
            MemoryPlan.Check(path, size, format, device, available);
            return DiffusionModel.Load(checkpoint, options, format, device, onProgress, device.type == DeviceType.CPU ? memory.Residency : Residency.Together);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The first format under which a run fits, or the first of all where none does or it is a card's memory that counts.</summary>
    private static (NumberFormat Format, MemoryPlan Memory) Choose(IReadOnlyList<NumberFormat> formats, Device device, Func<NumberFormat, MemoryPlan> plan)
    {
        var plans = formats.Select(format => (format, Memory: plan(format))).ToList();
        return device.type == DeviceType.CPU && plans.FindIndex(p => p.Memory.Fits) is > 0 and var fitting ? plans[fitting] : plans[0];
    }

    private void Reload(IReadOnlyList<NumberFormat> formats)
    {
        var (device, prediction) = (_model.Device, _model.Prediction);
        _model.Dispose();
        _model = LoadModel(_path, _options with { Prediction = prediction }, formats, device, null);
    }
}
