using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Server;

namespace Easel.Cli.Commands;

/// <summary><c>easel work</c>: draws for a server on another machine.</summary>
internal static class WorkCommand
{
    public static Command Create(Shell shell)
    {
        var draw = new DrawFlags();
        var farm = new FarmFlags();
        var name = Flags.Text("NAME", "what this worker is called (default: the machine's name)", "--name");
        var models = Flags.Texts("DIR", "a folder with models, a model or ComfyUI's extra_model_paths.yaml; may be given several times (default models)",
            "--models", "--ckpt-dir", "--extra-model-paths-config");
        var unload = Flags.Number("let the model go after so many minutes without work", "--unload-after");
        var noFetch = Flags.Switch("do not fetch models that are handed out with easel farm push", "--no-fetch");
        return new PlainCommand("work", "draw for a server on another machine",
            new HelpNotes("[flags]", ["easel work --farm nats://server:4222",
                "easel work --farm tls://server:4222 --farm-creds worker.creds --models ~/models"]),
            [
                .. farm.All, name, models, draw.Loras, draw.Embeddings, draw.Controls, draw.ImageEncoder, draw.TinyVae, draw.DepthModel, draw.Precision,
                draw.Weights, draw.Device, draw.Threads, draw.Memory, draw.LowPriority, draw.Safe, unload, noFetch,
            ], parsed =>
        {
            var places = ServeCommand.ModelFolders(parsed.GetValue(models), "models", shell);
            var options = new ServerOptions
            {
                Farm = farm.Required(parsed, shell),
                Models = places,
                Load = Runs.ModelChoice.Options(draw.Load(parsed), shell, places),
                UnloadAfter = ServeCommand.Minutes(parsed.GetValue(unload)),
            };
            EaselWorker.RunAsync(options, parsed.GetValue(name), parsed.GetValue(noFetch) ? null : options.ModelFolder,
                sentence => shell.Error.WriteLine("easel: " + sentence), shell.Cancel).GetAwaiter().GetResult();
        });
    }
}
