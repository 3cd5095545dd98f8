using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary><c>easel merge</c>: one model of several.</summary>
internal static class MergeCommand
{
    public static Command Create(Shell shell)
    {
        var files = new Argument<string[]>("files") { Arity = new ArgumentArity(2, 4) };
        var weight = Flags.Number("how much B, or what it has over C, counts (default 0.5 of two models, 1 of three)", "--weight", "--multiplier");
        var blocks = Flags.Text("LIST",
            "the same for each block of the UNet: 25 numbers (IN00 to OUT11), 26 with one before for the rest, or a preset as for LoRAs",
            "--block-weights", "--mbw");
        var vae = Flags.Text("FILE", "an autoencoder to put in", "--vae");
        var precision = ConvertCommand.Precision("as in A");
        var force = Flags.Switch("replace a file that is there", "--force");
        var quiet = Flags.Switch("print nothing but the file's name", "--quiet", "-q");
        return new PlainCommand("merge", "make one model of two (a weighted sum) or three (A + (B - C) x weight)",
            new HelpNotes("A [B [C]] OUTPUT.safetensors [flags]", ["easel merge a.safetensors b.safetensors half.safetensors --weight 0.5 --precision fp16",
                "easel merge a.safetensors style.safetensors base.safetensors a-with-style.safetensors",
                "easel merge a.safetensors with-vae.safetensors --vae vae-ft-mse.safetensors"]),
            [files, weight, blocks, vae, precision, force, quiet], parsed =>
        {
            var given = parsed.GetRequiredValue(files);
            var (models, to) = (given[..^1], given[^1]);
            models = CheckFiles(models, to, parsed.GetValue(force), shell);
            using (var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet)))
                ModelFile.Merge(models, to, parsed.GetValue(weight), parsed.GetValue(blocks), parsed.GetValue(vae),
                    parsed.GetValue(precision), share => progress.Working($"writing {Path.GetFileName(to)}", share), shell.Cancel);
            shell.Out.WriteLine(to);
        });
    }

    /// <summary>The files of models, each named by path or by name. Refuses what cannot be read or must not be written.</summary>
    public static string[] CheckFiles(IReadOnlyList<string> named, string output, bool force, Shell shell)
    {
        if (!output.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && !output.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"The output {output} must end in .safetensors or .gguf, the formats that are written.");
        string[] models = [.. named.Select(model => ModelChoice.Find(model, shell))];
        if (models.Any(model => Path.GetFullPath(model) == Path.GetFullPath(output))) throw new UsageException("Model and output are the same file.");
        OutputFiles.RequirePlace(output, force);
        return models;
    }
}
