using Easel.Metadata;
using Easel.Pipeline;
using Easel.Planning;
using Easel.Sampling;
using Easel.Text.Prompts;

namespace Easel;

/// <content>The last steps of a run, where another model does them.</content>
public sealed partial class ImageGenerator
{
    /// <summary>Bytes that a model of a run before has taken, which gives way.</summary>
    private double TakenByRefiner => _refiners.Kept is { } kept ? ModelSize.Taken(kept) : 0;

    /// <summary>Puts a model to work on the last steps of a request; null where none is to do any.</summary>
    private Refinement? RefinementOf(GenerationRequest request, RunShape run, MemoryPlan memory, RunOutput output)
    {
        if (_refiners.Use(request, _model, _options) is not { } model)
        {
            if (request.Refiner is not null)
                output.Remark($"The refiner does nothing here: {(request.IsRefined ? "it is the model itself" : "at a share of 1 it never takes over")}.");
            return null;
        }
        var size = ModelSize.OfRefiner(model.Checkpoint);
        var (plan, takesTurns) = memory.Beside(size, _model.Format, run.Rows, run.Latent);
        plan.Check(size, _model.Format, run.Rows, run.Latent, _model.Device);
        model.Residency = _model.Device.type == TorchSharp.DeviceType.CPU ? plan.Residency : Residency.TextGoes;
        model.Wraps = request.Tiling;
        var meter = new RunMeter(_speed, model);
        return new Refinement(_model, model, request, takesTurns) { Network = meter.Over(model.Predict), Learn = meter.Learn };
    }

    /// <summary>Its name and hash as AUTOMATIC1111's pictures have them; the hash is computed meanwhile.</summary>
    private Func<string?> TitleOf(Refinement? refinement)
    {
        if (refinement is null) return () => null;
        var path = Path.GetFullPath(refinement.Model.Checkpoint.Path);
        var stamp = ModelStamp.Of(path, _options);
        return () => ModelStamp.TitleOf(path, stamp.Hash!.GetAwaiter().GetResult());
    }

    /// <summary>What the model of the last steps is told; null where there is none.</summary>
    private (Refinement By, Guidance Guidance)? Refine(Refinement? refinement, IReadOnlyList<string> texts, GenerationRequest request, LoraRun loras,
        RunShape run, RunOutput output)
    {
        if (refinement is null) return null;
        var prompts = texts.Select(prompt => request.Literal ? prompt : PromptParser.ExtractLoras(prompt).Text).ToList();
        return (refinement, refinement.Encode(_tokenizer, _embeddings, prompts, request, loras, run, output));
    }
}
