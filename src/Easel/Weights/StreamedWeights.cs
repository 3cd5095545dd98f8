using Easel.Models;

namespace Easel.Weights;

/// <summary>The weights of a network that its layers can read whenever they run.</summary>
/// <param name="Values">Values of all.</param> <param name="Largest">Values of the largest, one of which is in memory at a time.</param>
internal readonly record struct StreamedWeights(long Values, long Largest)
{
    public static StreamedWeights Of(Module network)
    {
        var values = network.modules().OfType<Layer>().Distinct().Select(layer => layer.StreamableValues).ToList();
        return new(values.Sum(), values.DefaultIfEmpty().Max());
    }
}
