using Easel.Cli.Runs;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Cli.Commands;

/// <summary>What a picture file says and hides.</summary>
internal static class PictureFacts
{
    public static Facts Of(string path)
    {
        var (image, metadata) = (Inputs.Read(() => ImageFile.Load(path)), Inputs.Read(() => ImageFile.ReadMetadata(path)));
        using var stream = File.OpenRead(path);
        var head = new byte[32];
        var kind = ImageDecoder.KindOf(head.AsSpan(0, stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)));

        var facts = new Facts();
        facts.Add("file", path);
        facts.Add("format", kind.ToString());
        facts.Add("size", $"{image.Width}x{image.Height}");
        facts.Add("bytes", stream.Length);
        facts.Add("watermark", WatermarkCommand.InWords(Watermark.CanCarry(image) ? Watermark.Examine(image)[0] : null));
        if (metadata.Parameters is { } parameters)
        {
            var text = Infotext.Parse(parameters);
            facts.Add("prompt", text.Prompt);
            facts.Add("negative prompt", text.NegativePrompt);
            facts.Add("settings", (IReadOnlyList<string>)[.. text.Settings.Select(setting => $"{setting.Key}: {setting.Value}")]);
            facts.Add("parameters", parameters);
        }
        foreach (var (key, value) in metadata.Others) facts.Add(key, value);
        return facts;
    }
}
