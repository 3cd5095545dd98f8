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
