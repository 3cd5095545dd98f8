using Easel.Imaging;
using Easel.Metadata;
using Easel.Models;
using Easel.Pipeline;
using Easel.Planning;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Text;
using Easel.Text.Prompts;
using Easel.Weights;

namespace Easel;

/// <summary>
/// Makes pictures from words with one loaded model. This is the whole public story: load, ask, receive. A generator may be asked from any thread; it draws one
/// request after the other.
/// </summary>
/// <example>
/// <code>
/// using var generator = ImageGenerator.Load("sd-v1-4.ckpt");
/// var result = generator.Generate(new GenerationRequest { Prompt = "a hamster painting with a brush", Seed = 42 });
/// ImageFile.Save("hamster.png", result.Images[0].Image);
/// </code>
/// </example>
public sealed partial class ImageGenerator : IImageGenerator
{
    private static readonly NumberFormat FullPrecision = new(ScalarType.Float32, ScalarType.Float32);

    private readonly string _path;
    private readonly LoadOptions _options;
    private readonly ClipTokenizer _tokenizer = new();
    private readonly EmbeddingShelf _embeddings;
    private readonly LoraShelf _loras;
    private readonly ControlShelf _controls;
    private readonly RefinerShelf _refiners = new();
    private readonly MachineSpeed _speed;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private LoadedNetworks _model;

    private ImageGenerator(string path, LoadOptions options, MachineSpeed speed, LoadedNetworks model)
    {
        (_path, _options, _speed, _model) = (path, options, speed, model);
        _embeddings = new EmbeddingShelf(options.EmbeddingFolders);
        _loras = new LoraShelf(options.LoraFolders);
        _controls = new ControlShelf(options.ControlFolders);
        _safety = options.Safety == SafetyAction.Off ? null : ToolFile.Safety();
    }

    /// <inheritdoc/>
    public ModelInfo Model => ModelInfo.Of(_model.Family, _model.Noise.Prediction);

    /// <summary>The family of the loaded model.</summary>
    internal ModelFamily Family => _model.Family;

    /// <summary>What the UNet predicts.</summary>
    public PredictionType Prediction => _model.Noise.Prediction!.Value;

    /// <summary>Where the model runs: "cpu" or "cuda:0".</summary>
    public string Device => _model.Device.ToString();

    /// <summary>The number format in which the model runs.</summary>
    public Precision Precision => Precisions.Of(_model.Format.Kept);

    /// <inheritdoc/>
    public GenerationResult Generate(GenerationRequest request, Action<GenerationProgress>? onProgress = null, CancellationToken cancel = default,
        Action<GeneratedImage>? onImage = null)
    {
        request.Validate();
        (_, request, var said) = Model.Decide(request, _options.LoraFolders);
        request = SubjectMask.In(request.WithSeeds());
        var output = new RunOutput(onImage, Finished);
        output.Remark([said, .. Knobs.NotHonoured(request, Model)]);
        _turn.Wait(cancel);
        try
        {
            DrawWithFaces(request, output, onProgress, cancel);
        }
        catch (NonFiniteException) when (_model.Format != FullPrecision)
        {
            // fp16 overflows in the attention of some models; the picture would be black. The same seed gives the same noise again, so nothing is lost but
            // time.
            output.Remark($"Numbers overflowed in {_model.Format.Run}; the model was loaded again in full precision.");
            Reload([FullPrecision]);
            DrawWithFaces(request, output, onProgress, cancel);
        }
        catch (Exception e) when (e is not EaselException && NotEnoughMemoryException.Of(e) is { } lack)
        {
            throw lack;
        }
        finally
        {
            _turn.Release();
        }
        return new GenerationResult(output.Images, request.Seed!.Value, output.Remarks);
    }

    /// <summary>Lets the model go and gives its memory back to the system.</summary>
    public void Dispose()
    {
        _model.Dispose();
        _loras.Dispose();
        _controls.Dispose();
        _refiners.Dispose();
        _embeddings.Dispose();
        _safety?.Dispose();
        NativeRuntime.Trim();
    }

