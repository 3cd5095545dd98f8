namespace Easel;

/// <summary>The second pass of a request: its size, and what can enlarge before it.</summary>
internal static class SecondPass
{
    /// <summary>What enlarges where a request does not say: of the upscalers that come with Easel the one that enlarges so much.</summary>
    public const string DefaultEnlarger = "Built-in";

    /// <summary>What enlarges by default in AUTOMATIC1111.</summary>
    private const string PlainLatent = "Latent";

    /// <summary>What enlarges pictures without a network.</summary>
    public const string Plain = Lanczos;

    private const string None = "None", Lanczos = "Lanczos", Nearest = "Nearest";

    /// <summary>How latents are enlarged, by AUTOMATIC1111's names for it.</summary>
    private static readonly Dictionary<string, (InterpolationMode Mode, bool Smooths)> Latent = new(StringComparer.OrdinalIgnoreCase)
    {
        [PlainLatent] = (InterpolationMode.Bilinear, false),
        ["Latent (antialiased)"] = (InterpolationMode.Bilinear, true),
        ["Latent (bicubic)"] = (InterpolationMode.Bicubic, false),
        ["Latent (bicubic antialiased)"] = (InterpolationMode.Bicubic, true),
        ["Latent (nearest)"] = (InterpolationMode.Nearest, false),
        ["Latent (nearest-exact)"] = (InterpolationMode.NearestExact, false),
    };

    /// <summary>The ways to enlarge latents, which take no picture on the way.</summary>
    public static IReadOnlyList<string> LatentEnlargers { get; } = [.. Latent.Keys];

    /// <summary>All that enlarges without a file being named; "None" is plain resampling, too.</summary>
    public static IReadOnlyList<string> Enlargers { get; } = [DefaultEnlarger, .. LatentEnlargers, None, Lanczos, Nearest];

    /// <summary>The size that the second pass draws; null where there is none.</summary>
    /// <param name="request">The request.</param>
    /// <param name="width">Width in pixels of the first pass.</param>
    /// <param name="height">Height in pixels of the first pass.</param>
    public static (int Width, int Height)? SizeOf(GenerationRequest request, int width, int height)
    {
        if (!request.HasSecondPass) return null;
        var (wide, high) = (request.HiresWidth, request.HiresHeight) switch
        {
            (null, null) => (width * request.HiresScale!.Value, height * request.HiresScale.Value),
            (null, { } y) => ((long)width * y / height, y),
            ({ } x, null) => (x, (long)height * x / width),
            ({ } x, { } y) => ((double)x, y),
        };
        return (Rounded(wide), Rounded(high));

        static int Rounded(double side) => (int)Math.Min(int.MaxValue, side) / GenerationRequest.SideStep * GenerationRequest.SideStep;
    }

    /// <summary>The request of the second pass, without what belongs to the first.</summary>
    public static GenerationRequest? Of(GenerationRequest request, int width, int height)
    {
        if (SizeOf(request, width, height) is not var (wide, high)) return null;
        foreach (var (property, side) in ((string, int)[])[(nameof(request.HiresWidth), wide), (nameof(request.HiresHeight), high)])
        {
            if (side is < 64 or > GenerationRequest.LargestSide)
                throw new InvalidRequestException(property,
                    $"The second pass would draw {wide}x{high}; its sides must be from 64 to {GenerationRequest.LargestSide} pixels.");
        }
        var second = request with
        {
            Width = wide,
            Height = high,
            HiresScale = null,
            HiresWidth = null,
            HiresHeight = null,
            Steps = request.HiresSteps ?? request.Steps,
            StepsBefore = request.Steps ?? 0,
            Sampler = request.HiresSampler ?? request.Sampler,
            Schedule = request.HiresSchedule ?? (request.HiresSampler is null ? request.Schedule : null),
            NegativePrompt = request.HiresNegativePrompt ?? request.NegativePrompt,
            GuidanceScale = request.HiresGuidanceScale ?? request.GuidanceScale,
        };
        return request.HiresPrompt is { } prompt ? second with { Prompts = [.. request.Prompts.Select(_ => prompt)] } : second;
    }

    /// <summary>Whether latents are enlarged, and not pictures.</summary>
    public static bool TakesLatents(string enlarger) => Latent.ContainsKey(enlarger);

    /// <summary>Whether what comes with Easel enlarges, by as much as it takes.</summary>
    public static bool IsBuiltIn(string enlarger) => enlarger.Equals(DefaultEnlarger, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether pictures are enlarged without a network.</summary>
    public static bool IsPlain(string enlarger) => !TakesLatents(enlarger) && !IsBuiltIn(enlarger)
        && Enlargers.Contains(enlarger, StringComparer.OrdinalIgnoreCase);

    /// <summary>How pictures are resampled.</summary>
    public static Imaging.ResampleFilter FilterOf(string enlarger) =>
        enlarger.Equals(Nearest, StringComparison.OrdinalIgnoreCase) ? Imaging.ResampleFilter.Nearest : Imaging.ResampleFilter.Lanczos;

    /// <summary>Latents brought to a size: stretched or, where both of its sides were asked for, enlarged until they cover it and cut on both sides.</summary>
    /// <param name="latents">[n, c, h, w].</param>
    /// <param name="request">What says how.</param>
    /// <param name="height">Positions wanted.</param>
    /// <param name="width">Positions wanted.</param>
    public static Tensor Enlarged(Tensor latents, GenerationRequest request, long height, long width)
    {
        using var scope = NewDisposeScope();
        var (mode, smooths) = Latent[request.HiresUpscaler];
        var (high, wide) = (height, width);
        if (request is { HiresWidth: not null, HiresHeight: not null })
        {
            var scale = Math.Max((double)height / latents.shape[2], (double)width / latents.shape[3]);
            (high, wide) = (Math.Max(height, (long)(latents.shape[2] * scale)), Math.Max(width, (long)(latents.shape[3] * scale)));
        }
        var isSmooth = mode is InterpolationMode.Bilinear or InterpolationMode.Bicubic;
        var enlarged = mode == InterpolationMode.NearestExact
            ? latents.index_select(2, Middles(latents.shape[2], high)).index_select(3, Middles(latents.shape[3], wide)) // libtorch warns of its own
            : nn.functional.interpolate(latents, [high, wide], mode: mode, align_corners: isSmooth ? false : null, antialias: smooths);
        return enlarged.narrow(2, (high - height) / 2, height).narrow(3, (wide - width) / 2, width).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>The positions in which the middles of as many others lie.</summary>
    private static Tensor Middles(long from, long to) => tensor(Enumerable.Range(0, (int)to).Select(i => (long)((i + 0.5f) * ((float)from / to))).ToArray());
}
