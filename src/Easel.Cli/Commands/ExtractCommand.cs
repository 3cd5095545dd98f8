using Easel.Cli.Options;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary><c>easel extract</c>: the difference of two models as a LoRA.</summary>
internal static class ExtractCommand
{
    private const int DefaultRank = 32;

    public static Command Create(Shell shell)
    {
        var original = new Argument<string>("original");
        var tuned = new Argument<string>("tuned");
        var output = new Argument<string>("output");
        var rank = Flags.Whole($"rank of the LoRA: more is nearer and larger (default {DefaultRank})", "--rank", "--dim");
        var precision = Flags.Choice("number format of the file (default fp16)",
            [("fp32 full", Precision.Full), ("fp16", Precision.Float16), ("bf16", Precision.BFloat16)], "--precision");
        var force = Flags.Switch("replace a file that is there", "--force");
        var quiet = Flags.Switch("print nothing but the file's name", "--quiet", "-q");
        return new PlainCommand("extract", "write what a model has over another as a LoRA",
            new HelpNotes("ORIGINAL TUNED OUTPUT.safetensors [flags]",
                ["easel extract sd-v1-5.safetensors style.safetensors style-lora.safetensors --rank 64"]),
            [original, tuned, output, rank, precision, force, quiet], parsed =>
        {
            var (before, after, to) = (parsed.GetRequiredValue(original), parsed.GetRequiredValue(tuned), parsed.GetRequiredValue(output));
            if (!to.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
                throw new UsageException($"The output {to} must end in .safetensors, as LoRAs do.");
            var models = MergeCommand.CheckFiles([before, after], to, parsed.GetValue(force), shell);
            using (var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet)))
                ModelFile.ExtractLora(models[0], models[1], to, parsed.GetValue(rank) ?? DefaultRank, parsed.GetValue(precision) ?? Precision.Auto,
                    share => progress.Working($"writing {Path.GetFileName(to)}", share), shell.Cancel);
            shell.Out.WriteLine(to);
        });
    }
}