    /// <summary>The job, from words to pixels. Pictures that are already in the output are not delivered again.</summary>
    private void Draw(GenerationRequest request, RunOutput output, Action<GenerationProgress>? onProgress, CancellationToken cancel)
    {
        output.Remark(_model.DecodeTinyBeside(request.Few is not null));
        using var inference = inference_mode();
        using var scope = NewDisposeScope();

        // 1. What follows from the request alone
        var run = RunShape.Of(request, Family, _model.Noise);
        var (asked, canvas) = (request, run.Canvas);
        request = request with { Width = canvas.ResultWidth, Height = canvas.ResultHeight };
        var files = _controls.Use(_model, request.Controls);
        using var enlarging = Enlargement.For(request, run, _options);
        var memory = FitIntoMemory(run.Largest, output);
        var refinement = RefinementOf(request, run.Largest, memory, output);
        var refiner = TitleOf(refinement);
        output.Remark([_model.Checkpoint.Passed, canvas.Remark, canvas.FarFrom(Family), _model.KernelRemark,
            .. run.Passes.SelectMany(pass => pass.Plan.Remarks)]);
        _model.Wraps = request.Tiling;

        var (pace, meter) = (new Pace(), new RunMeter(_speed, _model));
        var conditioning = new Conditioning(_model, _tokenizer, _embeddings);
        using var noise = new RunNoise(request, Family);
        using var control = ControlRun.For(request, canvas, _model, files, _options, run.Plan.StepCount);
        TaskInputs? drawn = null;
        foreach (var batch in run.Batches)
        {
            using var batchScope = NewDisposeScope();
            var progress = new BatchProgress(onProgress, pace, cancel, batch.Number, run.Batches.Count, run.StepCount);

            // 2. Words to vectors
            progress.Report(GenerationStage.Encoding, 0);
            var (guidance, loras) = Encode(conditioning, batch.Prompts, request, run, output);
            var hashes = loras.Called.Select(one => KeyValuePair.Create(one.Tag.Name,
                ModelHashes.In(_options.CacheFolder).OfLora(one.Lora.Path, one.Lora.StoredHash))).ToList();

            // 3. The pictures that the task begins from or looks at, and the noise
            var shape = ShapeOf(run, batch);
            noise.Begin(batch);
            if (drawn is null || !noise.IsOneStream) drawn = TaskInputs.For(request, canvas, _model, shape, memory.DecoderTile, noise).MoveToOuter();

            // 4. and 5. Noise removed by the network
            var refined = run.Second is null ? Refine(refinement, batch.Prompts, request, loras, run, output) : null;
            var clean = Denoise(run.Plan, request, guidance, loras, control, drawn.First(shape[0]), noise, shape, meter, progress, refined);

            // The same again, larger
            if (run.Second is var (second, larger))
            {
                progress = progress with { Before = run.Plan.StepCount };
                shape = ShapeOf(second, batch);
                var prompts = larger.Prompts.SequenceEqual(request.Prompts) ? batch.Prompts : [.. batch.Prompts.Select(_ => larger.Prompt)];
                Tensor Decoded(Tensor latents) => meter.Decode(latents, memory.DecoderTile, _ => cancel.ThrowIfCancellationRequested());
                (guidance, loras) = Encode(conditioning, prompts, larger, second, output);
                noise.Begin(batch);
                var inputs = TaskInputs.For(larger, second.Canvas, _model, shape, memory.DecoderTile, noise)
                    with
                { Init = enlarging!.Of(clean, shape, Decoded, _model, memory.DecoderTile, noise, cancel) };
                refined = Refine(refinement, prompts, larger, loras, second, output);
                using var steering = ControlRun.For(larger, second.Canvas, _model, files, _options, second.Plan.StepCount);
                clean = Denoise(second.Plan, larger, guidance, loras, steering, inputs, noise, shape, meter, progress, refined);
            }

            // 6. Latents to pixels
            var finished = (run.Second?.Shape ?? run).Canvas;
            progress.Report(GenerationStage.Decoding, run.StepCount - progress.Before);
            for (var i = 0; i < batch.Prompts.Count; i++)
            {
                var index = batch.First + i;
                if (index < output.Images.Count) continue;
                var pixels = meter.Decode(clean[i..(i + 1)], memory.DecoderTile,
                    part => progress.Report(GenerationStage.Decoding, run.StepCount - progress.Before, part: part));
                var image = finished.Finish(ImageTensor.ToImage(pixels));
                if (finished.Grows) image = enlarging!.Larger(image, finished.ResultWidth, finished.ResultHeight, cancel);
                output.Add(new GeneratedImage(image, request, batch.Prompts[i], noise.SeedOf(index), index, HasWatermark: false)
                {
                    Asked = asked,
                    Precision = Precision,
                    Weights = _model.Format.Weights,
                    LoraHashes = hashes,
                    RefinerTitle = refiner(),
                    Enlarged = finished.Grows ? $"from {finished.Width}x{finished.Height} by {enlarging!.Name}" : null,
                });
            }
        }
        output.Remark(conditioning.Remarks);
        meter.Learn();
        refinement?.Learn();
    }

