using System.Net.Sockets;

namespace Easel.Server;

/// <summary>The file of a socket that the server listens on in the place of a port. Who may write to the file may use the server as far as it asks for no
/// login.</summary>
internal static class UnixSocket
{
    /// <summary>The most bytes that a system takes for the path of a socket.</summary>
    public const int MostBytes = 103; // of macOS; Linux takes 107

    /// <summary>Makes room for the file: one that a server left behind which was killed goes away.</summary>
    /// <exception cref="EaselException">Somebody listens there, or the file is something else.</exception>
    public static void Prepare(string path)
    {
        if (!Path.Exists(path)) return;
        // A socket has no length and is no kind of file that .NET names; whether one is there tells the connection alone.
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && new FileInfo(path).Length == 0 && !Directory.Exists(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e)
        {
            throw new EaselException($"The server cannot listen on {path}, which is there already: {e.Message}.", e);
        }
        throw new EaselException($"{path} is in use, perhaps by another easel; --unix-socket names another.");
    }

    /// <summary>Says who may use the socket.</summary>
    public static void Open(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
    }
}
