using static Easel.Metadata.LenientJson;

namespace Easel.Metadata;

/// <summary>Reads the settings out of the graphs that ComfyUI puts into its pictures. A graph can be anything; what is understood is the sampler that drew
/// the picture at first and what leads to it: the texts, the empty latent, the checkpoint. What else stands on the way is named, for it is not done
/// again.</summary>
internal sealed class ComfyGraph
{
    private const string Program = "ComfyUI";

    /// <summary>Nodes that are looked at on one way at most, for a hostile graph could lead in circles or double at each step.</summary>
    private const int MostNodes = 64;

    /// <summary>The ways on from a node that passes something through, by what is passed.</summary>
    private static readonly string[]
        Conditions = ["conditioning", "conditioning_1", "conditioning_to", "base_ctx", "positive", "input", "any"],
        Latents = ["latent_image", "samples", "latent", "latents", "LATENT", "input", "any"],
        Models = ["model", "MODEL", "base_model", "model1", "unet", "input", "any"],
        Pictures = ["images", "image", "samples", "pixels", "latent_image", "latent", "input", "any"];

    private static readonly string[] Words =
    [
        "text", "text_g", "text_l", "clip_l", "t5xxl", "populated_text", "wildcard_text", "prompt", "string", "value", "text_0", "string_a", "text_a", "text1",
        "string1", "text_b", "string_b", "text2", "string2", "text_c", "text_d", "STRING", "input",
    ];

    /// <summary>What changes a condition on its way, by a part of its name.</summary>
    private static readonly string[] Changing = ["ControlNet", "Combine", "SetArea", "SetMask", "Timestep", "unCLIP", "IPAdapter", "StyleModel"];

    /// <summary>What stands behind every sampler.</summary>
    private static readonly string[] Decoders = ["VAEDecode", "VAEDecodeTiled", "Reroute"];

    private readonly IReadOnlyDictionary<string, ComfyNode> _nodes;
    private readonly List<string> _others = [];
    private readonly List<(string? Name, string? Weight)> _loras = [];
    private int _texts = MostNodes;

    private ComfyGraph(IReadOnlyDictionary<string, ComfyNode> nodes) => _nodes = nodes;

    /// <summary>The settings of a picture; null where neither form of the graph is there or holds a sampler.</summary>
    /// <param name="prompt">The graph that was run, alone or as a member beside the other.</param>
    /// <param name="workflow">The graph as the page shows it.</param>
    public static PictureSettings? Read(string? prompt, string? workflow) =>
        (Object(prompt) is { } graph ? Of(graph) ?? (Member(graph, "prompt") is { } inner ? Of(inner) : null)
            ?? (Member(graph, "workflow") is { } beside ? OfWorkflow(beside) : null) : null)
        ?? (Object(workflow) is { } shown ? OfWorkflow(shown) : null);

    /// <summary>Some programs write the one where the other belongs.</summary>
    private static PictureSettings? Of(JsonElement graph) =>
        graph.ValueKind == JsonValueKind.Object ? new ComfyGraph(ComfyNode.OfPrompt(graph)).Settings() ?? OfWorkflow(graph) : null;

    private static PictureSettings? OfWorkflow(JsonElement workflow) => new ComfyGraph(ComfyNode.OfWorkflow(workflow)).Settings();

