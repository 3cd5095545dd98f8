using System.Runtime.InteropServices;
using Easel.Farm;
using Easel.Server.Farm;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Microsoft.Extensions.Logging.Abstractions;

namespace Easel.Server;

/// <summary>A machine that draws for a farm and serves nobody: it listens on no port and keeps no pictures.</summary>
public static class EaselWorker
{
    /// <summary>Draws until it is told to stop; what it draws then goes back to the others.</summary>
    /// <param name="options">Its models and how they are loaded, and the farm.</param>
    /// <param name="name">What people call it; null for the machine's name.</param>
    /// <param name="fetchTo">The folder into which models go that are handed out; null to fetch none.</param>
    /// <param name="say">Told in sentences what happens.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="EaselException">It cannot work there.</exception>
    public static Task RunAsync(ServerOptions options, string? name, string? fetchTo, Action<string> say, CancellationToken cancel) =>
        RunAsync(options, name, fetchTo, new ModelFiles(), say, NullLoggerFactory.Instance, cancel);

    /// <summary>Draws with the models of a source.</summary>
    internal static async Task RunAsync(ServerOptions options, string? name, string? fetchTo, IModelSource source, Action<string> say, ILoggerFactory logs,
        CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.Cancel();
        });
        options.Load.Validate();
        options = options.WithFolders();
        var library = new ModelLibrary(options);
        using var metrics = new ServerMetrics();
        using var stamps = new FileStamps(library, options, logs.CreateLogger<FileStamps>());
        var model = new LoadedModel(source, library, options);
        using var thread = new PaintThread(model, options.UnloadAfter);
        stamps.Start();
        var painter = new FarmPainter(stamps, model, new JobPainter(library, model, metrics), options, thread.Do);
        var worker = new FarmWorker(options.Farm!, name ?? Environment.MachineName, painter, logs.CreateLogger<FarmWorker>());
        var fetching = fetchTo is null ? Task.CompletedTask : FetchAsync(worker, options.Farm!, fetchTo, stamps, say, stop.Token);
        try
        {
            await worker.RunAsync(say, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It was told to stop.
        }
        finally
        {
            await stop.CancelAsync();
            await fetching;
        }
    }

    /// <summary>Fetches what is handed out, now and whenever something new is.</summary>
    private static async Task FetchAsync(FarmWorker worker, FarmOptions farm, string folder, FileStamps stamps, Action<string> say, CancellationToken stop)
    {
        try
        {
            await worker.Joined.WaitAsync(stop); // what keeps it out is told once
            for (string? told = null; ;)
            {
                try
                {
                    if (await FarmModels.FetchAsync(farm, folder, say, stop) > 0) stamps.Look();
                }
                catch (EaselException e)
                {
                    if (e is not FarmException { MayPass: true } && told != e.Message) say(told = e.Message); // where to wait is told by the worker
                }
                await Task.Delay(TimeSpan.FromSeconds(20), stop);
            }
        }
        catch (OperationCanceledException)
        {
            // The worker stops.
        }
    }
}
