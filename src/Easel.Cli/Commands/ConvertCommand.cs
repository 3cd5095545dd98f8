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
        var precision = Flags.Valued("FORMAT", "number format of the file, for .gguf q8_0, q4_0 and the like too (default: as it is)", ["--precision"],
            text => text == "full" ? "fp32" : ModelFile.WrittenFormats.FirstOrDefault(format => format.Equals(text, StringComparison.OrdinalIgnoreCase)),
            $"one of {string.Join(", ", ModelFile.WrittenFormats)}");
        var ema = Flags.Switch("keep the UNet's averaged (EMA) weights in place of the live ones", "--ema");
        var layout = Flags.Valued("original", "names of the tensors; a diffusers folder is always given the original ones", ["--layout"],
            text => text.Equals("original", StringComparison.OrdinalIgnoreCase) ? text : null, "original, the one layout that is written");
        var force = Flags.Switch("replace a file that is there", "--force");
        var quiet = Flags.Switch("print nothing but the file's name", "--quiet", "-q");
        return new PlainCommand("convert", "write any model as one file, safetensors or GGUF",
            new HelpNotes("MODEL OUTPUT.safetensors|OUTPUT.gguf [flags]",
                ["easel convert sd-v1-4.ckpt sd-v1-4.safetensors --precision fp16", "easel convert sd-v1-4.ckpt sd-v1-4.gguf --precision q8_0"]),
            [input, output, precision, ema, layout, force, quiet], parsed =>
        {
            var (from, to) = (parsed.GetRequiredValue(input), parsed.GetRequiredValue(output));
            if (!to.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && !to.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
                throw new UsageException($"The output {to} must end in .safetensors or .gguf, the formats that are written.");
            if (!File.Exists(from) && !Directory.Exists(from)) throw new UsageException($"There is no model at {from}.");
            if (Path.GetFullPath(from) == Path.GetFullPath(to)) throw new UsageException("Model and output are the same file.");
            if (File.Exists(to) && !parsed.GetValue(force)) throw new UsageException($"{to} is there already; --force lets it be replaced.");
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(to))!);

            using (var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet)))
            {
                var what = $"writing {Path.GetFileName(to)}";
                ModelFile.Convert(from, to, parsed.GetValue(precision), parsed.GetValue(ema),
                    share => progress.Working(what, share), shell.Cancel);
            }
            shell.Out.WriteLine(to);
        });
    }
}
