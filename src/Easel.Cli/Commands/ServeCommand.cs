using System.Diagnostics;
using System.Net;
using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Imaging;
using Easel.Server;

namespace Easel.Cli.Commands;

/// <summary>
/// <c>easel serve</c>: the web page and the HTTP APIs; <c>easel start</c>: the same for whoever opens Easel with a click. Nothing of ASP.NET is loaded before
/// it runs.
/// </summary>
internal static class ServeCommand
{
    /// <summary>The command for those who run a server: everything stands in the folder that it is called from.</summary>
    public static Command Create(Shell shell) => Create(shell, "serve", "the web page, and an HTTP server for programs",
        ["easel serve", "easel serve --models ~/models --output ~/pictures --open", "easel serve --host 0.0.0.0 --user me --password secret"], isStart: false);

    /// <summary>The command behind the icon: the page in the browser, pictures and models in the person's own folders, and one server however often it is
    /// clicked.</summary>
    public static Command CreateStart(Shell shell) =>
        Create(shell, "start", "open the page in the browser, with your own folders", ["easel start"], isStart: true);

    private static Command Create(Shell shell, string name, string help, string[] examples, bool isStart)
    {
        var (pictures, modelFolder) = isStart ? (UserFolders.Pictures, UserFolders.Models) : ("outputs", "models");
        var draw = new DrawFlags();
        var host = Flags.Text("ADDRESS", "the address to listen on; any but this machine's own demands a login (default 127.0.0.1)", "--host", "--listen");
        var port = Flags.Whole($"the port (default {ServerOptions.DefaultPort})", "--port");
        var socket = Flags.Text("PATH", "listen on this Unix socket in place of an address and a port", "--unix-socket");
        var mode = Flags.Valued<UnixFileMode?>("OCTAL", "who may use the socket, as for chmod (default 600: you alone)", ["--socket-mode"], ModeOf,
            "an octal number up to 777");
        var basePath = Flags.Text("PATH", "the path below which a proxy passes requests on, as /easel", "--base-path", "--subpath");
        var output = Flags.Text("DIR", $"the folder of the pictures (default {pictures})", "--output", "-o", "--outdir");
        var models = Flags.Texts("DIR",
            $"a folder with models, a model or ComfyUI's extra_model_paths.yaml; may be given several times (default {modelFolder})",
            "--models", "--ckpt-dir", "--extra-model-paths-config");
        var token = Flags.Text("SECRET", "ask callers for this token (default $EASEL_TOKEN)", "--token", "--api-key");
        var tokenFile = Flags.Text("FILE", "a file that holds the token, as services keep secrets (default $EASEL_TOKEN_FILE)", "--token-file");
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
        var log = Flags.Choice("how much is told: a line for each job, or only what is wrong (default info)",
            [("info", LogAmount.Info), ("warning", LogAmount.Warning), ("error", LogAmount.Error), ("none", LogAmount.None)], "--log-level");
        var queuedSize = Flags.Whole($"megabytes that a client's waiting jobs may take (default {ServerLimits.DefaultQueuedMegabytes})", "--max-queue-mb");
        var proxies = Flags.Texts("ADDRESS", "believe the proxy at this address when it says for whom it asks; may be given several times", "--proxy");
        var styles = Flags.Text("FILE", "your own styles, as AUTOMATIC1111 keeps them (default styles.csv)", "--styles", "--styles-file");
        var wildcards = Flags.Text("DIR", "lists that prompts of the page call as __name__: text files, a choice a line (default wildcards)", "--wildcards",
            "--wildcards-dir");
        var open = Flags.Switch("open the page in the browser", "--open", "--autolaunch");
        var farm = new FarmFlags();
        var noDraw = Flags.Switch("leave all drawing to the farm's workers", "--no-draw");
        var store = Flags.Whole("megabytes that the farm's pictures on their way may take (default: what the NATS server allows)", "--farm-store");
        var copies = Flags.Whole("copies that a cluster of NATS servers keeps of the farm's queue, 1 to 5 (default 1)", "--farm-replicas");
        return new PlainCommand(name, help, new HelpNotes("[flags]", examples),
            [
                host, port, .. isStart ? (Option[])[] : [socket, mode, basePath], output, models,
                draw.Model, draw.Loras, draw.Embeddings, draw.Controls, draw.ImageEncoder, draw.TinyVae, draw.DepthModel, draw.Precision, draw.Weights,
                draw.Device, draw.Threads, draw.Memory, draw.LowPriority, draw.Safe, token, tokenFile, user, password, cors, names, proxies, unload, steps,
                images, side, queued, queuedSize, styles, wildcards, log, open, .. isStart ? [] : farm.All, .. isStart ? (Option[])[] :
                [noDraw, store, copies],
            ], parsed =>
        {
            var limits = new ServerLimits(); // not before: it is in the server's assembly
            var largest = parsed.GetValue(side);
            var places = ModelFolders(parsed.GetValue(models), modelFolder, shell);
            if (parsed.GetValue(socket) is not null && (parsed.GetValue(host) is not null || parsed.GetValue(port) is not null))
                throw new UsageException("--unix-socket stands in place of --host and --port.");
            if (parsed.GetValue(socket) is not null && parsed.GetValue(open))
                throw new UsageException("--open goes with a port: no browser opens what --unix-socket names.");
            if (parsed.GetValue(socket) is null && parsed.GetValue(mode) is not null) throw new UsageException("--socket-mode goes with --unix-socket.");
            var options = new ServerOptions
            {
                UnixSocket = parsed.GetValue(socket),
                UnixSocketMode = parsed.GetValue(mode) ?? UnixFileMode.UserRead | UnixFileMode.UserWrite,
                BasePath = parsed.GetValue(basePath) is { } below && below.Trim('/') is { Length: > 0 } trimmed ? "/" + trimmed : null,
                Address = AddressOf(parsed.GetValue(host), "--host"),
                Port = parsed.GetValue(port) ?? ServerOptions.DefaultPort,
                OutputFolder = parsed.GetValue(output) ?? pictures,
                Models = places,
                Hub = ModelPlaces.Hub(shell),
                Farm = isStart ? null : FarmOf(farm, parsed.GetValue(store), parsed.GetValue(copies), parsed, shell),
                Draws = isStart || !parsed.GetValue(noDraw),
                DefaultModel = parsed.GetValue(draw.Model) is { } model ? ModelChoice.Find(model, shell) : Variable(shell, "EASEL_MODEL"),
                Load = ModelChoice.Options(draw.Load(parsed), shell, places),
                StylesFile = parsed.GetValue(styles) is { } file ? There(file, File.Exists, "--styles", "file with styles") : "styles.csv",
                WildcardsFolder = parsed.GetValue(wildcards) is { } lists ? There(lists, Directory.Exists, "--wildcards", "folder of lists") : "wildcards",
                Token = Secret(parsed.GetValue(token), parsed.GetValue(tokenFile), shell),
                Log = parsed.GetValue(log) ?? LogAmount.Info,
                User = parsed.GetValue(user),
                Password = parsed.GetValue(password) ?? (parsed.GetValue(user) is null ? null : Variable(shell, "EASEL_PASSWORD")),
                Cors = parsed.GetValue(cors) ?? [],
                HostNames = parsed.GetValue(names) ?? [],
                Proxies = [.. (parsed.GetValue(proxies) ?? []).Select(proxy => AddressOf(proxy, "--proxy"))],
                UnloadAfter = Minutes(parsed.GetValue(unload)),
                Limits = limits with
                {
                    Steps = parsed.GetValue(steps) ?? limits.Steps,
                    Images = parsed.GetValue(images) ?? limits.Images,
                    Pixels = largest is null ? limits.Pixels : (long)largest * Math.Max(1, largest.Value),
                    QueuedPerClient = parsed.GetValue(queued) ?? limits.QueuedPerClient,
                    QueuedBytesPerClient = parsed.GetValue(queuedSize) is { } megabytes ? (long)megabytes << 20 : limits.QueuedBytesPerClient,
                    QueuedBytes = Math.Max(limits.QueuedBytes, (long)(parsed.GetValue(queuedSize) ?? 0) << 20),
                },
            };
            try
            {
                options.Validate();
                ImageFile.PrepareFolder(options.OutputFolder);
            }
            catch (EaselException e) when (e is not UsageException)
            {
                throw new UsageException(e.Message, e); // what was asked for cannot be done as it stands
            }
            if (isStart) Start(options, shell);
            else Run(options, parsed.GetValue(open), shell);
        });
    }

