using System.Text;
using Easel.Server.Storage;

namespace Easel.Server.Security;

/// <summary>The cookies of those who have logged in. Each holds when it was given, signed with a key that is made of the secrets and of a random part on
/// disk: it
/// outlives a restart, ends after <see cref="Age"/> whatever the browser does, and all end at once when the secrets or the random part change.</summary>
internal sealed class Sessions(Credentials credentials, PictureFolder folder, TimeProvider clock, ILogger<Sessions> log) : IDisposable
{
    public static readonly TimeSpan Age = TimeSpan.FromDays(30);
    private const int KeyBytes = 32;

    private readonly Lock _turn = new();
    private byte[]? _random;
    private CancellationTokenSource _ended = new();

    /// <summary>Signalled when all logins end.</summary>
    public CancellationToken Ended
    {
        get
        {
            lock (_turn) return _ended.Token;
        }
    }

    private string File => Path.Combine(folder.Hidden, "sessions");

    /// <summary>A cookie for somebody who just proved who they are.</summary>
    public string New()
    {
        var issued = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{issued}.{Signature(issued)}";
    }

    /// <summary>Whether a cookie is one of ours; true only while it is not too old, null where it is.</summary>
    public bool? IsOne(string cookie)
    {
        var dot = cookie.IndexOf('.');
        if (dot < 0 || !long.TryParse(cookie.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var issued)) return false;
        var (signed, given) = (Encoding.UTF8.GetBytes(Signature(cookie[..dot])), Encoding.UTF8.GetBytes(cookie[(dot + 1)..]));
        if (!CryptographicOperations.FixedTimeEquals(signed, given)) return false;
        // A clock that was set back makes a cookie seem to be of the future.
        return Math.Abs(clock.GetUtcNow().ToUnixTimeSeconds() - issued) <= Age.TotalSeconds ? true : null;
    }

    /// <summary>Ends all logins by cookie, in every browser, and what they have open.</summary>
    public void EndAll()
    {
        CancellationTokenSource ended;
        lock (_turn)
        {
            _random = Write();
            (ended, _ended) = (_ended, new CancellationTokenSource());
        }
        ended.Cancel();
        ended.Dispose();
    }

    public void Dispose() => _ended.Dispose();

    private string Signature(string issued)
    {
        byte[] random;
        lock (_turn) random = _random ??= Read() ?? Write();
        var key = SHA256.HashData([.. credentials.Secret, .. random]);
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes("easel session " + issued)));
    }

    private byte[]? Read()
    {
        try
        {
            return System.IO.File.Exists(File) && System.IO.File.ReadAllBytes(File) is { Length: KeyBytes } random ? random : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private byte[] Write()
    {
        var random = RandomNumberGenerator.GetBytes(KeyBytes);
        try
        {
            var beside = File + ".part";
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(beside, options)) file.Write(random);
            System.IO.File.Move(beside, File, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("Logins will end with this process, for {File} cannot be written: {Reason}", File, e.Message);
        }
        return random;
    }
}
