using System.CommandLine;
using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Cli.Commands;

/// <summary><c>easel convert</c>: any model into one safetensors file.</summary>
internal static class ConvertCommand
{
    public static Command Create(Shell shell)
    {
        var input = new Argument<string>("model");
        var output = new Argument<string>("output");
        var precision = Flags.Choice("number format of the file (default: as it is)",
            [("fp32 full", ScalarType.Float32), ("fp16", ScalarType.Float16), ("bf16", ScalarType.BFloat16)], "--precision");
        var ema = Flags.Switch("keep the UNet's averaged (EMA) weights in place of the live ones", "--ema");
        var layout = Flags.Choice("names of the tensors; a diffusers folder is always given the original ones", [("original", Layout.Original)], "--layout");
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

    private enum Layout
    {
        Original,
    }

    private static void Convert(string input, string output, ScalarType? floats, bool ema, bool force, bool quiet, Shell shell)
    {
        if (!output.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"The output {output} must end in .safetensors, the one format that is written.");
        if (Path.GetFullPath(input) == Path.GetFullPath(output)) throw new UsageException("Model and output are the same file.");
        if (File.Exists(output) && !force) throw new UsageException($"{output} is there already; --force lets it be replaced.");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);

        using (var progress = IProgressDisplay.For(shell, quiet))
        {
            using var source = Directory.Exists(input) ? TensorSource.OfFolder(input, ema) : TensorSource.OfFile(input, ema);
            var tensors = new OrderedDictionary<string, TensorInfo>();
            foreach (var (name, info) in source.Tensors) tensors.Add(name, TensorInfo.Of(TypeOf(name, info, floats), info.Shape));
            var bytes = tensors.Values.Sum(info => TensorRules.Bytes(info.Shape, StoredType.Of(info.DType)!) ?? 0);
            var what = $"writing {Path.GetFileName(output)}";
            SafeTensorsWriter.Write(output, tensors, source.View, source.Metadata, written => progress.Working(what, (double)written / Math.Max(1, bytes)),
                shell.Cancel);
        }
        shell.Out.WriteLine(output);
    }

    /// <summary>Lone vectors without a part of the model before their name are the training schedule's, in which fp16 would lose what matters.</summary>
    private static ScalarType TypeOf(string name, TensorInfo info, ScalarType? floats)
    {
        var isFloat = info.DType is ScalarType.Float64 or ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16;
        var isSchedule = info.Shape.Length <= 1 && !name.Contains('.');
        return isFloat && !isSchedule ? floats ?? info.DType : info.DType;
    }
}
