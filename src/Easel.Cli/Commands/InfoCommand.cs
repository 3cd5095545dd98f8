using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Imaging;

namespace Easel.Cli.Commands;

/// <summary><c>easel info</c>: what a picture, a model or this machine is.</summary>
internal static class InfoCommand
{
    public static Command Create(Shell shell)
    {
        var file = new Argument<string?>("file") { Arity = ArgumentArity.ZeroOrOne };
        var machine = Flags.Switch("tell of this machine: processor, kernels, libraries, memory, limits, folders", "--machine");
        var all = Flags.Switch("list every tensor", "--all");
        var config = Flags.Text("FILE", "the model's original YAML configuration", "--config");
        var json = Flags.Switch("print JSON", "--json");
        return new PlainCommand("info", "tell about a picture, a model or this machine",
            new HelpNotes("FILE [flags]", ["easel info sd-v1-4.ckpt", "easel info outputs/00000-42-a-cat.png", "easel info --machine"]),
            [file, all, config, machine, json], parsed =>
        {
            if (parsed.GetValue(machine))
            {
                var here = MachineFacts.Of(shell);
                shell.Out.WriteLine(parsed.GetValue(json) ? here.ToJson() : here.ToText());
                return;
            }
            var path = parsed.GetValue(file) ?? throw new UsageException("Name a picture or a model, or give --machine.");
            if (!Path.Exists(path)) path = ModelPlaces.Folders(shell).Exact(path) ?? throw Missing(path);
            Facts facts = IsPicture(path) ? PictureFacts.Of(path) : ModelFacts.Of(path, parsed.GetValue(config), parsed.GetValue(all), shell);
            shell.Out.WriteLine(parsed.GetValue(json) ? facts.ToJson() : facts.ToText());
        });
    }

    private static UsageException Missing(string path) => new($"There is no file or folder {path}"
        + (Hub.KnownModels.Find(path) is { } known ? $"; \"easel pull {known.Name}\" fetches the model of that name." : "."));

    /// <summary>Told by the first bytes, whatever the name says.</summary>
    private static bool IsPicture(string path) => !Directory.Exists(path) && Inputs.Read(() => ImageFile.KindOf(path)) is not null;
}