    private static void Run(ServerOptions options, bool open, Shell shell, Action<string>? ready = null) => EaselServer.RunAsync(options, address =>
    {
        shell.Out.WriteLine($"Easel is at {address}");
        ready?.Invoke(address);
        if (open) Browse(address, shell);
    }, shell.Cancel).GetAwaiter().GetResult();

    /// <summary>Opens the page of the Easel that runs already, or runs one; beside a stranger at that port it takes another.</summary>
    private static void Start(ServerOptions options, Shell shell)
    {
        var address = $"http://{options.Address}:{options.Port}";
        switch (HealthCommand.Ask(address, shell.Cancel))
        {
            case Health.Well:
                shell.Out.WriteLine($"Easel runs already, at {address}");
                Browse(address, shell);
                return;
            case Health.Stranger:
                options = options with { Port = 0 };
                break;
        }
        Directory.CreateDirectory(options.ModelFolder);
        Run(options, open: true, shell, _ =>
        {
            shell.Out.WriteLine($"Pictures are kept in {Path.GetFullPath(options.OutputFolder)}");
            shell.Out.WriteLine($"Models are looked for in {Path.GetFullPath(options.ModelFolder)}");
            shell.Out.WriteLine("Keep this window open while you draw. To stop: press Ctrl and C, or close it.");
        });
    }

