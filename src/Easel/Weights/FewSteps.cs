using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>How the makers of a model, or of a LoRA, that was distilled to draw in few steps draw with it.</summary>
/// <param name="Kind">What people call the kind: "Lightning".</param>
/// <param name="Sampler">Its sampler.</param> <param name="Schedule">Its noise schedule; null for the sampler's own.</param>
/// <param name="GuidanceScale">1 where guidance was distilled away.</param>
internal sealed partial record FewSteps(string Kind, int Steps, string Sampler, string? Schedule, double GuidanceScale)
{
    /// <summary>Whether it predicts the clean picture and not the noise, as Lightning's one step does.</summary>
    public bool PredictsSample { get; init; }

    /// <summary>Latent consistency with guidance built in ("Latent Consistency Models", arXiv 2310.04378), told by a layer of its own.</summary>
    public static FewSteps GuidedLcm { get; } = Lcm with { GuidanceScale = 8 };

    private static FewSteps Lcm => new("LCM", 4, "lcm", null, 1);

    /// <summary>The kinds, by a word of their names; the rarer words first.</summary>
    private static readonly (string Word, FewSteps Way)[] Kinds =
    [
        ("sdxs", new("SDXS", 1, "euler", "trailing", 1)),
        ("dmd", new("DMD2", 4, "lcm", "trailing", 1)),
        ("tcd", new("TCD", 4, "tcd", null, 1)),
        ("lcm", Lcm),
        ("hyper", new("Hyper", 8, "ddim", "trailing", 1)),
        ("lightning", new("Lightning", 4, "euler", "trailing", 1)),
        ("turbo", new("Turbo", 4, "euler_ancestral", "trailing", 1)),
    ];

    /// <summary>What a checkpoint is, by what it is called; null for an ordinary one.</summary>
    /// <param name="names">Its file's or folder's name, and those that it gives itself.</param>
    public static FewSteps? OfModel(params IEnumerable<string?> names) => Of(names, isLora: false);

    /// <summary>What a LoRA is, by what it is called; null for an ordinary one. Of what a subject may be called too ("lightning") a number of steps or a
    /// model's name must stand beside it.</summary>
    /// <inheritdoc cref="OfModel" path="/param"/>
    public static FewSteps? OfLora(params IEnumerable<string?> names) => Of(names, isLora: true);

    /// <summary>What a LoRA's file is, by its name and by what it says of itself.</summary>
    public static FewSteps? OfLora(TensorFile file) => OfLora(Path.GetFileNameWithoutExtension(file.Path),
        file.Metadata.GetValueOrDefault("ss_output_name"), file.Metadata.GetValueOrDefault("modelspec.title"));

    /// <summary>What the class of a diffusers scheduler says of its model.</summary>
    public static FewSteps? OfScheduler(string? name) => name switch
    {
        "LCMScheduler" => Lcm,
        "TCDScheduler" => Kinds.Single(kind => kind.Word == "tcd").Way,
        _ => null,
    };

    private static FewSteps? Of(IEnumerable<string?> names, bool isLora) =>
        names.OfType<string>().Where(name => name.Length <= 200).Select(name => Named(name, isLora)).FirstOrDefault(way => way is not null);

    private static FewSteps? Named(string name, bool isLora)
    {
        var words = Word().Matches(name).Select(match => match.Value.ToLowerInvariant()).ToList();
        var steps = StepCount().Match(name) is { Success: true } counted ? int.Parse(counted.Groups[1].Value, CultureInfo.InvariantCulture) : (int?)null;
        foreach (var (word, way) in Kinds)
        {
            // "photonLCM" and "XLturbo" hold the word as well; "hyperrealistic" and a LoRA of a lightning bolt do not mean it.
            if (!words.Contains(word) && !(word.Length >= 5 && word != "hyper" && name.Contains(word, StringComparison.OrdinalIgnoreCase))) continue;
            var isPlain = word is "sdxs" or "dmd" or "tcd" or "lcm" || !isLora && word != "hyper";
            if (!isPlain && steps is null && !words.Any(other => other.StartsWith("sd", StringComparison.Ordinal) || other is "xl")) continue;
            return way with
            {
                Steps = steps is >= 1 and <= 16 ? steps.Value : word == "turbo" && !isLora && Original().IsMatch(name) ? 1 : way.Steps,
                GuidanceScale = word == "hyper" && words.Contains("cfg") ? 5 : way.GuidanceScale,
                PredictsSample = word == "lightning" && steps == 1,
            };
        }
        return null;
    }

    /// <summary>Words as people run them together: "photonLCM_v10" has photon, LCM, v and 10.</summary>
    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")]
    private static partial Regex Word();

    [GeneratedRegex("(?<![0-9])([0-9]{1,2})[-_ ]?steps?(?![a-z])", RegexOptions.IgnoreCase)]
    private static partial Regex StepCount();

    /// <summary>Stability AI's own, which were made for a single step.</summary>
    [GeneratedRegex("^sd[-_ ]?(xl)?[-_ ]?turbo", RegexOptions.IgnoreCase)]
    private static partial Regex Original();
}
