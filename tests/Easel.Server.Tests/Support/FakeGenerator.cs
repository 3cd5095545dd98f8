using System.Security.Cryptography;
using System.Text.Json;
using Easel.Imaging;
using Easel.Sampling;
using Easel.Server.Jobs;
using Easel.Server.Json;

namespace Easel.Server.Tests.Support;

/// <summary>Models that draw without a network, in no time unless they are told to take some.</summary>
internal sealed class FakeModels : IModelSource
{
    private volatile int _stepMilliseconds;

    /// <summary>How long each step takes; changed while it draws, it holds from the next step on.</summary>
    public TimeSpan StepTime
    {
        get => TimeSpan.FromMilliseconds(_stepMilliseconds);
        set => _stepMilliseconds = (int)value.TotalMilliseconds;
    }

    /// <summary>Why every run fails; null where none does.</summary>
    public string? Failure { get; set; }

    /// <summary>What every run remarks.</summary>
    public IReadOnlyList<string> Remarks { get; set; } = [];

    /// <summary>What was to be done with explicit pictures when a model was last loaded.</summary>
    public SafetyAction Safety { get; private set; }

    public IImageGenerator Generator(string path, LoadOptions options, Action<double> onProgress)
    {
        Safety = options.Safety;
        if (!File.Exists(path) && !Directory.Exists(path)) throw new CheckpointException($"There is no model {path}.");
        onProgress(0.5);
        onProgress(1);
        return new FakeGenerator(this);
    }

    public IUpscaler Upscaler(string path, LoadOptions options) =>
        Easel.Upscaler.FaceRestorerIn(path) is { } kind ? new Mender(kind) : new Twice();

    /// <summary>Finds one face, which is the whole picture, and mends it by painting over it.</summary>
    private sealed class Mender(string kind) : IUpscaler
    {
        public int Scale => 1;

        public string? MendsFaces => kind;

        public (RgbImage Picture, int Faces) MendFaces(RgbImage picture, double visibility, double fidelity, Action<int, int>? onFace,
            CancellationToken cancel) => (new RgbImage(picture.Width, picture.Height,
                [.. picture.Pixels.Select(value => (byte)(value + visibility * ((kind == "GFPGAN" ? 255 : 255 * fidelity) - value)))]), 1);

        public RgbImage Upscale(RgbImage picture, int? tile, Action<int, int>? onTile, CancellationToken cancel) =>
            MendFaces(picture, 1, 1, null, cancel).Picture;

        public void Dispose()
        {
        }
    }

    /// <summary>Doubles the sides, as the network of the tests does.</summary>
    private sealed class Twice : IUpscaler
    {
        public int Scale => 2;

