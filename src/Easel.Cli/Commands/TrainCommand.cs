using System.CommandLine;
using Easel.Training.Data;

namespace Easel.Cli;

/// <summary><c>easel train</c>: makes the small model that ships with Easel, from open drawings to the file.</summary>
internal static class TrainCommand
{
    public static Command Create(Shell shell) => new PlainCommand("train", "train the small model that ships with Easel",
        new HelpNotes("data|autoencoder|diffusion|evaluate [flags]", ["easel train data --out data", "easel train autoencoder --data data --out run"]))
    {
        Data(shell),
    };

    private static Command Data(Shell shell)
    {
        var folder = Flags.Text("DIR", "folder for the data set", "--out");
        var concepts = Flags.Whole("draw the N best-known concepts alone (default: all)", "--concepts");
        var quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");
        var command = new PlainCommand("data", "build the data set from open packages; needs npm and rsvg-convert", new HelpNotes("--out DIR [flags]", ["easel train data --out data"]))
        {
            folder, concepts, quiet,
        };
        command.SetAction(parsed =>
        {
            var home = parsed.GetValue(folder) ?? throw new UsageException("Name a folder for the data set with --out.");
            int count;
            using (var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet)))
                count = DataStep.Run(home, parsed.GetValue(concepts) ?? int.MaxValue, progress.Working, shell.Cancel);
            shell.Out.WriteLine($"{count} drawings in {home}");
            return ExitCodes.Ok;
        });
        return command;
    }
}
