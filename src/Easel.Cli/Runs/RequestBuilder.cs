using Easel.Cli.Options;
using Easel.Imaging;

namespace Easel.Cli.Runs;

/// <summary>Makes the request of a run: what the command line says, and the profile where it is silent.</summary>
internal static class RequestBuilder
{
    /// <summary>The request.</summary>
    /// <param name="settings">The command line.</param>
    /// <param name="profile">What holds beside it.</param>
    /// <param name="inputs">The pictures and prompts that it names.</param>
    /// <exception cref="UsageException">There is nothing to draw.</exception>
    public static GenerationRequest Build(DrawSettings settings, Profile profile, Inputs inputs)
    {
        var prompts = inputs.Prompts
            ?? [settings.Prompt ?? profile.Prompt ?? throw new UsageException("Say what to draw, as in: easel \"a hamster painting with a brush\".")];
        var side = inputs.Picture is null ? profile.Side : null;
        var request = new GenerationRequest
        {
            NegativePrompt = settings.Negative ?? "",
            Width = settings.Width ?? side,
            Height = settings.Height ?? side,
            Steps = settings.Steps ?? profile.Steps,
            Sampler = settings.Sampler ?? profile.Sampler,
            Schedule = settings.Schedule,
            GuidanceScale = settings.Scale ?? profile.Scale,
            Eta = settings.Eta ?? (settings.Sampler is null or "ddim" ? profile.Eta : null),
            Fast = settings.Fast ?? FastLevel.Exact,
            Seed = settings.Seed is { } seed ? seed.Value : profile.Seed,
            Like = settings.Like ?? profile.Like,
            FixedCode = settings.FixedCode,
            ClipSkip = settings.ClipSkip ?? 1,
            Literal = settings.Literal ?? profile.Literal,
            InitImage = inputs.Picture,
            Strength = settings.Strength ?? profile.Strength,
            Fit = settings.Fit ?? (settings.IsScript ? ImageFit.Stretch : ImageFit.Crop),
            Mask = inputs.Mask,
            InvertMask = settings.InvertMask,
            OnlyMasked = settings.OnlyMasked,
            Extend = settings.Extend ?? new Margins(),
            Depth = inputs.Depth,
            Watermark = profile.Watermark && !settings.NoWatermark,
        };
        request = request with
        {
            MaskBlur = settings.MaskBlur ?? request.MaskBlur,
            Fill = settings.Fill ?? request.Fill,
            OnlyMaskedPadding = settings.Padding ?? request.OnlyMaskedPadding,
            NoiseLevel = settings.NoiseLevel ?? request.NoiseLevel,
        };
        if (profile.InputStep is { } step && inputs.Picture is { } picture && request is { Width: null, Height: null })
            request = request with { Width = Math.Max(step, picture.Width / step * step), Height = Math.Max(step, picture.Height / step * step) };
        return Counted(request, settings, profile, prompts);
    }

    /// <summary>How many pictures, and how many of them at once.</summary>
    private static GenerationRequest Counted(GenerationRequest request, DrawSettings settings, Profile profile, IReadOnlyList<string> prompts)
    {
        AtLeastOne("--count", settings.Count);
        AtLeastOne("--batch", settings.Batch);
        AtLeastOne("--repeat", settings.Repeat);
        AtLeastOne("--n_iter", settings.Iterations);

        if (settings is { Repeat: { } repeat, FromFile: not null }) prompts = Repeated(prompts, repeat);
        if (settings.IsScript && settings.Count is null)
        {
            var size = settings.Batch ?? profile.BatchSize;
            // optimizedSD gives each prompt of a file a batch of its own; the others fill their batches with as many prompts as fit.
            if (settings.IsOptimized && prompts.Count > 1) prompts = Repeated(prompts, size);
            return request with { Prompts = prompts, BatchSize = size, BatchCount = settings.Iterations ?? profile.BatchCount };
        }

        var count = settings.Count ?? settings.Batch ?? profile.BatchSize * profile.BatchCount;
        var batch = settings.Batch ?? (settings.IsScript ? Math.Min(profile.BatchSize, count) : 1);
        return prompts.Count == 1 && count % batch == 0
            ? request with { Prompts = prompts, BatchSize = batch, BatchCount = count / batch }
            : request with { Prompts = Repeated(prompts, count), BatchSize = batch };
    }

    private static string[] Repeated(IReadOnlyList<string> prompts, int times) => [.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt, times))];

    private static void AtLeastOne(string flag, int? value)
    {
        if (value is < 1 or > 10_000) throw new UsageException($"{flag} is {value}; it must be from 1 to 10000.");
    }
}
