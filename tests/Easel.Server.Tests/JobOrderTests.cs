using CsCheck;
using Easel.Server.Jobs;

namespace Easel.Server.Tests;

/// <summary>Guards the order of the queue by its properties, whatever is done to it in whatever order.</summary>
public sealed class JobOrderTests
{
    private const int MostPerClient = 6, Most = 14;

    /// <summary>Something done to the order: a kind and a number that picks a client, a job or a place.</summary>
    private readonly record struct Act(int Kind, int Which, int Place);

    private static readonly Gen<Act[]> Acts =
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 20], (kind, which, place) => new Act(kind, which, place)).Array[0, 120];

    /// <summary>An order, what a disk would hold of it, and a plain list of what must wait in it.</summary>
    private sealed class Run
    {
        public JobOrder Order { get; } = new(MostPerClient, Most);
        public Dictionary<string, JobOrder.Entry> Disk { get; } = [];
        public List<string> Running { get; } = [];
        private int _count;

        public void Do(Act act)
        {
            switch (act.Kind)
            {
                case < 5:
                    Add($"client {act.Which}");
                    break;
                case 5 when Order.Waiting.Count > 0:
                    var from = act.Which % Order.Waiting.Count;
                    var expected = Order.Waiting.Select(entry => entry.Id).ToList();
                    var moved = expected[from];
                    expected.RemoveAt(from);
                    expected.Insert(Math.Min(act.Place, expected.Count), moved);
                    var (place, changed) = Order.Move(from, act.Place);
                    Assert.Equal(Math.Min(act.Place, expected.Count - 1), place);
                    Assert.Equal(expected, Order.Waiting.Select(entry => entry.Id));
                    Write(changed);
                    break;
                case 6 when Order.Waiting.Count > 0:
                    var gone = Order.Waiting[act.Place % Order.Waiting.Count].Id;
                    Order.Remove(gone);
                    Disk.Remove(gone);
                    break;
                case 7 or 8 when Order.Begin() is { } first:
                    Running.Add(first.Id);
                    break;
                case 9 when Running.Count > 0:
                    var ended = Running[act.Which % Running.Count];
                    Running.Remove(ended);
                    if (act.Place < 7) Order.PutBack(ended);
                    else
                    {
                        Order.End(ended);
                        Disk.Remove(ended);
                    }
                    break;
            }
        }

        public void Add(string client)
        {
            if (Order.WhyFull(client) is not null) return;
            var id = $"{_count++:0000}";
            var (position, changed) = Order.Add(id, client);
            Write(changed);
            Disk[id] = new JobOrder.Entry(id, client, position);
        }

        private void Write(IReadOnlyList<JobOrder.Entry> changed)
        {
            foreach (var entry in changed) Disk[entry.Id] = entry;
        }
    }

    private static Run After(Act[] acts)
    {
        var run = new Run();
        foreach (var act in acts) run.Do(act);
        return run;
    }

    [Fact]
    public void PositionsRiseAndTheDiskHasThemAll() => Acts.Sample(acts =>
    {
        var run = After(acts);
        var waiting = run.Order.Waiting;
        Assert.True(waiting.Zip(waiting.Skip(1)).All(pair => pair.First.Position < pair.Second.Position));
        Assert.Equal(waiting.Select(entry => entry.Id).Concat(run.Running).Order(), run.Disk.Keys.Order());
        Assert.All(waiting, entry => Assert.Equal(entry, run.Disk[entry.Id]));
    });

    [Fact]
    public void AfterASuddenEndTheOrderIsTheSame() => Acts.Sample(acts =>
    {
        var run = After(acts);
        var again = new JobOrder(MostPerClient, Most);
        foreach (var entry in run.Disk.Values) again.Restore(entry);
        Assert.Equal(run.Order.Waiting.Select(entry => entry.Id), again.Waiting.Select(entry => entry.Id).Except(run.Running));
    });

    [Fact]
    public void NoLimitIsPassedByAdding() => Acts.Sample(acts =>
    {
        var run = new Run();
        foreach (var act in acts.Where(act => act.Kind is not (7 or 8))) run.Do(act); // what is put back had its place before
        Assert.InRange(run.Order.Waiting.Count, 0, Most);
        Assert.All(run.Order.Waiting.CountBy(entry => entry.Client), client => Assert.InRange(client.Value, 1, MostPerClient));
    });

    /// <summary>
    /// Counting each client's jobs from the one that runs on, nobody's later job is before another's earlier one, and each client's own are in order.
    /// </summary>
    [Fact]
    public void ClientsTakeTurns() => Acts.Sample(acts =>
    {
        var run = new Run();
        foreach (var act in acts.Where(act => act.Kind is < 5 or 7 or 8)) run.Do(act);
        var turns = run.Running.CountBy(id => run.Disk[id].Client).ToDictionary();
        var seen = new List<int>();
        foreach (var entry in run.Order.Waiting)
        {
            seen.Add(turns.GetValueOrDefault(entry.Client));
            turns[entry.Client] = seen[^1] + 1;
        }
        Assert.Equal(seen.Order(), seen);
        foreach (var own in run.Order.Waiting.GroupBy(entry => entry.Client))
            Assert.Equal(own.Select(entry => entry.Id).Order(), own.Select(entry => entry.Id));
    });
}
