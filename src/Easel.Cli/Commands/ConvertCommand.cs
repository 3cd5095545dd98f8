using System.CommandLine;
using Easel.Cli.Options;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary><c>easel convert</c>: any model into one safetensors file.</summary>
internal static class ConvertCommand
{
    public static Command Create(Shell shell)
    {
        var input = new Argument<string>("model");
        var output = new Argument<string>("output");
        var precision = Flags.Choice("number format of the file (default: as it is)",
            [("fp32 full", Precision.Full), ("fp16", Precision.Float16), ("bf16", Precision.BFloat16)], "--precision");
        var ema = Flags.Switch("keep the UNet's averaged (EMA) weights in place of the live ones", "--ema");
        var layout = Flags.Valued("original", "names of the tensors; a diffusers folder is always given the original ones", ["--layout"],
            text => text.Equals("original", StringComparison.OrdinalIgnoreCase) ? text : null, "original, the one layout that is written");
        var force = Flags.Switch("replace a file that is there", "--force");
        var quiet = Flags.Switch("print nothing but the file's name", "--quiet", "-q");
        var command = new PlainCommand("convert", "write any model as one safetensors file",
            new HelpNotes("MODEL OUTPUT.safetensors [flags]", ["easel convert sd-v1-4.ckpt sd-v1-4.safetensors --precision fp16"]))
        {
            input, output, precision, ema, layout, force, quiet,
        };
        command.SetAction(parsed =>
        {
            Convert(parsed.GetRequiredValue(input), parsed.GetRequiredValue(output), parsed.GetValue(precision), parsed.GetValue(ema), parsed.GetValue(force),
                parsed.GetValue(quiet), shell);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Convert(string input, string output, Precision? precision, bool ema, bool force, bool quiet, Shell shell)
    {
        if (!output.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"The output {output} must end in .safetensors, the one format that is written.");
        if (!File.Exists(input) && !Directory.Exists(input)) throw new UsageException($"There is no model at {input}.");
        if (Path.GetFullPath(input) == Path.GetFullPath(output)) throw new UsageException("Model and output are the same file.");
        if (File.Exists(output) && !force) throw new UsageException($"{output} is there already; --force lets it be replaced.");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);

        using (var progress = IProgressDisplay.For(shell, quiet))
        {
            var what = $"writing {Path.GetFileName(output)}";
            ModelFile.Convert(input, output, precision ?? Precision.Auto, ema, share => progress.Working(what, share), shell.Cancel);
        }
        shell.Out.WriteLine(output);
    }
}
