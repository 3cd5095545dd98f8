using Easel.Cli.Options;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary><c>easel convert</c>: any model into one file, safetensors or GGUF.</summary>
internal static class ConvertCommand
{
    public static Command Create(Shell shell)
    {
        var input = new Argument<string>("model");
        var output = new Argument<string>("output");
        var precision = Precision("as it is");
        var ema = Flags.Switch("keep the UNet's averaged (EMA) weights in place of the live ones", "--ema");
        var layout = Flags.Valued("original", "names of the tensors; a diffusers folder is always given the original ones", ["--layout"],
            text => text.Equals("original", StringComparison.OrdinalIgnoreCase) ? text : null, "original, the one layout that is written");
        var loras = Flags.Texts("FILE[:STRENGTH]", "bake a LoRA in, at a strength of 1 unless told otherwise; may be given several times", "--lora");
        var force = Flags.Switch("replace a file that is there", "--force");
        var quiet = Flags.Switch("print nothing but the file's name", "--quiet", "-q");
        return new PlainCommand("convert", "write any model as one file, safetensors or GGUF",
            new HelpNotes("MODEL OUTPUT.safetensors|OUTPUT.gguf [flags]",
                ["easel convert sd-v1-4.ckpt sd-v1-4.safetensors --precision fp16", "easel convert sd-v1-4.ckpt sd-v1-4.gguf --precision q8_0",
                    "easel convert model.safetensors mine.safetensors --lora ink.safetensors:0.8"]),
            [input, output, precision, ema, layout, loras, force, quiet], parsed =>
        {
            var (from, to) = (parsed.GetRequiredValue(input), parsed.GetRequiredValue(output));
            from = MergeCommand.CheckFiles([from], to, parsed.GetValue(force), shell)[0];
            using (var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet)))
            {
                var what = $"writing {Path.GetFileName(to)}";
                var remarks = ModelFile.Convert(from, to, parsed.GetValue(precision), parsed.GetValue(ema),
                    share => progress.Working(what, share), shell.Cancel, [.. (parsed.GetValue(loras) ?? []).Select(LoraOf)]);
                foreach (var remark in remarks) progress.Note(remark);
            }
            shell.Out.WriteLine(to);
        });
    }

    /// <summary>The flag for the number format of a model that is written.</summary>
    public static Option<string?> Precision(string otherwise) =>
        Flags.Valued("FORMAT", $"number format of the file, for .gguf q8_0, q4_0 and the like too (default: {otherwise})", ["--precision"],
            text => text == "full" ? "fp32" : ModelFile.WrittenFormats.FirstOrDefault(format => format.Equals(text, StringComparison.OrdinalIgnoreCase)),
            $"one of {string.Join(", ", ModelFile.WrittenFormats)}");

    private static KeyValuePair<string, double> LoraOf(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && double.TryParse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var strength)
            && double.IsFinite(strength) ? new(text[..colon], strength) : new(text, 1);
    }
}
