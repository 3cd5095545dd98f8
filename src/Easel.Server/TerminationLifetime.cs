using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace Easel.Server;

/// <summary>
/// A polite request of the system to end (SIGTERM) stops the server gracefully. Ctrl-C belongs to whoever has the keyboard: the first press stops the server the
/// same way, the second ends the process at once, which loses nothing either.
/// </summary>
internal sealed class TerminationLifetime(IHostApplicationLifetime application) : IHostLifetime, IDisposable
{
    private PosixSignalRegistration? _registration;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            application.StopApplication();
        });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _registration?.Dispose();
}
