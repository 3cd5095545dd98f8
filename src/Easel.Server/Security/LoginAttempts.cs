using System.Net;
using System.Net.Sockets;
using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>Sees to it that secrets cannot be tried out. An attempt is counted before it is looked at, for its address and for all together; beyond a few that
/// failed each must wait longer than the last, and what comes before its time is not looked at. Addresses from which somebody got in lately wait for their own
/// failures alone, so that a stranger's do not lock them out.</summary>
internal sealed class LoginAttempts(TimeProvider clock, ILogger<LoginAttempts> log)
{
    private const int MostAddresses = 10_000;
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(30), Known = TimeSpan.FromDays(1);
    private static readonly Rule OfAddress = new(Free: 10, First: TimeSpan.FromSeconds(30), Longest: TimeSpan.FromMinutes(15));
    private static readonly Rule OfAll = new(Free: 100, First: TimeSpan.FromSeconds(1), Longest: TimeSpan.FromSeconds(30));

    private readonly Lock _turn = new();
    private readonly Dictionary<string, Failures> _addresses = [];
    private readonly Failures _all = new();

    private sealed record Rule(int Free, TimeSpan First, TimeSpan Longest);

    private sealed class Failures
    {
        public int Count { get; set; }
        public long Last { get; set; }
        public long? Succeeded { get; set; }
    }

    /// <summary>Looks at an attempt, if it is its time.</summary>
    /// <param name="compare">Compares; null where it was wrong.</param>
    /// <returns>What comparing gave.</returns>
    /// <exception cref="ServerException">It is not its time yet (429).</exception>
    public string? Try(HttpContext context, Func<string?> compare)
    {
        lock (_turn) // so that of many attempts at once each is counted before the next is looked at
        {
            var now = clock.GetTimestamp();
            var address = KeyOf(context.Connection.RemoteIpAddress);
            var own = Of(address, now);
            var wait = Wait(own, OfAddress, now);
            if (own.Succeeded is not { } succeeded || clock.GetElapsedTime(succeeded, now) > Known)
                wait = TimeSpan.FromTicks(Math.Max(wait.Ticks, Wait(_all, OfAll, now).Ticks));
            if (wait > TimeSpan.Zero)
            {
                context.Response.OnStarting(() =>
                {
                    context.Response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                    return Task.CompletedTask;
                });
                throw new ServerException(Status429TooManyRequests, $"There were too many wrong attempts; wait {Math.Ceiling(wait.TotalSeconds)} seconds.");
            }
            Count(own, 1, now);
            Count(_all, 1, now);
            if (compare() is { } user)
            {
                Count(_all, -1, now);
                (own.Count, own.Succeeded) = (0, now);
                return user;
            }
            log.LogWarning("A login from {Address} failed; {Count} in a row.", address, own.Count);
            return null;
        }
    }

    private static void Count(Failures failures, int by, long now) => (failures.Count, failures.Last) = (Math.Max(0, failures.Count + by), now);

    private TimeSpan Wait(Failures failures, Rule rule, long now)
    {
        var since = clock.GetElapsedTime(failures.Last, now);
        if (since > Forgotten) failures.Count = 0;
        if (failures.Count < rule.Free) return TimeSpan.Zero;
        return TimeSpan.FromTicks(Math.Min(rule.Longest.Ticks, rule.First.Ticks << Math.Min(20, failures.Count - rule.Free))) - since;
    }

    /// <summary>Where there are too many addresses the one that was quiet longest is forgotten: a flood of new ones does not wipe out what is known of the
    /// others.</summary>
    private Failures Of(string address, long now)
    {
        if (_addresses.TryGetValue(address, out var known)) return known;
        if (_addresses.Count >= MostAddresses) _addresses.Remove(_addresses.MinBy(pair => pair.Value.Last).Key);
        return _addresses[address] = new Failures { Last = now };
    }

    /// <summary>Of IPv6 the first half counts, for whoever has one address of a network has them all.</summary>
    private static string KeyOf(IPAddress? address)
    {
        if (address is null) return "local";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return address.AddressFamily == AddressFamily.InterNetworkV6 && !IPAddress.IsLoopback(address)
            ? new IPAddress([.. address.GetAddressBytes()[..8], 0, 0, 0, 0, 0, 0, 0, 0]) + "/64" : address.ToString();
    }
}
