using Easel.Models;
using Easel.Sampling;
using Easel.Text.Prompts;

namespace Easel.Pipeline;

/// <summary>What follows from a request and a model's facts alone, before anything is computed.</summary>
/// <param name="Rows">Questions to the UNet at once in the largest batch: one for each picture and prompt, and one for each negative prompt.</param>
internal sealed record RunShape(Canvas Canvas, SamplingPlan Plan, IReadOnlyList<Batch> Batches, int Rows, (long Height, long Width) Latent)
{
    public static RunShape Of(GenerationRequest request, ModelFamily family, NoiseModel noise)
    {
        var canvas = Canvas.For(request, family);
        var plan = PlanOf(request, canvas, family, noise);
        var batches = Batch.Of(request, oneByOne: plan.Sampler.SharesSteps && !request.IsOneStream);
        var parts = request.Literal ? 1 : request.Prompts.Max(prompt => PromptParser.SplitComposition(PromptParser.WithoutComments(prompt)).Count);
        var rows = batches.Max(batch => batch.Prompts.Count) * (parts + ((request.GuidanceScale == 1 || family.GuidesItself) && parts == 1 ? 0 : 1));
        return new RunShape(canvas, plan, batches, rows, (canvas.Height / family.PixelsPerLatent, canvas.Width / family.PixelsPerLatent));
    }

    /// <summary>Whether pictures are turned into latents first.</summary>
    public bool Encodes => Canvas.Picture is not null;

    /// <summary>Noise levels and step count, as far as the strength leaves of a picture to begin from.</summary>
    private static SamplingPlan PlanOf(GenerationRequest request, Canvas canvas, ModelFamily family, NoiseModel noise)
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
        };
        return SamplingPlan.For(request.Sampler!, request.Schedule, request.Steps!.Value, noise, beginsFromPicture ? request.Strength : null, options);
    }
}
