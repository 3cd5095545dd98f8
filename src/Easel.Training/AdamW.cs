using static TorchSharp.torch;

namespace Easel.Training;

/// <summary>"Decoupled Weight Decay Regularization", arXiv 1711.05101, over one long vector, with the gradient's norm held down before.</summary>
internal sealed class AdamW(FlatWeights weights, double weightDecay, double maxNorm = 1, double beta1 = 0.9, double beta2 = 0.99, double epsilon = 1e-8)
{
    /// <summary>The running mean of the gradients.</summary>
    public Tensor Mean { get; } = zeros(weights.Count).DetachFromDisposeScope();

    /// <summary>The running mean of their squares.</summary>
    public Tensor Square { get; } = zeros(weights.Count).DetachFromDisposeScope();

    /// <summary>Moves the weights by their gradients, then clears those.</summary>
    /// <param name="step">The number of this step, from 1.</param>
    /// <param name="rate">The learning rate.</param>
    /// <returns>The norm of the gradient as it came.</returns>
    public double Step(long step, double rate)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var gradient = weights.Gradients;
        var norm = gradient.norm().item<float>();
        if (!float.IsFinite(norm)) // one bad batch must not end a long run
        {
            gradient.zero_();
            return norm;
        }
        if (norm > maxNorm) gradient.mul_(maxNorm / norm);
        Mean.mul_(beta1).add_(gradient, alpha: 1 - beta1);
        Square.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
        var spread = Square.sqrt().div_(Math.Sqrt(1 - Math.Pow(beta2, step))).add_(epsilon);
        weights.Values.narrow(0, 0, weights.DecayedCount).mul_(1 - rate * weightDecay);
        weights.Values.addcdiv_(Mean, spread, -rate / (1 - Math.Pow(beta1, step)));
        gradient.zero_();
        return norm;
    }
}
