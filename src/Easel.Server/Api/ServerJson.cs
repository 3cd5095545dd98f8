using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Easel.Imaging;
using Easel.Server.Errors;

namespace Easel.Server.Api;

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
        options.Converters.Add(new PictureConverter<DepthImage>(ImageFile.LoadGray16, PngDepthWriter.Encode));
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

/// <summary>A picture as base64 of its file, with or without "data:image/png;base64," before it; written as PNG.</summary>
internal sealed class PictureConverter<T>(Func<Stream, string, T> load, Func<T, byte[]> encode) : JsonConverter<T> where T : class
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String) throw new JsonException("A picture is a text: base64 of a PNG, JPEG, WebP, GIF or BMP file.");
        return load(new MemoryStream(Base64Picture.Decode(reader.GetString()!, "the picture"), writable: false), "the picture");
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteBase64StringValue(encode(value));
}

/// <summary>Pictures as texts.</summary>
internal static class Base64Picture
{
    /// <summary>The bytes of a picture's file.</summary>
    /// <param name="text">Base64, with or without a "data:" head.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <exception cref="ServerException">It is no base64 (422).</exception>
    public static byte[] Decode(string text, string name)
    {
        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase) && text.IndexOf(',') is > 0 and var comma) text = text[(comma + 1)..];
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException e)
        {
            throw new ServerException(StatusCodes.Status422UnprocessableEntity, $"{char.ToUpperInvariant(name[0])}{name[1..]} is not base64.", e);
        }
    }
}
