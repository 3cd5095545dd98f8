namespace Easel.Server.Json;

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
