namespace Easel.Server.Jobs;

/// <summary>
/// The order of the jobs: first in, first out, but clients take turns, so that nobody waits behind somebody else's hundred jobs. It holds names and numbers
/// alone and neither writes nor locks anything: whoever uses it does. Each job has a position, a number that rises along the order; written down and put
/// back (<see cref="Restore"/>), the positions give the same order again.
/// </summary>
/// <param name="mostPerClient">Jobs that one client may have waiting.</param>
/// <param name="most">Jobs that may wait in all.</param>
/// <param name="bytesPerClient">Bytes that one client's waiting jobs may take.</param>
/// <param name="bytesInAll">Bytes that all waiting jobs may take.</param>
internal sealed class JobOrder(int mostPerClient, int most, long bytesPerClient = long.MaxValue, long bytesInAll = long.MaxValue)
{
    private const double Gap = 1024;

    private readonly List<Entry> _waiting = [];
    private readonly List<Entry> _running = [];
    private double _lastPosition;

    /// <param name="Bytes">What the job takes, in memory and on disk.</param>
    public readonly record struct Entry(string Id, string Client, double Position, long Bytes = 0);

    /// <summary>The jobs that wait, by rising positions.</summary>
    public IReadOnlyList<Entry> Waiting => _waiting;

    /// <summary>A waiting job's place, from 0; -1 where none of that id waits.</summary>
    public int PlaceOf(string id) => _waiting.FindIndex(entry => entry.Id == id);

    /// <summary>Why a client may have no further job waiting; null where it may.</summary>
    /// <param name="bytes">What the further job takes.</param>
    /// <param name="more">How many further jobs there are, where they come together.</param>
    public string? WhyFull(string client, long bytes = 0, int more = 1)
    {
        var own = _waiting.Where(entry => entry.Client == client).ToList();
        var (many, them) = more > 1 ? ($"This is {more} jobs, and ", "") : ("", " already");
        if (own.Count + more > mostPerClient) return $"{many}{own.Count} of your jobs wait{them}; this server allows {mostPerClient}.";
        if (_waiting.Count + more > most) return $"{many}{_waiting.Count} jobs wait{them}; this server allows {most}.";
        if (own.Sum(entry => entry.Bytes) + bytes > bytesPerClient)
            return $"Your jobs that wait, with their pictures, would take more than the {bytesPerClient >> 20} MB that this server allows.";
        return _waiting.Sum(entry => entry.Bytes) + bytes > bytesInAll
            ? $"The jobs that wait, with their pictures, would take more than the {bytesInAll >> 20} MB that this server allows." : null;
    }

    /// <summary>Puts a job back in that has a position already.</summary>
    public void Restore(Entry entry)
    {
        _lastPosition = Math.Max(_lastPosition, entry.Position);
        var place = _waiting.FindIndex(other => other.Position > entry.Position);
        _waiting.Insert(place < 0 ? _waiting.Count : place, entry);
    }

    /// <summary>
    /// Takes a new job in: behind its client's own jobs, but before the first of another client's that has more of its own before it. With one client that
    /// is the end.
    /// </summary>
    /// <returns>The job's position, and the other jobs whose positions changed.</returns>
    public (double Position, IReadOnlyList<Entry> Changed) Add(string id, string client, long bytes = 0)
    {
        var place = TurnOf(client);
        var position = Between(place);
        IReadOnlyList<Entry> changed = [];
        if (place < _waiting.Count && !(position > Before(place) && position < _waiting[place].Position))
        {
            changed = Renumber(); // halved so often that no number is left between the two
            position = Between(place);
        }
        _lastPosition = Math.Max(_lastPosition, position);
        _waiting.Insert(place, new Entry(id, client, position, bytes));
        return (position, changed);
    }

    /// <summary>Puts a waiting job at another place.</summary>
    public (int Place, IReadOnlyList<Entry> Changed) Move(int from, int to)
    {
        var moved = _waiting[from];
        _waiting.RemoveAt(from);
        to = Math.Clamp(to, 0, _waiting.Count);
        _waiting.Insert(to, moved);
        return (to, Renumber());
    }

    public void Remove(string id) => _waiting.RemoveAt(PlaceOf(id));

    /// <summary>Begins the first job: it waits no more, but counts as its client's turn.</summary>
    /// <param name="may">Which jobs may begin; those before one that may wait on. Null for all.</param>
    /// <returns>The job; null where none waits that may.</returns>
    public Entry? Begin(Func<Entry, bool>? may = null)
    {
        var place = _waiting.FindIndex(entry => may is null || may(entry));
        if (place < 0) return null;
        var first = _waiting[place];
        _waiting.RemoveAt(place);
        _running.Add(first);
        return first;
    }

    public void End(string id) => _running.RemoveAll(entry => entry.Id == id);

    /// <summary>Has a job that had begun wait again, where it was before.</summary>
    public void PutBack(string id)
    {
        var entry = _running.Find(running => running.Id == id);
        End(id);
        Restore(entry);
    }

    /// <summary>The place of a client's next job.</summary>
    private int TurnOf(string client)
    {
        var turns = _running.GroupBy(entry => entry.Client).ToDictionary(group => group.Key, group => group.Count());
        var mine = turns.GetValueOrDefault(client) + _waiting.Count(entry => entry.Client == client);
        var behindOwn = _waiting.FindLastIndex(entry => entry.Client == client) + 1;
        foreach (var (place, entry) in _waiting.Index())
        {
            var turn = turns.GetValueOrDefault(entry.Client);
            turns[entry.Client] = turn + 1;
            if (place >= behindOwn && turn > mine) return place;
        }
        return _waiting.Count;
    }

    private double Between(int place) =>
        place == _waiting.Count ? _lastPosition + Gap : Before(place) + (_waiting[place].Position - Before(place)) / 2;

    /// <summary>The position before a place: a waiting job's, or that of one which runs and would be the first again after a sudden end.</summary>
    private double Before(int place) => place > 0 ? _waiting[place - 1].Position
        : _running.Count > 0 ? _running.Max(entry => entry.Position) : _waiting[0].Position - Gap;

    private IReadOnlyList<Entry> Renumber()
    {
        for (var place = 0; place < _waiting.Count; place++) _waiting[place] = _waiting[place] with { Position = _lastPosition + (place + 1) * Gap };
        if (_waiting.Count > 0) _lastPosition = _waiting[^1].Position;
        return [.. _waiting];
    }
}
