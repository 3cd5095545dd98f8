using Easel.Cli.Options;

namespace Easel.Cli.Runs;

/// <summary>Makes the request of a run: what the command line says, and the profile where it is silent.</summary>
internal static class RequestBuilder
{
    public static GenerationRequest Build(DrawSettings settings, Profile profile, Inputs inputs)
    {
        string[] prompts = inputs.Prompts is { } read ? [.. read]
            : [settings.Prompt ?? profile.Prompt ?? throw new UsageException("Say what to draw, as in: easel \"a hamster painting with a brush\".")];
        var request = profile.Request;
        // How much is drawn anew belongs to the sampler that the script has.
        if (settings.Turned.GetValueOrDefault(nameof(request.Sampler)) is string sampler and not "ddim") request = request with { Eta = null };
        if (profile.Side is { } side && inputs.Picture is null) request = request with { Width = side, Height = side };
        request = Turned(request, settings, inputs);
        if (profile.InputStep is { } step && inputs.Picture is { } picture && request is { Width: null, Height: null })
            request = request with { Width = Math.Max(step, picture.Width / step * step), Height = Math.Max(step, picture.Height / step * step) };
        return Counted(request, settings, profile, prompts);
    }

    /// <summary>A request with the knobs that the command line turns, and its pictures.</summary>
    public static GenerationRequest Turned(GenerationRequest request, DrawSettings settings, Inputs inputs)
    {
        foreach (var (property, value) in settings.Turned) request = Knobs.Find(property)!.Set(request, value);
        if (inputs.Controls.Count > 0) request = request with { Controls = inputs.Controls };
        return request with { InitImage = inputs.Picture, Mask = inputs.Mask, Depth = inputs.Depth };
    }

    /// <summary>How many pictures, and how many of them at once.</summary>
    private static GenerationRequest Counted(GenerationRequest request, DrawSettings settings, Profile profile, string[] prompts)
    {
        var (asked, batches) = (settings.Of<int?>(nameof(request.BatchSize)), settings.Of<int?>(nameof(request.BatchCount)));
        AtLeastOne("--count", settings.Count);
        AtLeastOne("--batch", asked);
        AtLeastOne("--repeat", settings.Repeat);
        AtLeastOne("--n_iter", batches);

        if (settings is { Repeat: { } repeat, FromFile: not null }) prompts = Repeated(prompts, repeat);
        if (settings.IsScript && settings.Count is null)
        {
            var size = asked ?? profile.Request.BatchSize;
            // optimizedSD gives each prompt of a file a batch of its own; the others fill their batches with as many prompts as fit.
            if (settings.IsOptimized && prompts.Length > 1) prompts = Repeated(prompts, size);
            return request with { Prompts = prompts, BatchSize = size, BatchCount = batches ?? profile.Request.BatchCount };
        }

        var count = settings.Count ?? asked ?? profile.Request.BatchSize * profile.Request.BatchCount;
        var batch = asked ?? (settings.IsScript ? Math.Min(profile.Request.BatchSize, count) : 1);
        return prompts.Length == 1 && count % batch == 0
            ? request with { Prompts = prompts, BatchSize = batch, BatchCount = count / batch }
            : request with { Prompts = Repeated(prompts, count), BatchSize = batch, BatchCount = 1 };
    }

    private static string[] Repeated(string[] prompts, int times) => [.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt, times))];

    private static void AtLeastOne(string flag, int? value)
    {
        if (value is < 1 or > 10_000) throw new UsageException($"{flag} is {value}; it must be from 1 to 10000.");
    }
}
