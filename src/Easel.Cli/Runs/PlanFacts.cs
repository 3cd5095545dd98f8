using Easel.Cli.Commands;

namespace Easel.Cli.Runs;

/// <summary>A plan as people read it.</summary>
internal static class PlanFacts
{
    public static Facts Of(RunPlan plan, string model, GenerationRequest request)
    {
        var facts = new Facts();
        facts.Add("model", $"{model}, {plan.PrecisionInWords} on {plan.Device}");
        var count = plan.Pictures == 1 ? "1 picture" : $"{plan.Pictures} pictures";
        facts.Add("drawing", $"{count} of {plan.Width}x{plan.Height}, {plan.Steps} steps of {plan.Sampler}{(plan.IsGuided ? "" : " without guidance")}");
        var fits = plan.Fits ? "" : ": it does not fit, and would be refused";
        facts.Add("memory", plan.MemoryInWords + fits);
        facts.Add("chosen", plan.Choices.Count > 0 ? plan.Choices : "UNet and autoencoder stay in memory, and pictures are decoded whole");
        facts.Add("work", string.Create(
            CultureInfo.InvariantCulture, $"{plan.StepGigaflops:#,0} GFLOP a step, {plan.DecodeGigaflops:#,0} to decode a picture"));
        if (request.Fast != FastLevel.Exact) facts.Add("left out",
            string.Create(CultureInfo.InvariantCulture, $"{1 - plan.UNetShare:0%} of the UNet's work (--fast {request.Fast.ToString().ToLowerInvariant()})"));
        if (plan is { Drawing: { } drawing, Step: { } step })
        {
            var loading = plan.Loading is { } load ? $", after {Readable.Seconds(load)} of loading" : "";
            facts.Add("time", $"about {Readable.Clock(drawing)} ({Readable.Seconds(step)} a whole step){loading}; "
                + (plan.IsLearnt ? "from earlier runs on this machine" : "from a short trial of this machine: a first run will tell better"));
        }
        else
        {
            facts.Add("time", "not known before a first run on this device");
        }
        return facts;
    }
}
