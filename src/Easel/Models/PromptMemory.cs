using Easel.Sampling;

namespace Easel.Models;

/// <summary>The contexts of a batch's prompts as the network takes them, with the keys and values that its cross-attentions made of them: made once, and handed
/// to every call of the network that is told the same. It lives for one batch, in which conditions do not change.</summary>
/// <param name="guidanceScale">What a network that guides itself is told; null to tell it nothing.</param>
internal sealed class PromptMemory(ScalarType type, Device device, double? guidanceScale = null) : IDisposable
{
    private readonly List<Entry> _entries = [];

    public Predictor Over(Predictor predict) => call => predict(call with { Context = Of(call) });

    public void Dispose() => Forget();

    /// <summary>Lets everything go, as it must where the network's weights change.</summary>
    public void Forget()
    {
        foreach (var entry in _entries) entry.Dispose();
        _entries.Clear();
    }

    private ContextKeys Of(NetworkCall call)
    {
        var conditions = call.Rows.Select(row => row.Condition).ToList();
        if (_entries.Find(entry => entry.Conditions.SequenceEqual(conditions)) is not { } entry)
        {
            // What this evaluation has not asked for, such as a prompt that has given way to another, would only take memory.
            foreach (var old in _entries.Where(old => old.LastAsked < call.At.Number).ToList())
            {
                old.Dispose();
                _entries.Remove(old);
            }
            using var scope = NewDisposeScope();
            var context = cat([.. conditions.Select(condition => condition.Context)], dim: 0).to(type, device);
            var vector = conditions[0].Vector is null ? null : cat([.. conditions.Select(condition => condition.Vector!)], dim: 0).to(type, device);
            _entries.Add(entry = new Entry(conditions, context.DetachFromDisposeScope(), vector?.DetachFromDisposeScope(), guidanceScale));
        }
        entry.LastAsked = call.At.Number;
        return entry.Keys;
    }

    private sealed class Entry(IReadOnlyList<Condition> conditions, Tensor context, Tensor? vector, double? guidanceScale) : IDisposable
    {
        public IReadOnlyList<Condition> Conditions => conditions;

        public ContextKeys Keys { get; } = new(context, vector, keeps: true) { GuidanceScale = guidanceScale };

        public int LastAsked { get; set; }

        public void Dispose()
        {
            Keys.Dispose();
            context.Dispose();
            vector?.Dispose();
        }
    }
}
