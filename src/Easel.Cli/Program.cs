using Easel.Cli;

// Answered before anything else is set up: scripts ask it often, and it must not cost them the loading of libtorch.
if (args is ["--version"])
{
    Console.WriteLine(CommandLine.Version);
    return ExitCodes.Ok;
}

// The first thing that fails for want of files or addresses is seldom one that says so.
if (Easel.MachineInfo.Shortage() is { } shortage)
{
    // By the plainest way there is: what the console needs may be one file too many.
    using var error = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(2, ownsHandle: false), FileAccess.Write, bufferSize: 0);
    error.Write(Encoding.UTF8.GetBytes($"easel: {shortage}\n"));
    return ExitCodes.Failed;
}

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    // The first press asks the run to stop within a step; the second is left to the system, which ends the process.
    if (cancellation.IsCancellationRequested) return;
    press.Cancel = true;
    cancellation.Cancel();
};
return CommandLine.Run(args, Shell.OfProcess(cancellation.Token));
