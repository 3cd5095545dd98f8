using Easel.Models;
using Easel.Sampling;

namespace Easel.Pipeline;

/// <summary>What stands around the denoising network in a run. Each takes a function and gives one of the same or the next kind: what answers a call, what
/// answers with guidance, a denoiser. More of the kind are where their state is: <see cref="TaskInputs"/>, <see cref="PromptMemory"/>,
/// <see cref="DeepFeatures"/>, <see cref="Planning.RunMeter"/>.</summary>
internal static class Wrappers
{
    /// <summary>The network, seeing large latents in tiles.</summary>
    /// <param name="side">Side of a tile in positions; null for the whole at once.</param>
    /// <param name="onPart">Told the share of a call that is done, where it is made in tiles.</param>
    public static Predictor InTiles(this Predictor predict, int? side, Action<Evaluation, double> onPart) => side is null ? predict : call =>
    {
        var tiles = 0;
        return Tiles.Map(call.X, side, scaleUp: 1, scaleDown: 1, tile => predict(call with { X = tile, Tile = tiles++ }), (done, all) =>
        {
            if (done < all) onPart(call.At, (double)done / all);
        });
    };

    /// <summary>The network, asked with guidance: about each picture under each of its conditions, and its answers combined.</summary>
    /// <param name="guidance">The conditions and the scale.</param>
    /// <param name="actsAt">Whether guidance acts in an evaluation ("Applying Guidance in a Limited Interval", arXiv 2404.07724).</param>
    /// <exception cref="NonFiniteException">An answer holds numbers that are none.</exception>
    public static Func<Tensor, double, Evaluation, Tensor> Guided(this Predictor predict, Guidance guidance, Func<Evaluation, bool> actsAt) =>
        (x, timestep, at) =>
    {
        var answer = guidance.Answer(x, at, actsAt(at), (rowsOfX, rows) => predict(new NetworkCall(rowsOfX, timestep, at, rows)));
        NonFiniteException.ThrowIfAny(answer);
        return answer;
    };
}
