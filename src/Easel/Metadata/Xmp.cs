using System.Net;

namespace Easel.Metadata;

/// <summary>The texts of a block of XMP (ISO 16684) that programs keep settings in. What is looked for is found by its name, without a reader of XML: a block
/// may come from anybody.</summary>
internal static class Xmp
{
    /// <summary>The name under which every picture file's block is found.</summary>
    public const string Key = Imaging.ImageText.XmpKey;

    private static readonly string[] Names = ["exif:UserComment", "dc:description"];

    public static IEnumerable<string> Texts(string? block) => block is null ? [] : Names.Select(name => TextOf(block, name)).OfType<string>();

    private static string? TextOf(string block, string name)
    {
        var at = block.IndexOf(name, StringComparison.Ordinal);
        if (at < 0) return null;
        at += name.Length;
        if (at + 1 < block.Length && block[at] == '=')
        {
            var quote = block[at + 1];
            return block.IndexOf(quote, at + 2) is > 0 and var close ? WebUtility.HtmlDecode(block[(at + 2)..close]) : null;
        }
        var end = block.IndexOf("</" + name, at, StringComparison.Ordinal);
        if (end < 0 || block.IndexOf('>', at) is not (>= 0 and var start) || start >= end) return null;
        var text = new StringBuilder();
        for (at = start + 1; at < end;)
        {
            var tag = block.IndexOf('<', at, end - at);
            text.Append(block, at, (tag < 0 ? end : tag) - at);
            if (tag < 0 || block.IndexOf('>', tag, end - tag) is not (>= 0 and var close)) break;
            at = close + 1;
        }
        return WebUtility.HtmlDecode(text.ToString()).Trim() is { Length: > 0 } found ? found : null;
    }
}