        public RgbImage Upscale(RgbImage picture, int? tile, Action<int, int>? onTile, CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            onTile?.Invoke(1, 1);
            return Resampling.Resize(picture, 2 * picture.Width, 2 * picture.Height, ResampleFilter.Nearest);
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>
/// Draws a shaded plane whose colours follow from everything that decides a picture: two requests give the same pixels only where each of their settings is the
/// same. Sizes, masks, batches, seeds, progress, previews and cancelling are those of the real one.
/// </summary>
internal sealed class FakeGenerator(FakeModels? models = null) : IImageGenerator
{
    private readonly FakeModels _models = models ?? new FakeModels();

    public ModelInfo Model { get; } = new()
    {
        Family = "Stable Diffusion 1",
        Defaults = new ModelDefaults(Steps: 25, GuidanceScale: 7.5, Sampler: "dpmpp_2m", Schedule: null, Size: 512),
        Prediction = PredictionType.Epsilon,
        Watermark = WatermarkMark.StableDiffusion1,
    };

    public string Device => "cpu";

    public Precision Precision => Precision.Full;

    public RunPlan Plan(GenerationRequest request) => throw new NotSupportedException("Nothing is planned without a network.");

    public GenerationResult Generate(GenerationRequest request, Action<GenerationProgress>? onProgress = null, CancellationToken cancel = default,
        Action<GeneratedImage>? onImage = null)
    {
        request.Validate();
        if (_models.Failure is { } failure) throw new EaselException(failure);
        var asked = request;
        request = request.With(Model.Defaults).WithSeeds();
        var (small, low) = SizeOf(request);
        var (width, height) = SecondPass.SizeOf(request, small, low) ?? (small, low);
        var images = new List<GeneratedImage>();
        var (batches, steps) = (Batch.Of(request), request.Steps!.Value);
        foreach (var batch in batches)
        {
            var drawn = batch.Prompts.Select((prompt, place) => Draw(request, prompt, batch.First + place, width, height)).ToList();
            Report(GenerationStage.Encoding, 0);
            for (var step = 1; step <= steps; step++)
            {
                cancel.WaitHandle.WaitOne(_models.StepTime);
                Report(GenerationStage.Sampling, step, () => [.. drawn.Select(image => Resampling.Resize(image, width / 8, height / 8))]);
            }
            Report(GenerationStage.Decoding, steps);
            foreach (var (place, image) in drawn.Index())
            {
                var index = batch.First + place;
                var carriedOut = request with { Width = small, Height = low };
                var seed = request.VariationStrength > 0 ? request.Seed!.Value : unchecked(request.Seed!.Value + index);
                images.Add(new GeneratedImage(image, carriedOut, batch.Prompts[place], seed, index, HasWatermark: false)
                {
                    Asked = asked,
                    Precision = Precision,
                });
                onImage?.Invoke(images[^1]);
            }

            void Report(GenerationStage stage, int step, Func<IReadOnlyList<RgbImage>>? preview = null)
            {
                cancel.ThrowIfCancellationRequested();
                onProgress?.Invoke(new GenerationProgress(stage, batch.Number, batches.Count, step, steps, preview));
            }
        }
        return new GenerationResult(images, request.Seed!.Value, _models.Remarks);
    }

    public void Dispose()
    {
    }

    /// <summary>What is drawn over keeps its size where there is a mask or a margin; else the sides asked for, else the picture's, else the model's.</summary>
    private (int Width, int Height) SizeOf(GenerationRequest request)
    {
        if (request.InitImage is not { } init) return (request.Width ?? Model.Defaults.Size, request.Height ?? Model.Defaults.Size);
        if (request.Mask is null && !request.Extend.Any) return (request.Width ?? init.Width / 8 * 8, request.Height ?? init.Height / 8 * 8);
        return (init.Width + request.Extend.Left + request.Extend.Right, init.Height + request.Extend.Top + request.Extend.Bottom);
    }

    private static RgbImage Draw(GenerationRequest request, string prompt, int index, int width, int height)
    {
        var one = request with
        {
            Prompts = [prompt],
            Seed = request.VariationStrength > 0 ? request.Seed : unchecked(request.Seed!.Value + index),
            VariationSeed = unchecked(request.VariationSeed + index),
            BatchSize = 1,
            BatchCount = 1,
            Sampler = Samplers.Resolve(request.Sampler!).Sampler.Name,
        };
        var hash = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(one, ServerJson.Options));
        var image = new RgbImage(width, height);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var pixel = image.Pixels.AsSpan(3 * (y * width + x), 3);
                if (Kept(request, x, y) is { } at) request.InitImage!.Pixels.AsSpan(at, 3).CopyTo(pixel);
                else for (var c = 0; c < 3; c++) pixel[c] = (byte)(hash[c] + hash[3 + c] * x / width + hash[6 + c] * y / height);
            }
        }
        return image;
    }

    /// <summary>Where in the input picture the pixel is that stays as it is; null where it is drawn.</summary>
    private static int? Kept(GenerationRequest request, int x, int y)
    {
        if (request.InitImage is not { } init) return null;
        var (left, top) = (x - request.Extend.Left, y - request.Extend.Top);
        var inside = left >= 0 && top >= 0 && left < init.Width && top < init.Height;
        var at = 3 * (top * init.Width + left);
        if (request.Mask is { } mask) return inside && mask.Pixels[top * init.Width + left] > 127 == request.InvertMask ? at : null;
        return request.Extend.Any && inside ? at : null;
    }
}