    private PictureSettings? Settings()
    {
        if (First() is not { } sampler) return null;
        var guider = Follow(sampler, "guider") ?? sampler;
        var (noise, sigmas) = (Follow(sampler, "noise") ?? sampler, Follow(sampler, "sigmas") ?? sampler);
        var (positive, negative) = (TextOf(guider, guider.Links.ContainsKey("conditioning") ? "conditioning" : "positive"), TextOf(guider, "negative"));
        var latent = Way(sampler, "latent_image", Latents).LastOrDefault();
        var (model, skip) = (ModelOf(guider.Links.ContainsKey("model") ? guider : sampler), (string?)null);
        foreach (var node in Way(guider, guider.Links.ContainsKey("conditioning") ? "conditioning" : "positive", Conditions))
        {
            if (Value(node, "guidance") is { } guidance) _others.Add($"guidance {guidance}");
            skip ??= Way(node, "clip", ["clip"]).Select(clip => Value(clip, "stop_at_clip_layer")).FirstOrDefault(layer => layer is not null);
            if (Array.Exists(Changing, part => node.Class.Contains(part, StringComparison.Ordinal))) _others.Add(node.Class);
        }
        var strength = Value(sampler, "denoise") ?? Value(sigmas, "denoise");
        var begins = latent is not null && Value(latent, "width") is null && Value(latent, "empty_latent_width") is null;
        var settings = PictureSettings.Of(Program, positive, negative, Value(sampler, "steps") ?? Value(sigmas, "steps"),
            Value(sampler, "sampler_name") ?? (Follow(sampler, "sampler") is { } named ? Value(named, "sampler_name") ?? named.Class : null),
            Value(sampler, "scheduler") ?? Value(sigmas, "scheduler") ?? ScheduleOf(sigmas), Value(guider, "cfg") ?? Value(sampler, "cfg"),
            Value(sampler, "seed") ?? Value(sampler, "noise_seed") ?? Value(noise, "noise_seed"),
            latent is null ? null : Value(latent, "width") ?? Value(latent, "empty_latent_width"),
            latent is null ? null : Value(latent, "height") ?? Value(latent, "empty_latent_height"), model);
        return settings.With(
        [
            new("Clip skip", skip?.TrimStart('-') is { } layers and not "1" ? layers : null),
            new("Denoising strength", begins ? strength : null),
            new("Denoise", !begins && strength is not (null or "1" or "1.0") ? strength : null),
            new("ComfyUI nodes", _others.Count > 0 ? string.Join("; ", _others.Distinct().Take(MostNodes)) : null),
        ]).WithLoras(_loras);
    }

    /// <summary>The sampler that drew the picture at first: up from what was saved to a sampler, and on to the samplers that it got its latent from.</summary>
    private ComfyNode? First()
    {
        bool Is(ComfyNode node, string part) => node.Class.Contains(part, StringComparison.Ordinal);
        var ways = _nodes.Values.Where(node => Is(node, "Save") || Is(node, "Preview")).OrderBy(node => Is(node, "Save") ? 0 : 1).Take(MostNodes)
            .Select(node => Way(node, "images", Pictures).ToList());
        var drawn = ways.FirstOrDefault(way => way.Exists(IsSampler)) ?? [.. _nodes.Values.Where(IsSampler).Take(1)];
        if (drawn.Find(IsSampler) is not { } last) return null;
        _others.AddRange(drawn.TakeWhile(node => node != last).Select(node => node.Class).Where(type => !Decoders.Contains(type)));
        var earlier = Way(last, "latent_image", Pictures).Where(IsSampler).ToList();
        foreach (var pass in earlier.SkipLast(1).Append(last).Take(earlier.Count))
            _others.Add($"{pass.Class} over it (denoise {Value(pass, "denoise") ?? "?"})");
        return earlier.LastOrDefault() ?? last;
    }

    private static bool IsSampler(ComfyNode node) => node.Class.StartsWith("SamplerCustom", StringComparison.Ordinal)
        || node.Class.Contains("Sampler", StringComparison.Ordinal) && Has(node, "steps") && (Has(node, "sampler_name") || Has(node, "positive"));

    private static bool Has(ComfyNode node, string name) => node.Values.ContainsKey(name) || node.Links.ContainsKey(name);