    private static void Browse(string address, Shell shell)
    {
        // What opens addresses on Linux complains in several lines of its own where it finds no browser, and says so by how it ends.
        var how = OperatingSystem.IsLinux() ? new ProcessStartInfo("/bin/sh", ["-c", "exec xdg-open \"$1\" > /dev/null 2>&1", "easel", address])
            : new ProcessStartInfo(address) { UseShellExecute = true };
        try
        {
            using var browser = Process.Start(how);
            if (!OperatingSystem.IsLinux() || browser?.WaitForExit(TimeSpan.FromSeconds(5)) != true || browser.ExitCode == 0) return;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException or PlatformNotSupportedException)
        {
        }
        shell.Error.WriteLine("easel: no browser could be opened; the address is above.");
    }

    private static UnixFileMode? ModeOf(string text) =>
        text.Length is > 0 and < 5 && text.All(c => c is >= '0' and <= '7') && Convert.ToInt32(text, 8) is <= 0x1ff and var mode ? (UnixFileMode)mode : null;

    private static IPAddress AddressOf(string? text, string flag)
    {
        if (text is null or "localhost") return IPAddress.Loopback;
        return IPAddress.TryParse(text, out var address) ? address
            : throw new UsageException($"{flag} is {text}; it must be an address such as 127.0.0.1, 0.0.0.0 or ::1.");
    }

    /// <summary>The folders and files that are named, or the customary ones.</summary>
    public static IReadOnlyList<string> ModelFolders(string[]? named, string first, Shell shell) =>
        named is { Length: > 0 } folders ? [.. folders.Select(Existing)] : Default(first, shell);

    public static TimeSpan? Minutes(double? minutes) => minutes is { } given
        ? given >= 0 ? TimeSpan.FromMinutes(Math.Min(given, 100_000))
            : throw new UsageException(FormattableString.Invariant($"--unload-after is {given}; it must be 0 or more minutes.")) : null;

    private static Easel.Farm.FarmOptions? FarmOf(FarmFlags flags, int? megabytes, int? copies, ParseResult parsed, Shell shell)
    {
        var farm = flags.Of(parsed, shell, readsVariable: false); // a server that was not told to is nobody's
        if (farm is null)
            return (megabytes, copies) is (null, null) ? null
                : throw new UsageException($"{(megabytes is null ? "--farm-replicas" : "--farm-store")} goes with --farm, which says where the farm is.");
        if (megabytes < 1) throw new UsageException($"--farm-store is {megabytes}; it must be at least 1 megabyte.");
        if (copies is < 1 or > Easel.Farm.FarmOptions.MostReplicas)
            throw new UsageException($"--farm-replicas is {copies}; it must be from 1 to {Easel.Farm.FarmOptions.MostReplicas}.");
        return farm with { StoreBytes = megabytes is { } store ? (long)store << 20 : null, Replicas = copies ?? farm.Replicas };
    }

    /// <summary>The folder that is told to people first, and behind it the others in which models are looked for by name.</summary>
    private static IReadOnlyList<string> Default(string first, Shell shell) =>
        [first, .. ModelPlaces.Places(shell).Where(place => place != first && Path.Exists(place))];

    /// <summary>What a flag names; the customary place need not be there, but what somebody names is meant to be.</summary>
    private static string There(string path, Func<string, bool> isThere, string flag, string what) =>
        isThere(path) ? path : throw new UsageException($"{flag} is {path}; there is no {what}.");

    private static string Existing(string path) =>
        File.Exists(path) || Directory.Exists(path) ? path : throw new UsageException($"There is no model or folder at {path}.");

    /// <summary>The token: as given, from its file, or from the variables. A file's last line break does not belong to it.</summary>
    private static string? Secret(string? token, string? file, Shell shell)
    {
        if (token is not null && file is not null) throw new UsageException("--token and --token-file exclude each other.");
        if (token is not null) return token;
        if (file is null && Variable(shell, "EASEL_TOKEN") is { } variable) return variable;
        if ((file ?? Variable(shell, "EASEL_TOKEN_FILE")) is not { } path) return null;
        if (!File.Exists(path)) throw new UsageException($"There is no file {path} with a token.");
        if (new FileInfo(path).Length > 4096) throw new UsageException($"{path} has more than 4096 bytes; a token is shorter.");
        try
        {
            return File.ReadAllText(path).TrimEnd('\r', '\n') is { Length: > 0 } secret ? secret
                : throw new UsageException($"{path} is empty; it must hold the token.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(EaselException.OfFile(e).Message, e);
        }
    }

    private static string? Variable(Shell shell, string name) => shell.Variable(name) is { Length: > 0 } value ? value : null;
}
