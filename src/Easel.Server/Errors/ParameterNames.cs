using System.Text.Json;

namespace Easel.Server.Errors;

/// <summary>Who is told of a setting: each protocol has names of its own for the settings of a request.</summary>
internal enum Protocol
{
    /// <summary>Easel's own API: the library's names in camelCase.</summary>
    Easel,

    /// <summary>AUTOMATIC1111's.</summary>
    Sdapi,

    /// <summary>OpenAI's.</summary>
    OpenAi,
}

/// <summary>The library's names of settings, as a protocol calls them.</summary>
internal static class ParameterNames
{
    /// <summary>A property of the request, as a protocol calls it.</summary>
    /// <param name="property">As an <see cref="InvalidRequestException"/> names it.</param>
    /// <param name="protocol">Whose name is wanted.</param>
    public static string Of(string property, Protocol protocol) => protocol switch
    {
        Protocol.Easel => JsonNamingPolicy.CamelCase.ConvertName(property),
        Protocol.OpenAi => OpenAi(property),
        _ => JsonNamingPolicy.SnakeCaseLower.ConvertName(property),
    };

    private static string OpenAi(string property) => string.Concat(property[..1].ToUpperInvariant(), property[1..]) switch
    {
        nameof(GenerationRequest.GuidanceScale) => "guidance",
        nameof(GenerationRequest.BatchCount) => "n",
        nameof(GenerationRequest.Width) or nameof(GenerationRequest.Height) => "size",
        nameof(GenerationRequest.InitImage) => "image",
        nameof(GenerationRequest.Prompts) => "prompt",
        _ => JsonNamingPolicy.SnakeCaseLower.ConvertName(property),
    };
}
