using System.Diagnostics;
using System.Net;
using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Server;

namespace Easel.Cli.Commands;

/// <summary><c>easel serve</c>: the web page and the HTTP APIs. Nothing of ASP.NET is loaded before it runs.</summary>
internal static class ServeCommand
{
    public static Command Create(Shell shell)
    {
        var draw = new DrawFlags();
        var host = Flags.Text("ADDRESS", "the address to listen on; any but this machine's own demands a login (default 127.0.0.1)", "--host", "--listen");
        var port = Flags.Whole("the port (default 7860)", "--port");
        var output = Flags.Text("DIR", "the folder of the pictures (default outputs)", "--output", "-o", "--outdir");
        var models = Flags.Texts("DIR", "a folder with models, or a model; may be given several times (default models)", "--models", "--ckpt-dir");
        var token = Flags.Text("SECRET", "ask callers for this token (default $EASEL_TOKEN)", "--token", "--api-key");
        var user = Flags.Text("NAME", "ask callers for this user and the password", "--user");
        var password = Flags.Text("SECRET", "the password (default $EASEL_PASSWORD)", "--password");
        var cors = Flags.Texts("ORIGIN", "let pages of this origin use the APIs, as https://example.org; may be given several times", "--cors",
            "--cors-allow-origins");
        var names = Flags.Texts("NAME", "another name that the server may be called by; may be given several times", "--host-name");
        var unload = Flags.Number("let the model go after so many minutes without work", "--unload-after");
        var steps = Flags.Whole($"steps that a request may ask for (default {ServerLimits.DefaultSteps})", "--max-steps");
        var images = Flags.Whole($"pictures that a job may have (default {ServerLimits.DefaultImages})", "--max-images");
        var side = Flags.Whole("pixels on the side of a square that is as large as a drawn picture may be (default 2048)", "--max-side");
        var queued = Flags.Whole($"jobs that a client may have waiting (default {ServerLimits.DefaultQueuedPerClient})", "--max-queue");
        var open = Flags.Switch("open the page in the browser", "--open", "--autolaunch");
        return new PlainCommand("serve", "the web page, and an HTTP server for programs",
            new HelpNotes("[flags]",
                ["easel serve", "easel serve --models ~/models --output ~/pictures --open", "easel serve --host 0.0.0.0 --user me --password secret"]),
            [
                host, port, output, models, draw.Model, draw.Loras, draw.Embeddings, draw.TinyVae, draw.DepthModel, draw.Precision, draw.Device, token, user,
                password, cors, names, unload, steps, images, side, queued, open,
            ], parsed =>
        {
            var limits = new ServerLimits(); // not before: it is in the server's assembly
            var largest = parsed.GetValue(side);
            var options = new ServerOptions
            {
                Address = AddressOf(parsed.GetValue(host)),
                Port = parsed.GetValue(port) ?? 7860,
                OutputFolder = parsed.GetValue(output) ?? "outputs",
                Models = parsed.GetValue(models) is { Length: > 0 } folders ? [.. folders.Select(Existing)] : ["models"],
                DefaultModel = parsed.GetValue(draw.Model) is { } model ? Existing(model) : shell.Variable("EASEL_MODEL") is { Length: > 0 } variable
                    ? variable : null,
                Load = ModelChoice.Options(draw.Load(parsed), shell),
                Token = parsed.GetValue(token) ?? Variable(shell, "EASEL_TOKEN"),
                User = parsed.GetValue(user),
                Password = parsed.GetValue(password) ?? (parsed.GetValue(user) is null ? null : Variable(shell, "EASEL_PASSWORD")),
                Cors = parsed.GetValue(cors) ?? [],
                HostNames = parsed.GetValue(names) ?? [],
                UnloadAfter = parsed.GetValue(unload) is { } minutes ? TimeSpan.FromMinutes(Math.Clamp(minutes, 0, 100_000)) : null,
                Limits = limits with
                {
                    Steps = parsed.GetValue(steps) ?? limits.Steps,
                    Images = parsed.GetValue(images) ?? limits.Images,
                    Pixels = largest is null ? limits.Pixels : (long)largest * largest.Value,
                    QueuedPerClient = parsed.GetValue(queued) ?? limits.QueuedPerClient,
                },
            };
            Run(options, parsed.GetValue(open), shell);
        });
    }

    private static void Run(ServerOptions options, bool open, Shell shell) => EaselServer.RunAsync(options, address =>
    {
        shell.Out.WriteLine($"Easel is at {address}");
        if (open) Browse(address, shell);
    }, shell.Cancel).GetAwaiter().GetResult();

    private static void Browse(string address, Shell shell)
    {
        try
        {
            using var browser = Process.Start(new ProcessStartInfo(address) { UseShellExecute = true });
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException or PlatformNotSupportedException)
        {
            shell.Error.WriteLine("easel: no browser could be opened; the address is above.");
        }
    }

    private static IPAddress AddressOf(string? text)
    {
        if (text is null or "localhost") return IPAddress.Loopback;
        return IPAddress.TryParse(text, out var address) ? address
            : throw new UsageException($"--host is {text}; it must be an address such as 127.0.0.1, 0.0.0.0 or ::1.");
    }

    private static string Existing(string path) =>
        File.Exists(path) || Directory.Exists(path) ? path : throw new UsageException($"There is no model or folder at {path}.");

    private static string? Variable(Shell shell, string name) => shell.Variable(name) is { Length: > 0 } value ? value : null;
}
