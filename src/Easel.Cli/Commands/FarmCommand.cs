using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Farm;

namespace Easel.Cli.Commands;

/// <summary><c>easel farm</c>: who draws for a queue and what waits in it; <c>easel farm push</c>: hands a model out.</summary>
internal static class FarmCommand
{
    public static Command Create(Shell shell)
    {
        var farm = new FarmFlags();
        var json = Flags.Switch("print JSON", "--json");
        var command = new PlainCommand("farm", "who draws for a farm, and what waits there",
            new HelpNotes("[flags]", ["easel farm --farm nats://server:4222", "easel farm push model.safetensors --farm nats://server:4222"]),
            [.. farm.All, json], parsed => Show(FarmReport.ReadAsync(farm.Required(parsed, shell), shell.Cancel).GetAwaiter().GetResult(),
                parsed.GetValue(json), shell));

        var pushed = new FarmFlags();
        var model = new Argument<string>("model");
        command.Add(new PlainCommand("push", "hand a model out to all workers of a farm",
            new HelpNotes("MODEL [flags]", ["easel farm push ~/models/dreamshaper_8.safetensors --farm nats://server:4222"]), [model, .. pushed.All], parsed =>
        {
            var path = ModelChoice.Find(parsed.GetRequiredValue(model), shell);
            FarmModels.PushAsync(pushed.Required(parsed, shell), path, (file, bytes) =>
                shell.Error.WriteLine($"easel: sends {file} ({Readable.Gigabytes(bytes)})"),
                shell.Cancel).GetAwaiter().GetResult();
            shell.Out.WriteLine(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)));
        }));
        return command;
    }

    private static void Show(FarmState state, bool isJson, Shell shell)
    {
        if (isJson)
        {
            shell.Out.WriteLine(JsonLines.Document(state));
            return;
        }
        shell.Out.WriteLine($"queue {state.Queue} at {state.Broker} (nats-server {state.BrokerVersion})");
        if (state.Problem is { } problem) shell.Out.WriteLine(problem);
        if (state.Workers.Count == 0) shell.Out.WriteLine("no workers: easel work --farm " + state.Broker);
        foreach (var (worker, _, why) in state.Workers)
        {
            var rate = worker.Rate is { } rated ? string.Create(CultureInfo.InvariantCulture, $", {rated:0.##} pictures a minute") : "";
            var doing = worker.Job is { } job ? $"draws {job}" : "waits";
            var loaded = worker.Models.FirstOrDefault(model => model.Stamp == worker.Loaded)?.Name;
            shell.Out.WriteLine($"{worker.Name}  {why ?? doing}{(loaded is null ? "" : $", {loaded} in memory")}, {worker.Pictures} drawn{rate}");
            var models = string.Join(", ", worker.Models.Select(model => model.Name));
            shell.Out.WriteLine($"    {worker.Processor}, {Readable.Gigabytes(worker.Memory)}, models: {models}");
        }
        foreach (var (name, jobs, reason) in state.Held)
            shell.Out.WriteLine($"{name}: {jobs} {(jobs == 1 ? "job waits" : "jobs wait")}. {reason}");
        foreach (var kind in state.Classes)
        {
            var memory = kind.Memory > 0 ? $" ({Readable.Gigabytes(kind.Memory)})" : "";
            shell.Out.WriteLine($"{kind.Model}{memory}: waiting {kind.Waiting}, being drawn {kind.Drawn}; "
                + $"workers that can {kind.Able}, with it in memory {kind.Warm}");
        }
    }
}