    private long[] ShapeOf(RunShape run, Batch batch) => [batch.Prompts.Count, Family.Latent.Channels, run.Latent.Height, run.Latent.Width];

    /// <summary>Words to vectors, LoRAs in their tags to weights.</summary>
    private (Guidance Guidance, LoraRun Loras) Encode(Conditioning conditioning, IReadOnlyList<string> texts, GenerationRequest request, RunShape run,
        RunOutput output)
    {
        var prompts = texts.Select(prompt => request.Literal ? new LoraTags(prompt, [], []) : PromptParser.ExtractLoras(prompt)).ToList();
        var loras = _loras.Find(prompts.SelectMany(prompt => prompt.Loras), Family.Name);
        output.Remark([.. loras.Remarks, .. _model.SetLoras(loras.At(0, run.Plan.StepCount)), .. prompts.SelectMany(prompt => prompt.Remarks),
            .. request.Literal ? [] : PromptParser.NotesOnNegative(request.NegativePrompt)]);
        _embeddings.Lent = loras.Words;
        _model.Bring(_model.TextSlots);
        return (conditioning.Encode([.. prompts.Select(prompt => prompt.Text)], request, run.Canvas, run.Plan.StepCount), loras);
    }

    /// <summary>One way down the noise levels.</summary>
    private Tensor Denoise(SamplingPlan plan, GenerationRequest request, Guidance guidance, LoraRun loras, ControlRun control, TaskInputs inputs,
        RunNoise noise, long[] shape, RunMeter meter, BatchProgress progress, (Refinement By, Guidance Guidance)? refined)
    {
        using var scope = NewDisposeScope();
        var savings = Savings.Of(request);
        var start = noise.Start(shape);
        if (request is { InitImage: not null, NoiseMultiplier: not 1 } && inputs.Init is not null) start = start * request.NoiseMultiplier;
        var x = plan.Start(start, inputs.Init);

        // The network with all that stands around it. What costs or saves evaluations is one more link of this chain.
        using var words = _model.NewPromptMemory(request.GuidanceScale);
        using var deep = new DeepFeatures(savings.DeepEvery, savings.OuterBlocks);
        var steered = control.Over(meter.Over(_model.Predict));
        var network = inputs.Over(loras.Over(deep.Over(words.Over(steered)), plan.StepCount, uses => _model.SetLoras(uses), () =>
            {
                words.Forget();
                deep.NextEvaluation(afresh: true);
            })
            .InTiles(Family.UNetTile, (at, part) => progress.Report(GenerationStage.Sampling, at.Step, part: part)));
        var denoise = plan.Denoiser(network.Guided(guidance, Guides));

        // The same of the model that takes over, where one does.
        using var newWords = refined?.By.Model.NewPromptMemory(request.GuidanceScale);
        using var newDeep = new DeepFeatures(savings.DeepEvery, savings.OuterBlocks);
        if (refined is var (by, told))
        {
            var finishing = newDeep.Over(newWords!.Over(by.Network));
            if (by.Model.Family.Beside.Count > 0) finishing = inputs.Over(finishing);
            denoise = by.Over(denoise, (plan with { Noise = by.Model.Noise }).Denoiser(finishing.Guided(told, Guides)), plan.StepCount);
        }

        x = plan.Run(inputs.Hold(denoise), x, noise.ForSteps(plan, shape),
            step => progress.Report(GenerationStage.Sampling, step.Index + 1, ShowsPreviews ? () => _model.Preview(step.Denoised) : null));
        refined?.By.End();
        return inputs.Hold(plan.Finish(x)).MoveToOuterDisposeScope();

        bool Guides(Evaluation at) => savings.Guides(at.Sigma, at.Number);
    }
}
