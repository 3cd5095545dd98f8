using Easel.Models;
using Easel.Sampling;

namespace Easel.Pipeline;

/// <summary>What one batch leaves out of its work, see <see cref="FastLevel"/>.</summary>
internal sealed class Shortcuts(Savings savings) : IDisposable
{
    private double _last = double.PositiveInfinity;

    /// <summary>Whether guidance acts in the evaluation that is running.</summary>
    public bool Guides { get; private set; } = true;

    /// <summary>The deep features that are reused; null where all is computed.</summary>
    public DeepFeatures? Deep { get; } = savings.DeepEvery > 1 ? new DeepFeatures(savings.DeepEvery, savings.OuterBlocks) : null;

    /// <summary>The denoiser, telling this of each evaluation before it is made.</summary>
    public Denoiser Around(Denoiser denoise) => (x, at) =>
    {
        Guides = savings.Guides(at.Sigma);
        Deep?.NextEvaluation(afresh: at.Sigma > _last); // what was seen in less noise says little about more, as after a restart
        _last = at.Sigma;
        return denoise(x, at);
    };

    public void Dispose() => Deep?.Dispose();
}
