using static Easel.Metadata.LenientJson;

namespace Easel.Metadata;

/// <summary>A node of a ComfyUI graph, whichever of the two forms it was written in.</summary>
/// <param name="Class">What it does: "KSampler".</param>
/// <param name="Values">Its settings by name, in order.</param>
/// <param name="Links">The ids of the nodes that its inputs come from, by name.</param>
internal sealed record ComfyNode(string Class, IReadOnlyDictionary<string, string> Values, IReadOnlyDictionary<string, string> Links)
{
    /// <summary>The graph that is run ("prompt"): from each node's id to its class and inputs. A link is an array of an id and a number.</summary>
    public static IReadOnlyDictionary<string, ComfyNode> OfPrompt(JsonElement graph)
    {
        var nodes = new Dictionary<string, ComfyNode>();
        foreach (var entry in graph.EnumerateObject())
        {
            if (TextIn(entry.Value, "class_type") is not { } type || Member(entry.Value, "inputs") is not { ValueKind: JsonValueKind.Object } inputs) continue;
            var (values, links) = (new Dictionary<string, string>(), new Dictionary<string, string>());
            foreach (var input in inputs.EnumerateObject())
            {
                if (input.Value.ValueKind == JsonValueKind.Array && input.Value.GetArrayLength() == 2 && TextIn(input.Value[0]) is { } id)
                    links[input.Name] = id;
                else if (TextIn(input.Value) is { } value) values[input.Name] = value;
            }
            nodes[entry.Name] = new ComfyNode(type, values, links);
        }
        return nodes;
    }

    /// <summary>The graph as the page shows it ("workflow"): a list of nodes and a list of links, and of each node the values of its fields in their order, of
    /// which only the classes in <see cref="Fields"/> say what they are.</summary>
    public static IReadOnlyDictionary<string, ComfyNode> OfWorkflow(JsonElement workflow)
    {
        var nodes = new Dictionary<string, ComfyNode>();
        if (Member(workflow, "nodes") is not { ValueKind: JsonValueKind.Array } list) return nodes;
        var from = new Dictionary<string, string>(); // the link's id to the id of the node that it begins at
        if (Member(workflow, "links") is { ValueKind: JsonValueKind.Array } links)
        {
            foreach (var link in links.EnumerateArray())
            {
                if (link.ValueKind == JsonValueKind.Array && link.GetArrayLength() > 1 && TextIn(link[0]) is { } id && TextIn(link[1]) is { } origin)
                    from[id] = origin;
                else if (TextIn(link, "id") is { } named && TextIn(link, "origin_id") is { } begins) from[named] = begins;
            }
        }
        foreach (var node in list.EnumerateArray())
        {
            const string never = "2"; // the mode of a node that is turned off
            if (TextIn(node, "id") is not { } id || TextIn(node, "type") is not { } type || TextIn(node, "mode") == never) continue;
            nodes[id] = new ComfyNode(type, FieldsOf(node, type), LinksOf(node, from));
        }
        return nodes;
    }

    private static Dictionary<string, string> LinksOf(JsonElement node, Dictionary<string, string> from)
    {
        var links = new Dictionary<string, string>();
        if (Member(node, "inputs") is not { ValueKind: JsonValueKind.Array } inputs) return links;
        foreach (var input in inputs.EnumerateArray())
        {
            var name = TextIn(input, "name");
            if (TextIn(input, "link") is { } link && from.TryGetValue(link, out var origin)) links[name is null or "" ? "input" : name] = origin;
        }
        return links;
    }

    private static Dictionary<string, string> FieldsOf(JsonElement node, string type)
    {
        var values = new Dictionary<string, string>();
        if (Member(node, "widgets_values") is not { } given) return values;
        if (given.ValueKind == JsonValueKind.Object)
        {
            foreach (var field in given.EnumerateObject())
                if (TextIn(field.Value) is { } value) values[field.Name] = value;
        }
        else if (given.ValueKind == JsonValueKind.Array)
        {
            var names = Fields.GetValueOrDefault(type, "value").Split(' ');
            foreach (var (name, field) in names.Zip(given.EnumerateArray()))
                if (TextIn(field) is { } value) values[name] = value;
        }
        return values;
    }

    /// <summary>The fields of the classes that say how a picture was made, in the order of the page.</summary>
    private static readonly Dictionary<string, string> Fields = new()
    {
        ["KSampler"] = "seed after steps cfg sampler_name scheduler denoise",
        ["KSamplerAdvanced"] = "add_noise noise_seed after steps cfg sampler_name scheduler start_at_step end_at_step",
        ["KSampler (Efficient)"] = "seed after steps cfg sampler_name scheduler denoise",
        ["SamplerCustom"] = "add_noise noise_seed after cfg",
        ["RandomNoise"] = "noise_seed",
        ["KSamplerSelect"] = "sampler_name",
        ["BasicScheduler"] = "scheduler steps denoise",
        ["KarrasScheduler"] = "steps",
        ["CFGGuider"] = "cfg",
        ["FluxGuidance"] = "guidance",
        ["CLIPTextEncode"] = "text",
        ["CLIPTextEncodeSDXL"] = "width height crop_w crop_h target_width target_height text_g text_l",
        ["CLIPTextEncodeSDXLRefiner"] = "ascore width height text",
        ["CLIPTextEncodeFlux"] = "clip_l t5xxl guidance",
        ["CLIPTextEncodeSD3"] = "clip_l clip_g t5xxl",
        ["EmptyLatentImage"] = "width height",
        ["EmptySD3LatentImage"] = "width height",
        ["EmptyHunyuanLatentVideo"] = "width height",
        ["CheckpointLoaderSimple"] = "ckpt_name",
        ["CheckpointLoader"] = "config_name ckpt_name",
        ["UNETLoader"] = "unet_name",
        ["UnetLoaderGGUF"] = "unet_name",
        ["CLIPSetLastLayer"] = "stop_at_clip_layer",
        ["LoraLoader"] = "lora_name strength_model strength_clip",
        ["LoraLoaderModelOnly"] = "lora_name strength_model",
    };
}
