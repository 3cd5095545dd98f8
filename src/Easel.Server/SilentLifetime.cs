namespace Easel.Server;

/// <summary>Leaves the signals of the process to whoever owns it; the host's own would take Ctrl-C and SIGTERM for itself, once for each server.</summary>
internal sealed class SilentLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
