using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Hub;

namespace Easel.Cli.Commands;

/// <summary><c>easel pull</c>: fetches a model. The one command that uses the network, and only for what it is told.</summary>
internal static class PullCommand
{
    public static Command Create(Shell shell)
    {
        var name = new Argument<string?>("name") { Arity = ArgumentArity.ZeroOrOne };
        var to = Flags.Text("DIR", "put the files into this folder (default: the Hugging Face cache, which other programs share)", "--to");
        var revision = Flags.Text("NAME", "a branch, tag or commit of the repository (default main)", "--revision");
        var sha256 = Flags.Text("HEX", "what the SHA-256 of a file from a plain address must be", "--sha256");
        var json = Flags.Switch("print JSON", "--json");
        var quiet = Flags.Switch("print nothing but the path", "--quiet", "-q");
        return new PlainCommand("pull", "fetch a model by name",
            new HelpNotes("[NAME] [flags]",
                [
                    "easel pull", "easel pull sd15", "easel pull org/name", "easel pull org/name:file.safetensors --to ~/models",
                    "easel pull https://example.org/m.safetensors",
                ]),
            [name, to, revision, sha256, json, quiet], parsed =>
        {
            var isJson = parsed.GetValue(json);
            if (parsed.GetValue(name) is not { } wanted)
            {
                List(shell, isJson);
                return;
            }
            var settings = ModelPlaces.Hub(shell);
            if (ModelPull.Of(wanted, settings.Endpoint, UserFolders.Models) is not { } pull)
            {
                var near = Similar.To(wanted, KnownModels.All.Select(model => model.Name));
                throw new UsageException($"\"{wanted}\" is no model to fetch{(near is null ? "." : $"; did you mean {near}?")}"
                    + " It is a name that \"easel pull\" lists, org/name, org/name:file or an https address.");
            }
            if (parsed.GetValue(sha256) is { } sum && (sum.Length != 64 || !sum.All(char.IsAsciiHexDigit)))
                throw new UsageException($"--sha256 is {sum}; a SHA-256 has 64 hexadecimal digits.");

            using var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet) || isJson);
            using var client = new HubClient(settings);
            pull = pull with { Revision = parsed.GetValue(revision), Folder = parsed.GetValue(to), Sha256 = parsed.GetValue(sha256) };
            if (pull.Known is { } known) progress.Note($"{known.Title}. Licence: {known.Licence}.");
            var path = pull.RunAsync(client, Tell, new Reporter(progress), shell.Cancel).GetAwaiter().GetResult();
            shell.Out.WriteLine(isJson ? JsonLines.Document(new { Type = "model", Name = wanted, Path = path }) : path);

            void Tell(HubSelection selection) => progress.Note(Told(selection));
        });
    }

    /// <summary>What is fetched: "org/name at 451f4fe1, model.safetensors, 4.0 GB, SHA-256 6ce0...".</summary>
    private static string Told(HubSelection selection)
    {
        var (repository, revision, files) = selection;
        var told = new StringBuilder($"{repository} at {(revision.Length == 40 ? revision[..8] : revision)}, ");
        told.Append(files is [var only] ? only.Path : $"{files.Count} files");
        if (selection.Bytes > 0) told.Append($", {Readable.Size(selection.Bytes)}");
        if (files is [{ Sha256: { } sum }]) told.Append($", SHA-256 {sum}");
        return told.ToString();
    }

    private static void List(Shell shell, bool isJson)
    {
        if (isJson)
        {
            shell.Out.WriteLine(JsonLines.Document(KnownModels.All));
            return;
        }
        foreach (var model in KnownModels.All)
        {
            var bytes = model.Selection.Bytes > 0 ? $" ({Readable.Size(model.Selection.Bytes)})" : "";
            shell.Out.WriteLine($"{model.Name,-26} {model.Title}{bytes}");
            shell.Out.WriteLine($"{"",-26} {model.Licence}");
        }
    }

    private sealed class Reporter(IProgressDisplay progress) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) =>
            progress.Working($"fetching {Path.GetFileName(value.File)}", value.Total is > 0 and var total ? (double)value.Done / total : 0);
    }
}
