using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Server.Storage;

namespace Easel.Cli.Commands;

/// <summary><c>easel gallery</c>: looks after the pictures that <c>easel serve</c> keeps.</summary>
internal static class GalleryCommand
{
    public static Command Create(Shell shell)
    {
        var output = Flags.Text("DIR", "the folder of the pictures (default outputs)", "--output", "-o", "--outdir");
        var rebuild = new PlainCommand("rebuild", "make the index of the pictures anew from the files",
            new HelpNotes("[flags]", ["easel gallery rebuild --output ~/pictures"]), [output], parsed =>
        {
            using var progress = IProgressDisplay.For(shell, quiet: false);
            var outcome = GalleryRebuild.Run(parsed.GetValue(output) ?? "outputs", share => progress.Working("reading the pictures", share), shell.Cancel);
            if (outcome.SetAside is { } aside) progress.Note($"the damaged database is now {aside}");
            foreach (var reason in outcome.Unreadable) progress.Note(reason);
            progress.Result($"{outcome.Pictures} pictures");
        });
        return new Command("gallery", "look after the pictures of easel serve") { rebuild };
    }
}
