using System.Text.Json.Serialization.Metadata;
using Easel.Imaging;

namespace Easel.Server.Json;

/// <summary>How the server's own records look as JSON: names in camelCase, choices as words, pictures as base64.</summary>
internal static class ServerJson
{
    /// <summary>The settings. A member that is not known is refused: passing it over would draw another picture than was meant.</summary>
    public static JsonSerializerOptions Options { get; } = Apply(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    /// <summary>Puts the settings into options that belong to somebody else.</summary>
    public static JsonSerializerOptions Apply(JsonSerializerOptions options)
    {
        options.RespectNullableAnnotations = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // sent as application/json with nosniff: no browser reads it as a page
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        options.Converters.Add(new PictureConverter<RgbImage>(ImageFile.Load, image => ImageFile.Encode(image, ImageFormat.Png)));
        options.Converters.Add(new PictureConverter<GrayImage>(ImageFile.LoadMask, image => ImageFile.Encode(image.ToRgb(), ImageFormat.Png)));
        options.Converters.Add(new PictureConverter<DepthImage>(ImageFile.LoadGray16, ImageFile.EncodeDepth));
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { OnePrompt } };
        return options;
    }

    /// <summary>A request says its prompts once: a single one as "prompt", several as "prompts".</summary>
    private static void OnePrompt(JsonTypeInfo type)
    {
        if (type.Type != typeof(GenerationRequest)) return;
        foreach (var property in type.Properties)
        {
            if (property.Name == "prompt") property.ShouldSerialize = (request, _) => ((GenerationRequest)request).Prompts.Count == 1;
            if (property.Name == "prompts") property.ShouldSerialize = (request, _) => ((GenerationRequest)request).Prompts.Count != 1;
        }
    }
}
