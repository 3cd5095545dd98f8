using System.Text.Json.Serialization.Metadata;
using Easel.Farm;
using Easel.Imaging;

namespace Easel.Server.Json;

/// <summary>How the server's own records look as JSON: names in camelCase, choices as words, pictures as base64.</summary>
internal static class ServerJson
{
    /// <summary>The settings. A member that is not known is refused: passing it over would draw another picture than was meant.</summary>
    public static JsonSerializerOptions Options { get; } = Apply(new JsonSerializerOptions(JsonSerializerDefaults.Web), ImageFile.Load, ImageFile.LoadMask,
        ImageFile.LoadGray16);

    /// <summary>Puts the settings into options that belong to somebody else.</summary>
    /// <param name="load">Reads a picture.</param>
    /// <param name="loadMask">Reads a mask.</param>
    /// <param name="loadDepth">Reads a depth map.</param>
    public static JsonSerializerOptions Apply(JsonSerializerOptions options, Func<Stream, string, RgbImage> load, Func<Stream, string, GrayImage> loadMask,
        Func<Stream, string, DepthImage> loadDepth)
    {
        options.RespectNullableAnnotations = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // sent as application/json with nosniff: no browser reads it as a page
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        options.Converters.Add(new PictureConverter<RgbImage>(load, image => ImageFile.Encode(image, ImageFormat.Png)));
        options.Converters.Add(new PictureConverter<GrayImage>(loadMask, image => ImageFile.Encode(image.ToRgb(), ImageFormat.Png)));
        options.Converters.Add(new PictureConverter<DepthImage>(loadDepth, ImageFile.EncodeDepth));
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { OnePrompt, WholeLists.Modify } };
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
