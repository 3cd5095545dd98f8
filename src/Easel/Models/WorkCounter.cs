namespace Easel.Models;

/// <summary>Counts what networks do without their doing it, as PyTorch's FlopCounterMode does: a network without weights, on the meta device, is run as it
/// always is, and its few kinds of layer note here what they would multiply and hold, and answer with a tensor that has a shape and no numbers. Where nothing
/// is counted, asking costs a look at one field.</summary>
internal sealed class WorkCounter
{
    [ThreadStatic] private static WorkCounter? _current;

    private double _held;

    private WorkCounter() { }

    /// <summary>Floating-point operations of convolutions, linear layers and attention, two for each multiplication and addition. All else is a few percent of
    /// the time.</summary>
    public double Flops { get; private set; }

    /// <summary>The most values that are held at once beside the weights.</summary>
    public double PeakValues { get; private set; }

    /// <summary>Values of the largest weight of a layer: where weights are kept in a narrower format than is computed in, it is widened while its layer
    /// runs.</summary>
    public double LargestWeight { get; private set; }

    /// <summary>The counter of a run that is counted; null in all others.</summary>
    public static WorkCounter? Current => _current;

    /// <summary>What a run of networks on the meta device comes to.</summary>
    public static WorkCounter Count(Action run)
    {
        var (before, counter) = (_current, new WorkCounter());
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        _current = counter;
        try
        {
            run();
            return counter;
        }
        finally
        {
            _current = before;
        }
    }

    /// <summary>A linear layer's output; null where nothing is counted.</summary>
    /// <param name="x">[..., inputs].</param> <param name="weight">[outputs, inputs].</param>
    public static Tensor? Linear(Tensor x, Tensor weight) => _current?.Product(x, weight, [.. x.shape[..^1], weight.shape[0]]);

    /// <summary>A convolution's output; null where nothing is counted.</summary>
    /// <param name="x">[n, inputs, h, w].</param> <param name="weight">[outputs, inputs, kernel, kernel].</param>
    /// <param name="padding">Positions added on each side.</param>
    public static Tensor? Convolution(Tensor x, Tensor weight, long stride, long padding)
    {
        if (_current is not { } counter) return null;
        var (seen, kernel) = (x.shape, weight.shape);
        return counter.Product(x, weight, [seen[0], kernel[0], Side(seen[2]), Side(seen[3])]);

        long Side(long length) => (length + 2 * padding - kernel[2]) / stride + 1;
    }

    /// <summary>What attention gives for each query; null where nothing is counted.</summary>
    /// <param name="queries">[n, queries, width].</param> <param name="keys">[n, keys, width], and as many values.</param>
    public static Tensor? Attention(Tensor queries, Tensor keys)
    {
        if (_current is not { } counter) return null;
        counter.Flops += 2 * 2.0 * queries.numel() * keys.shape[1];
        return empty_like(queries);
    }

    /// <summary>A norm's output, whose operations are not counted; null where nothing is counted.</summary>
    public static Tensor? Norm(Tensor x) => _current is null ? null : empty_like(x);

    /// <summary>Vectors looked up in a table [count, width]; null where nothing is counted.</summary>
    public static Tensor? LookUp(Tensor ids, Tensor table) => _current is null ? null : empty([.. ids.shape, table.shape[1]], device: META);

    /// <summary>Notes that so many values are held for a moment beside those that are held for longer.</summary>
    public void Touch(double values) => PeakValues = Math.Max(PeakValues, _held + values);

    /// <summary>Notes that a tensor is held until <see cref="Release"/>.</summary>
    public void Hold(Tensor held) => _held += held.numel();

    /// <summary>Notes that a tensor is let go.</summary>
    public void Release(Tensor held) => _held -= held.numel();

    private Tensor Product(Tensor x, Tensor weight, long[] shape)
    {
        var made = empty(shape, device: META);
        Flops += 2.0 * made.numel() * (weight.numel() / weight.shape[0]);
        LargestWeight = Math.Max(LargestWeight, weight.numel());
        Touch(x.numel() + made.numel());
        return made;
    }
}
