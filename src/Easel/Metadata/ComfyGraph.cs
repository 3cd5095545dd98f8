using static Easel.Metadata.PictureSettings;

namespace Easel.Metadata;

/// <summary>Reads the settings out of the graph that ComfyUI puts into its pictures. A graph can be anything; what is understood is a sampler node and what
/// leads to it: the two texts, the empty latent and the checkpoint.</summary>
internal static class ComfyGraph
{
    /// <summary>Links that are followed at most, for a hostile graph could lead in circles.</summary>
    private const int MostLinks = 32;

    public static PictureSettings? Read(string? text)
    {
        if (text is null || PictureSettings.Object(text) is not { } graph) return null;
        foreach (var node in graph.EnumerateObject())
        {
            if (Inputs(node.Value) is not { } sampler || !ClassOf(node.Value).StartsWith("KSampler", StringComparison.Ordinal)) continue;
            var latent = Follow(graph, sampler, "latent_image");
            return Of("ComfyUI", TextOf(graph, sampler, "positive"), TextOf(graph, sampler, "negative"), TextIn(sampler, "steps"),
                TextIn(sampler, "sampler_name"), TextIn(sampler, "scheduler"), TextIn(sampler, "cfg"), TextIn(sampler, "seed") ?? TextIn(sampler, "noise_seed"),
                latent is { } sized ? TextIn(sized, "width") : null, latent is { } high ? TextIn(high, "height") : null, CheckpointOf(graph, sampler));
        }
        return null;
    }

    /// <summary>The words of the first node on the way that has some.</summary>
    private static string? TextOf(JsonElement graph, JsonElement inputs, string name)
    {
        var at = Follow(graph, inputs, name);
        for (var links = 0; at is { } node && links < MostLinks; links++)
        {
            if (TextIn(node, "text") is { } words) return words;
            at = Follow(graph, node, "text") ?? Follow(graph, node, "conditioning") ?? Follow(graph, node, "conditioning_1") ?? Follow(graph, node, name);
        }
        return null;
    }

    /// <summary>The checkpoint at the end of the line of models, LoRAs between.</summary>
    private static string? CheckpointOf(JsonElement graph, JsonElement inputs)
    {
        var at = Follow(graph, inputs, "model");
        for (var links = 0; at is { } node && links < MostLinks; links++)
        {
            if (TextIn(node, "ckpt_name") is { } file) return Path.GetFileNameWithoutExtension(file.Replace('\\', '/'));
            at = Follow(graph, node, "model");
        }
        return null;
    }

    /// <summary>The inputs of the node that an input is linked to: a link is an array of the node's name and its output.</summary>
    private static JsonElement? Follow(JsonElement graph, JsonElement inputs, string name) =>
        inputs.TryGetProperty(name, out var link) && link.ValueKind == JsonValueKind.Array && link.GetArrayLength() == 2
        && link[0].ValueKind == JsonValueKind.String && graph.TryGetProperty(link[0].GetString()!, out var node) ? Inputs(node) : null;

    private static JsonElement? Inputs(JsonElement node) =>
        node.ValueKind == JsonValueKind.Object && node.TryGetProperty("inputs", out var inputs) && inputs.ValueKind == JsonValueKind.Object ? inputs : null;

    private static string ClassOf(JsonElement node) => TextIn(node, "class_type") ?? "";
}
