using System.Numerics;
using Easel.Kernels;

namespace Easel.Training;

/// <summary>
/// "Decoupled Weight Decay Regularization", arXiv 1711.05101, over one long vector, with the gradient's norm held down before. All is done in one pass over
/// memory: as operations on whole tensors it takes a tenth of a step.
/// </summary>
internal sealed unsafe class AdamW(FlatWeights weights, double weightDecay, double maxNorm = 1, double beta1 = 0.9, double beta2 = 0.99, double epsilon = 1e-8)
{
    private const int AtOnce = 1 << 16;

    public Tensor Mean { get; } = zeros(weights.Count).DetachFromDisposeScope();
    public Tensor Square { get; } = zeros(weights.Count).DetachFromDisposeScope();

    /// <summary>Moves the weights by their gradients, then clears those.</summary>
    /// <param name="step">The number of this step, from 1.</param>
    public double Step(long step, double rate)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var norm = weights.Gradients.norm().item<float>();
        if (!float.IsFinite(norm)) // one bad batch must not end a long run
        {
            weights.Gradients.zero_();
            return norm;
        }
        float* value = Address(weights.Values), gradient = Address(weights.Gradients), mean = Address(Mean), square = Address(Square);
        var (count, decayed) = (weights.Count, weights.DecayedCount);
        var scale = new Vector<float>((float)(norm > maxNorm ? maxNorm / norm : 1));
        var (newOfMean, newOfSquare) = (new Vector<float>((float)(1 - beta1)), new Vector<float>((float)(1 - beta2)));
        var correction = new Vector<float>((float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step))));
        var (pace, least) = (new Vector<float>((float)(rate / (1 - Math.Pow(beta1, step)))), new Vector<float>((float)epsilon));
        var worn = (float)(1 - rate * weightDecay);
        Parallel.For(0, (int)((count + AtOnce - 1) / AtOnce), new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, chunk =>
        {
            var (at, end) = (chunk * (long)AtOnce, Math.Min(count, (chunk + 1L) * AtOnce));
            for (; at + Vector<float>.Count <= end; at += Vector<float>.Count)
            {
                var keep = at + Vector<float>.Count <= decayed ? new Vector<float>(worn) : at >= decayed ? Vector<float>.One : Partly(at);
                var g = Vector.Load(gradient + at) * scale;
                var m = Vector.Load(mean + at);
                var s = Vector.Load(square + at);
                m += (g - m) * newOfMean;
                s += (g * g - s) * newOfSquare;
                (Vector.Load(value + at) * keep - pace * m / (Vector.SquareRoot(s) * correction + least)).Store(value + at);
                m.Store(mean + at);
                s.Store(square + at);
                Vector<float>.Zero.Store(gradient + at);
            }
            for (; at < end; at++)
            {
                var g = gradient[at] * scale[0];
                mean[at] += (g - mean[at]) * newOfMean[0];
                square[at] += (g * g - square[at]) * newOfSquare[0];
                value[at] = value[at] * (at < decayed ? worn : 1) - pace[0] * mean[at] / (MathF.Sqrt(square[at]) * correction[0] + least[0]);
                gradient[at] = 0;
            }
        });
        return norm;

        // Where the last weight that decays and the first that does not lie in one vector.
        Vector<float> Partly(long at) => new([.. Enumerable.Range(0, Vector<float>.Count).Select(i => at + i < decayed ? worn : 1f)]);
        static float* Address(Tensor tensor) => (float*)TensorMemory.Address(tensor);
    }
}
