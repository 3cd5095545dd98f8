using Easel.Cli.Runs;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Cli.Commands;

/// <summary>What a picture file says and hides.</summary>
internal static class PictureFacts
{
    public static Facts Of(string path)
    {
        const string textAlone = "Avif"; // whose pixels are not read
        var kind = ImageFile.KindOf(path);
        var image = kind == textAlone ? null : Inputs.Read(() => ImageFile.Load(path));
        var metadata = Inputs.Read(() => ImageFile.ReadMetadata(path));
        var facts = new Facts();
        facts.Add("file", path);
        facts.Add("format", kind);
        if (image is not null) facts.Add("size", $"{image.Width}x{image.Height}");
        facts.Add("bytes", new FileInfo(path).Length);
        if (image is not null) facts.Add("watermark", WatermarkCommand.InWords(Watermark.CanCarry(image) ? Watermark.Examine(image)[0] : null));
        var told = PictureSettings.Read(metadata);
        if ((told?.Text ?? (metadata.Parameters is { } parameters && !parameters.TrimStart().StartsWith('{') ? Infotext.Parse(parameters) : null)) is { } text)
        {
            if (told is not null) facts.Add("made with", told.Program);
            facts.Add("prompt", text.Prompt);
            facts.Add("negative prompt", text.NegativePrompt);
            facts.Add("settings", (IReadOnlyList<string>)[.. text.Settings.Select(setting => $"{setting.Key}: {setting.Value}")]);
        }
        if (metadata.Parameters is { } whole) facts.Add("parameters", whole);
        foreach (var (key, value) in metadata.Others) facts.Add(facts.Has(key) ? $"{key} text" : key, value);
        return facts;
    }
}
