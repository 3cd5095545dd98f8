using Easel.Models;
using Easel.Sampling;
using Easel.Text.Prompts;

namespace Easel.Pipeline;

/// <summary>What follows from a request and a model's facts alone, before anything is computed.</summary>
/// <param name="Rows">Questions to the UNet at once in the largest batch: one for each picture and prompt, and one for each negative prompt.</param>
internal sealed record RunShape(Canvas Canvas, SamplingPlan Plan, IReadOnlyList<Batch> Batches, int Rows, (long Height, long Width) Latent)
{
    /// <summary>The second pass and the request it follows; null where there is none.</summary>
    public (RunShape Shape, GenerationRequest Request)? Second { get; private init; }

    /// <summary>The passes, in order.</summary>
    public IEnumerable<RunShape> Passes => Second is var (second, _) ? [this, second] : [this];

    /// <summary>The pass that takes the most memory.</summary>
    public RunShape Largest => Passes.MaxBy(pass => pass.Latent.Height * pass.Latent.Width)!;

    /// <summary>Steps of all passes.</summary>
    public int StepCount => Passes.Sum(pass => pass.Plan.StepCount);

    /// <summary>Whether a pass has as few steps as models have that were made for few.</summary>
    public bool IsShort => Plan.StepCount <= 8;

    public static RunShape Of(GenerationRequest request, ModelFamily family, NoiseModel noise)
    {
        var canvas = Canvas.For(request, family);
        var shape = Of(request, canvas, PlanOf(request, canvas, family, noise), family);
        if (SecondPass.Of(request, canvas.ResultWidth, canvas.ResultHeight) is not { } second) return shape;
        if (family.NeedsPicture) throw new InvalidRequestException(nameof(request.HiresScale), "An upscaler's model has no second pass.");
        var larger = Canvas.For(second, family);
        return shape with
        {
            Second = (Of(second, larger, PlanOf(second, larger, family, noise, drawsOver: true), family)
            with
            { Encodes = !SecondPass.TakesLatents(request.HiresUpscaler) }, second)
        };
    }

    private static RunShape Of(GenerationRequest request, Canvas canvas, SamplingPlan plan, ModelFamily family)
    {
        var batches = Batch.Of(request, oneByOne: !request.IsOneStream
            && (plan.Sampler.SharesSteps || request is { HasSecondPass: true, HiresSampler: { } second } && Samplers.Get(second).SharesSteps));
        var parts = request.Literal ? 1 : request.Prompts.Max(prompt => PromptParser.SplitComposition(PromptParser.WithoutComments(prompt)).Count);
        var rows = batches.Max(batch => batch.Prompts.Count) * (parts + ((request.GuidanceScale == 1 || family.GuidesItself) && parts == 1 ? 0 : 1));
        return new RunShape(canvas, plan, batches, rows, (canvas.Height / family.PixelsPerLatent, canvas.Width / family.PixelsPerLatent));
    }

    /// <summary>Whether pictures are turned into latents first.</summary>
    public bool Encodes { get; private init; } = Canvas.Picture is not null;

    /// <summary>Noise levels and step count, as far as the strength leaves of a picture to begin from.</summary>
    private static SamplingPlan PlanOf(GenerationRequest request, Canvas canvas, ModelFamily family, NoiseModel noise, bool drawsOver = false)
    {
        var forgets = family is { ForgetsAtFullStrength: true, StrengthBelowSteps: false } && request.Strength >= 1;
        var beginsFromPicture = canvas.Picture is not null && family.BeginsFromPicture && !forgets;
        var options = new SamplingOptions
        {
            Eta = request.Eta,
            Churn = request.Churn,
            ChurnMin = request.ChurnMin,
            ChurnMax = request.ChurnMax ?? double.PositiveInfinity,
            NoiseScale = request.NoiseScale,
            Order = request.Order,
            Rho = request.Rho,
            SigmaMin = request.SigmaMin,
            SigmaMax = request.SigmaMax,
            StrengthBelowSteps = family.StrengthBelowSteps,
            LikeGenerativeModels = request.Like == NoiseLike.CompVis && family.Scripts == OriginalScripts.GenerativeModels,
            RunsAllSteps = drawsOver,
        };
        return SamplingPlan.For(request.Sampler!, request.Schedule, request.Steps!.Value, noise, drawsOver || beginsFromPicture ? request.Strength : null,
            options);
    }
}