    /// <summary>The nodes on the way up from an input: each one's own input of the same name, or the first of the others that it has.</summary>
    private IEnumerable<ComfyNode> Way(ComfyNode node, string input, string[] others)
    {
        var at = Follow(node, input);
        if (at is null) at = others.Select(other => Follow(node, other)).FirstOrDefault(next => next is not null);
        for (var nodes = 0; at is not null && nodes < MostNodes; nodes++)
        {
            var here = at;
            yield return here;
            at = Follow(here, input) ?? others.Select(other => Follow(here, other)).FirstOrDefault(next => next is not null);
        }
    }

    private ComfyNode? Follow(ComfyNode node, string input) => node.Links.TryGetValue(input, out var id) ? _nodes.GetValueOrDefault(id) : null;

    /// <summary>A setting of a node: its own, or that of the node that it is linked to.</summary>
    private string? Value(ComfyNode node, string name)
    {
        for (var links = 0; links < MostNodes; links++)
        {
            if (node.Values.TryGetValue(name, out var value)) return value;
            if (Follow(node, name) is not { } next) return null;
            foreach (var own in (string[])[name, "value", "Value", "int", "float", "number", "seed", "noise_seed"])
                if (next.Values.TryGetValue(own, out value)) return value;
            if (Array.Find((string[])[name, "value", "input", "any", "seed"], next.Links.ContainsKey) is not { } on) return null;
            (node, name) = (next, on);
        }
        return null;
    }

    /// <summary>The words at the end of a way of conditions: each node's that has some.</summary>
    private string? TextOf(ComfyNode node, string input)
    {
        if (!node.Links.ContainsKey(input)) return node.Values.GetValueOrDefault(input);
        foreach (var condition in Way(node, input, Conditions))
        {
            if (_texts-- <= 0 || condition.Class.Contains("ZeroOut", StringComparison.Ordinal)) return "";
            if (condition.Links.ContainsKey("conditioning_from"))
                return $"{TextOf(condition, "conditioning_to")} BREAK {TextOf(condition, "conditioning_from")}"; // one after the other, as BREAK has it
            var left = MostNodes;
            var texts = TextsOf(condition, ref left).Distinct().ToList();
            if (texts.Count == 0 && condition.Values.GetValueOrDefault(input) is { } direct) return direct; // a loader that has both prompts as fields
            if (texts.Count > 0) return string.Join(", ", texts);
        }
        return null;
    }

    /// <summary>The texts of a node that makes words, and of those it is linked to; as many nodes as are left are looked at.</summary>
    private List<string> TextsOf(ComfyNode node, ref int left)
    {
        var texts = new List<string>();
        if (left-- <= 0) return texts;
        foreach (var name in Words)
        {
            if (node.Values.TryGetValue(name, out var words) && words.Length > 0) texts.Add(words);
            else if (Follow(node, name) is { } next) texts.AddRange(TextsOf(next, ref left));
            if (texts.Count > 0 && name is "populated_text" or "text_0") break;
        }
        return texts;
    }

    /// <summary>The checkpoint at the end of the line of models; what changes the model on the way is named.</summary>
    private string? ModelOf(ComfyNode sampler)
    {
        foreach (var node in Way(sampler, "model", Models))
        {
            if ((Value(node, "ckpt_name") ?? Value(node, "unet_name")) is { } file) return Path.GetFileNameWithoutExtension(file.Replace('\\', '/'));
            if (Value(node, "lora_name") is { } lora)
            {
                var (unet, words) = (Value(node, "strength_model"), Value(node, "strength_clip"));
                _loras.Insert(0, (lora, words is null || unet is null ? unet : $"{words}:{unet}")); // the way leads from the last to the first
            }
            else _others.Add(node.Class);
        }
        return null;
    }

    private static string? ScheduleOf(ComfyNode sigmas) => sigmas.Class switch
    {
        "KarrasScheduler" => "karras",
        "ExponentialScheduler" => "exponential",
        "PolyexponentialScheduler" => "polyexponential",
        "AlignYourStepsScheduler" => "align_your_steps",
        "BetaSamplingScheduler" => "beta",
        "VPScheduler" => "vp",
        _ => null,
    };
}
