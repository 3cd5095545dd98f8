using Easel.Models;
using Easel.Sampling;
using Easel.Text;
using Easel.Text.Prompts;

namespace Easel.Pipeline;

/// <summary>The last steps of a run, which another model does: it is told the prompts by its own text encoders and goes on from the latents as they stand
/// ("SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", arXiv 2307.01952, section 2.5; AUTOMATIC1111's apply_refiner).</summary>
/// <param name="main">What does the steps before.</param> <param name="model">What does the last.</param>
/// <param name="takesTurns">Whether the two are not in memory together.</param>
internal sealed class Refinement(LoadedNetworks main, LoadedNetworks model, GenerationRequest request, bool takesTurns)
{
    public LoadedNetworks Model => model;

    /// <summary>Its network.</summary>
    public required Predictor Network { get; init; }

    /// <summary>Told at the end of the run, so that it is known how fast it was.</summary>
    public required Action Learn { get; init; }

    /// <summary>The step from which on a refiner works.</summary>
    /// <param name="steps">Steps of the pass.</param>
    public static int FirstStep(GenerationRequest request, int steps) => (int)Math.Ceiling(request.RefinerAt * steps - 1e-9);

    private int FirstStep(int steps) => FirstStep(request, steps);

    /// <summary>Words to its vectors, LoRAs to its weights, where they are for models of its kind.</summary>
    public Guidance Encode(ClipTokenizer tokenizer, EmbeddingShelf embeddings, IReadOnlyList<string> prompts, GenerationRequest asked, LoraRun loras,
        RunShape run, RunOutput output)
    {
        if (takesTurns) main.Park();
        output.Remark(model.SetLoras(Takes(loras) ? loras.At(FirstStep(run.Plan.StepCount), run.Plan.StepCount) : []));
        if (!Takes(loras)) output.Remark($"The LoRAs end where the refiner takes over, for which they were not made: it is of {model.Family.Name}.");
        if (request.Controls.Count > 0) output.Remark("What steers ends where the refiner takes over.");
        output.Remark(model.Checkpoint.Passed);
        model.Bring(model.TextSlots);
        var words = new Conditioning(model, tokenizer, embeddings);
        var guidance = words.Encode(prompts, asked, run.Canvas, run.Plan.StepCount);
        output.Remark(words.Remarks);
        if (takesTurns) model.Park();
        return guidance;
    }

    /// <summary>Whether LoRAs are for models of its kind, too.</summary>
    public bool Takes(LoraRun loras) => loras.Called.Count == 0 || model.UNet.Config.ContextWidth == main.UNet.Config.ContextWidth;

    /// <summary>The one denoiser up to the step, the other from there on.</summary>
    public Denoiser Over(Denoiser begins, Denoiser finishes, int steps) => (x, at) =>
    {
        if (at.Step < FirstStep(steps)) return begins(x, at);
        if (takesTurns && main.BytesInMemory > 0) main.Park();
        return finishes(x, at);
    };

    /// <summary>Makes room for what comes after the last step.</summary>
    public void End()
    {
        if (takesTurns) model.Park();
    }
}
