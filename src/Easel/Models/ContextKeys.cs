using Easel.Models.Control;

namespace Easel.Models;

/// <summary>The vectors that some rows of latents attend to, and what each cross-attention makes of them: its keys and values, which are the same at every step
/// of a picture. Where they are to be kept this must not outlive the weights they were made with.</summary>
/// <param name="context">[rows, tokens, width]; belongs to the caller.</param>
/// <param name="vector">[rows, width], what the network is told of each picture as a whole; null where it takes nothing of the kind.</param>
/// <param name="keeps">Whether keys and values are kept for the next call; otherwise, as in training, each belongs to the scope that asks.</param>
internal sealed class ContextKeys(Tensor context, Tensor? vector = null, bool keeps = false) : IDisposable
{
    private readonly Dictionary<(Module Layer, object? Owner), (Tensor Keys, Tensor Values)> _made = [];

    public Tensor Context => context;

    public Tensor? Vector => vector;

    /// <summary>The guidance scale that a network which guides itself is told; null to tell it nothing.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The pictures to attend to beside the context, in the call that is being answered.</summary>
    public IReadOnlyList<PicturePrompt> Pictures { get; set; } = [];

    /// <summary>The keys and values of a layer.</summary>
    /// <param name="make">Makes them of the context, once where they are kept.</param>
    /// <param name="owner">Of what else than the context they are made; null where it is the context.</param>
    public (Tensor Keys, Tensor Values) Of(Module layer, Func<Tensor, (Tensor Keys, Tensor Values)> make, object? owner = null)
    {
        if (_made.TryGetValue((layer, owner), out var made)) return made;
        made = make(context);
        if (keeps) _made.Add((layer, owner), made = (made.Keys.DetachFromDisposeScope(), made.Values.DetachFromDisposeScope()));
        return made;
    }

    public void Dispose()
    {
        foreach (var (keys, values) in _made.Values)
        {
            keys.Dispose();
            values.Dispose();
        }
        _made.Clear();
    }
}
