using Easel.Models;
using Easel.Sampling;
using Easel.Text.Prompts;

namespace Easel.Pipeline;

/// <summary>What follows from a request and a model's facts alone, before anything is computed.</summary>
/// <param name="Canvas">Sizes, and the pictures to begin from.</param>
/// <param name="Plan">Noise levels.</param>
/// <param name="Batches">What is drawn together.</param>
/// <param name="Rows">Questions to the UNet at once in the largest batch: one for each picture and prompt, and one for each negative prompt.</param>
/// <param name="Latent">Height and width of the latents.</param>
internal sealed record RunShape(Canvas Canvas, SamplingPlan Plan, IReadOnlyList<Batch> Batches, int Rows, (long Height, long Width) Latent)
{
    public static RunShape Of(GenerationRequest request, ModelFamily family, NoiseModel noise, int pixelsPerLatent)
    {
        var canvas = Canvas.For(request, family);
        var plan = PlanOf(request, canvas, family, noise);
        var batches = Batch.Of(request, oneByOne: plan.Sampler.SharesSteps && request.Like != NoiseLike.CompVis);
        var parts = request.Literal ? 1 : request.Prompts.Max(prompt => PromptParser.SplitComposition(prompt).Count);
        var rows = batches.Max(batch => batch.Prompts.Count) * (parts + (request.GuidanceScale == 1 && parts == 1 ? 0 : 1));
        return new RunShape(canvas, plan, batches, rows, (canvas.Height / pixelsPerLatent, canvas.Width / pixelsPerLatent));
    }

    /// <summary>Whether pictures are turned into latents first.</summary>
    public bool Encodes => Canvas.Picture is not null;

    /// <summary>Noise levels and step count. A depth model counts its steps as its own demo does; an inpainting model that redraws all begins from pure noise.</summary>
    private static SamplingPlan PlanOf(GenerationRequest request, Canvas canvas, ModelFamily family, NoiseModel noise)
    {
        var beginsFromPicture = canvas.Picture is not null && family.Task != ModelTask.Upscaler && !(family.Task == ModelTask.Inpainting && request.Strength >= 1);
        var options = new SamplingOptions { Eta = request.Eta, StrengthBelowSteps = family.Task == ModelTask.Depth };
        return SamplingPlan.For(request.Sampler!, request.Schedule, request.Steps!.Value, noise, beginsFromPicture ? request.Strength : null, options);
    }
}
