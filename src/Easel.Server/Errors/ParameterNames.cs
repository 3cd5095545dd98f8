namespace Easel.Server.Errors;

/// <summary>Who is told of a setting: each protocol has names of its own for the settings of a request.</summary>
internal enum Protocol
{
    Easel, // the library's names in camelCase
    Sdapi, // AUTOMATIC1111's
    OpenAi,
    Mcp, // the tools of the Model Context Protocol
    Page, // what stands on its fields
}

/// <summary>The library's names of settings, as a protocol calls them.</summary>
internal static class ParameterNames
{
    /// <summary>A property of the request, as a protocol calls it.</summary>
    public static string Of(string property, Protocol protocol) => Own(Knobs.Find(property), protocol) ?? protocol switch
    {
        Protocol.Easel => JsonNamingPolicy.CamelCase.ConvertName(property),
        _ => JsonNamingPolicy.SnakeCaseLower.ConvertName(property),
    };

    /// <summary>What an exception says, in the protocol's own words.</summary>
    public static string Sentence(InvalidRequestException refused, Protocol protocol) =>
        refused.Finding is { } finding ? $"{Of(refused.Field, protocol)} {finding}" : refused.Message;

    /// <summary>Where a name that is not known belongs, and how that setting is called here: the end of a sentence, empty where nothing is known.</summary>
    /// <param name="name">The name that was sent to Easel's own API.</param>
    /// <param name="where">What its reader said, which names the record that has no such member.</param>
    public static string Hint(string name, string where)
    {
        var knob = Knobs.All.FirstOrDefault(knob =>
            ((string?[])[JsonNamingPolicy.CamelCase.ConvertName(knob.Property), knob.SdapiName, knob.OpenAiName, knob.McpName])
                .Contains(name, StringComparer.OrdinalIgnoreCase));
        if (knob is null) return "";
        var own = knob.Property == nameof(GenerationRequest.Prompts) && name != "prompts" ? "prompt" : JsonNamingPolicy.CamelCase.ConvertName(knob.Property);
        if (where.Contains(".Jobs.", StringComparison.Ordinal)) return $" here; it belongs under \"request\", as {{\"request\":{{\"{own}\":...}}}}";
        return where.Contains(nameof(GenerationRequest), StringComparison.Ordinal) ? $"; it is called \"{own}\" here" : "";
    }

    private static string? Own(Knob? knob, Protocol protocol) => (protocol, knob) switch
    {
        (Protocol.OpenAi, { Property: nameof(GenerationRequest.Width) or nameof(GenerationRequest.Height) }) => "size",
        (Protocol.OpenAi, { Property: nameof(GenerationRequest.InitImage) }) => "image",
        (Protocol.OpenAi, _) => knob?.OpenAiName,
        (Protocol.Sdapi, { Property: nameof(GenerationRequest.InitImage) }) => "init_images",
        (Protocol.Sdapi, _) => knob?.SdapiName,
        (Protocol.Mcp, _) => knob?.McpName,
        (Protocol.Page, _) => knob?.Label,
        _ => null,
    };
}
