using Easel.Imaging;
using Easel.Models;
using Easel.Pipeline;

namespace Easel;

/// <summary>What a model decides about a picture where nobody asks for something else. The same in every shell.</summary>
/// <param name="Steps">Sampling steps.</param>
/// <param name="GuidanceScale">How strongly the prompt pulls.</param>
/// <param name="Sampler">Name of the sampler.</param>
/// <param name="Schedule">Name of the noise schedule; null for the sampler's own.</param>
/// <param name="Size">Side in pixels of a picture: what the model was trained at.</param>
public sealed record ModelDefaults(int Steps, double GuidanceScale, string Sampler, string? Schedule, int Size);

/// <summary>A model as a value: what it is, what it takes and what it decides. Told without its weights being read.</summary>
public sealed record ModelInfo
{
    /// <summary>The family's name: "Stable Diffusion 1".</summary>
    public required string Family { get; init; }

    /// <summary>What the model decides where a request says nothing.</summary>
    public required ModelDefaults Defaults { get; init; }

    /// <summary>The way in which it was made to draw in few steps: "Turbo", "Lightning", "LCM", "Hyper", "DMD2", "TCD" or "SDXS"; null for an ordinary
    /// model.</summary>
    public string? FewSteps { get; init; }

    /// <summary>What the UNet predicts; null where it is only known once the model is loaded.</summary>
    public PredictionType? Prediction { get; init; }

    /// <summary>Whether it cannot draw without an input picture, as an upscaler cannot.</summary>
    public bool NeedsPicture { get; init; }

    /// <summary>Whether it was trained to be shown a mask and what lies under it. Other models inpaint too, with less regard for the surroundings.</summary>
    public bool TakesMask { get; init; }

    /// <summary>Whether it looks at a depth map.</summary>
    public bool TakesDepth { get; init; }

    /// <summary>Whether it is told of the sizes of pictures.</summary>
    public bool TakesSizes { get; init; }

    /// <summary>The sizes in pixels, width and height, in which it was trained, where there were several; none where any size is as good.</summary>
    public IReadOnlyList<(int Width, int Height)> TrainedSizes { get; init; } = [];

    /// <summary>Whether it only does the last steps of what another model began, and draws nothing by itself.</summary>
    public bool Refines { get; init; }

    /// <summary>Whether it was made for pictures so small that a larger one comes out better when it is enlarged than when it is drawn.</summary>
    public bool IsSmall => Canvas.IsSmall(Defaults.Size);

    /// <summary>Pixels out for each pixel of the input picture, along a side: 4 for the x4 upscaler, 1 for all others.</summary>
    public int Enlarges { get; init; } = 1;

    /// <summary>Channels of its latents.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>The space it draws in.</summary>
    internal LatentSpace Latent { get; init; } = LatentSpace.StableDiffusion;

    /// <summary>What it is shown beside the latents: a mask, a depth map, a small picture.</summary>
    internal IReadOnlyList<BesideInput> Beside { get; init; } = [];

    /// <summary>Width of the vectors of a prompt that its UNet attends to, by which what belongs to another model is told apart.</summary>
    internal int ContextWidth { get; init; }

    /// <summary>Pixels along a side that each position of its latents stands for.</summary>
    public int PixelsPerPosition { get; init; } = 8;

    /// <summary>The mark that the original's scripts hide in its pictures.</summary>
    public required WatermarkMark Watermark { get; init; }

    /// <summary>What is decided about a request that says nothing of it: by the model, or by a LoRA for few steps.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="loraFolders">The folders of LoRAs (<see cref="LoadOptions.LoraFolders"/>); null for none.</param>
    /// <exception cref="InvalidRequestException">Few steps are asked for, and there is no LoRA for them.</exception>
    public ModelDefaults DefaultsFor(GenerationRequest request, IReadOnlyList<string>? loraFolders = null) => Decide(request, loraFolders ?? []).Defaults;

    /// <summary>Whether it can do the last steps of what another model began.</summary>
    /// <param name="begun">The other model.</param>
    public bool CanRefine(ModelInfo begun) => WhyNotRefine(begun) is null;

    /// <summary>Why it cannot do the last steps of what another model began; null where it can.</summary>
    internal string? WhyNotRefine(ModelInfo begun) =>
        !Latent.IsSameAs(begun.Latent) ? "it draws in other latents"
        : Beside.Count > 0 && !Beside.SequenceEqual(begun.Beside) ? "it must be shown more than the latents"
        : begun.Enlarges > 1 ? "what enlarges pictures is not refined"
        : null;

    /// <summary>Fills in what is decided about a request that says nothing of it.</summary>
    /// <returns>What is decided; the request with it, the call of a LoRA for few steps included; and a sentence where few steps are.</returns>
    internal (ModelDefaults Defaults, GenerationRequest Request, string? Said) Decide(GenerationRequest request, IReadOnlyList<string> loraFolders)
    {
        var (defaults, whose, asked) = (Defaults, FewSteps is null ? null : $"The model is of the kind {FewSteps}", request);
        var lora = FewStepLoras.In(request, loraFolders);
        if (request.Few is { } few)
        {
            if (lora is null && FewSteps is null)
            {
                var found = FewStepLoras.For(request, loraFolders, ContextWidth, few);
                request = request with { Prompts = [.. request.Prompts.Select(prompt => $"{prompt} <lora:{found.Name}:1>")] };
                lora = found;
            }
            defaults = defaults with { Steps = few };
        }
        if (lora is var (name, way))
        {
            defaults = defaults with
            {
                Steps = request.Few ?? way.Steps,
                Sampler = way.Sampler,
                Schedule = way.Schedule,
                GuidanceScale = way.GuidanceScale,
            };
            whose = $"The LoRA {name} is of the kind {way.Kind}";
        }
        request = request.With(defaults);
        var decides = asked is { Steps: null } or { Sampler: null } or { GuidanceScale: null } || defaults == new ModelDefaults(request.Steps!.Value,
            request.GuidanceScale!.Value, request.Sampler!, request.Schedule, defaults.Size);
        var schedule = request.Schedule is { } named ? $" on the schedule {named}" : "";
        return (defaults, request, whose is null || !decides ? null : string.Create(CultureInfo.InvariantCulture,
            $"{whose}, made for few steps: {request.Steps} of {request.Sampler}{schedule} at guidance {request.GuidanceScale:0.##}."));
    }

    internal static ModelInfo Of(ModelFamily family, PredictionType? prediction) => new()
    {
        Family = family.Name,
        Defaults = family.Defaults,
        FewSteps = family.FewSteps,
        ContextWidth = family.ContextWidth,
        Prediction = prediction ?? family.Noise.Prediction,
        NeedsPicture = family.NeedsPicture,
        TakesMask = family.TakesMask,
        TakesDepth = family.TakesDepth,
        TakesSizes = family.Facts.Count > 0,
        Refines = family.Refines,
        TrainedSizes = family.TrainedSizes,
        Enlarges = family.Enlarges,
        LatentChannels = family.Latent.Channels,
        Latent = family.Latent,
        Beside = family.Beside,
        PixelsPerPosition = family.Latent.PixelsPerPosition,
        Watermark = family.Watermark,
    };
}
