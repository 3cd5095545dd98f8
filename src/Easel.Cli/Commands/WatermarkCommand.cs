using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Imaging;

namespace Easel.Cli.Commands;

/// <summary><c>easel watermark</c>: reads and writes the invisible watermark of the original scripts.</summary>
internal static class WatermarkCommand
{
    public static Command Create(Shell shell) => new("watermark", "read or write the invisible watermark") { Reader(shell), Writer(shell) };

    private static Command Reader(Shell shell)
    {
        var files = new Argument<string[]>("picture") { Arity = ArgumentArity.OneOrMore };
        var text = Flags.Text("TEXT", "look for this mark too", "--text");
        var json = Flags.Switch("print JSON", "--json");
        return new PlainCommand("read", "tell which mark a picture carries",
            new HelpNotes("PICTURE... [flags]", ["easel watermark read picture.png"]), [files, text, json], parsed =>
        {
            var marks = Known(parsed.GetValue(text));
            var found = parsed.GetRequiredValue(files).Select(file => (File: file, Match: Examine(file, marks))).ToList();
            if (parsed.GetValue(json)) shell.Out.WriteLine(JsonLines.Document(found.Select(f => Describe(f.File, f.Match))));
            else foreach (var (file, match) in found) shell.Out.WriteLine($"{(found.Count > 1 ? file + ": " : "")}{InWords(match)}");
        });
    }

    private static Command Writer(Shell shell)
    {
        var input = new Argument<string>("picture");
        var output = new Argument<string>("output");
        var text = Flags.Text("TEXT", "what to write (default StableDiffusionV1)", "--text");
        var force = Flags.Switch("replace a file that is there", "--force");
        return new PlainCommand("write", "write a mark into a copy of a picture",
            new HelpNotes("PICTURE OUTPUT [flags]", ["easel watermark write in.png out.png --text SDV2"]), [input, output, text, force], parsed =>
        {
            var (from, to) = (parsed.GetRequiredValue(input), parsed.GetRequiredValue(output));
            var image = Inputs.Read(() => ImageFile.Load(from));
            var metadata = Inputs.Read(() => ImageFile.ReadMetadata(from));
            _ = Inputs.Read(() => ImageFile.FormatOf(to));
            OutputFiles.RequirePlace(to, parsed.GetValue(force));
            var mark = Inputs.Read(() => parsed.GetValue(text) is { } words ? WatermarkMark.FromText(words) : WatermarkMark.StableDiffusion1);
            var marked = Inputs.Read(() => Watermark.Write(image, mark));
            if (parsed.GetValue(force)) ImageFile.Save(to, marked, metadata);
            else if (!ImageFile.TrySave(to, marked, metadata)) throw new UsageException(OutputFiles.IsThere(to));
            if (ImageFile.FormatOf(to) != ImageFormat.Png && !Watermark.Examine(ImageFile.Load(to), mark)[0].Found)
                shell.Error.WriteLine($"{to} does not carry the mark: its format lost it; PNG keeps it.");
            shell.Out.WriteLine(to);
        });
    }

    private static WatermarkMark[] Known(string? text)
    {
        WatermarkMark[] known = [WatermarkMark.StableDiffusion1, WatermarkMark.StableDiffusion2, WatermarkMark.StableDiffusionXl];
        return text is null ? known : [.. known, Inputs.Read(() => WatermarkMark.FromText(text))];
    }

    private static WatermarkMatch? Examine(string file, WatermarkMark[] marks)
    {
        var image = Inputs.Read(() => ImageFile.Load(file));
        return Watermark.CanCarry(image) ? Watermark.Examine(image, marks)[0] : null;
    }

    /// <summary>One line on what was found.</summary>
    public static string InWords(WatermarkMatch? match) => match switch
    {
        null => "too small to carry a watermark (65536 pixels are needed)",
        { Found: true } found =>
            $"{found.Mark.Name} ({found.Mark.Bits.Count} bits, {found.BitsMatching:P0} of them readable, {found.Score:0} standard deviations above chance)",
        _ => "no known watermark",
    };

    private static object Describe(string file, WatermarkMatch? match) => new
    {
        File = file,
        Watermark = match is { Found: true } found ? found.Mark.Name : null,
        Bits = match is { Found: true } mark ? mark.Mark.Bits.Count : (int?)null,
        match?.BitsMatching,
        match?.Score,
        CanCarry = match is not null,
    };
}
