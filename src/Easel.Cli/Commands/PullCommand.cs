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
            var known = KnownModels.Find(wanted);
            var reference = known is null ? HubReference.Parse(wanted, settings.Endpoint) : null;
            if (known is null && reference is null)
            {
                var near = Similar.To(wanted, KnownModels.All.Select(model => model.Name));
                throw new UsageException($"\"{wanted}\" is no model to fetch{(near is null ? "." : $"; did you mean {near}?")}"
                    + " It is a name that \"easel pull\" lists, org/name, org/name:file or an https address.");
            }
            if (parsed.GetValue(sha256) is { } sum && (sum.Length != 64 || !sum.All(char.IsAsciiHexDigit)))
                throw new UsageException($"--sha256 is {sum}; a SHA-256 has 64 hexadecimal digits.");

            using var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet) || isJson);
            using var client = new HubClient(settings);
            var path = Fetch(client, known, reference, parsed.GetValue(revision), parsed.GetValue(to), parsed.GetValue(sha256), progress, shell)
                .GetAwaiter().GetResult();
            shell.Out.WriteLine(isJson ? JsonLines.Document(new { Type = "model", Name = wanted, Path = path }) : path);
        });
    }

    private static async Task<string> Fetch(HubClient client, KnownModel? known, HubReference? reference, string? revision, string? to, string? sha256,
        IProgressDisplay progress, Shell shell)
    {
        var report = new Reporter(progress);
        if (reference?.Address is { } address) return await client.FetchAddressAsync(address, to ?? UserFolders.Models, sha256, report, shell.Cancel);

        var selection = known?.Selection ?? await Chosen(client, reference!, revision, shell.Cancel);
        if (known is not null) progress.Note($"{known.Title}. Licence: {known.Licence}.");
        progress.Note($"{selection.Repository}, {selection.Files.Count} {(selection.Files.Count == 1 ? "file" : "files")}"
            + (selection.Bytes > 0 ? $", {Readable.Gigabytes(selection.Bytes)}" : ""));
        var paths = to is null ? await client.FetchAsync(selection, report, shell.Cancel) : await client.FetchToAsync(selection, to, report, shell.Cancel);
        // Of a pipeline in parts its folder is what is loaded.
        return paths.Count == 1 ? paths[0] : selection.Files[0].Path.Contains('/') ? to ?? client.Cache.Find(selection.Repository, selection.Revision, null)!
            : Path.GetDirectoryName(paths[0])!;
    }

    private static async Task<HubSelection> Chosen(HubClient client, HubReference reference, string? revision, CancellationToken cancel)
    {
        var repository = reference.Repository!;
        var all = await client.ListAsync(repository, revision ?? reference.Revision, cancel);
        if (reference.File is not { } path) return all with { Files = HubChoice.Of(repository, all.Files) };
        return all.Files.FirstOrDefault(file => file.Path == path) is { } one ? all with { Files = [one] }
            : throw new HubException($"{repository} has no file {path}"
                + (Similar.To(path, all.Files.Select(file => file.Path)) is { } near ? $"; did you mean {near}?" : "."));
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
            var bytes = model.Selection.Bytes > 0 ? $" ({Readable.Gigabytes(model.Selection.Bytes)})" : "";
            shell.Out.WriteLine($"{model.Name,-20} {model.Title}{bytes}");
            shell.Out.WriteLine($"{"",-20} {model.Licence}");
        }
    }

    private sealed class Reporter(IProgressDisplay progress) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) =>
            progress.Working($"fetching {Path.GetFileName(value.File)}", value.Total is > 0 and var total ? (double)value.Done / total : 0);
    }
}
