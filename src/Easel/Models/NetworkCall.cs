using Easel.Models.Control;
using Easel.Sampling;

namespace Easel.Models;

/// <summary>One call of the denoising network. What stands around the network adds to it.</summary>
/// <param name="X">[rows, c, h, w], latents in the network's own scale.</param> <param name="Timestep">0 to 999, fractions allowed.</param>
/// <param name="Rows">What each row is: a picture of the batch and what the network is told of it. The contexts of all are of one length.</param>
internal sealed record NetworkCall(Tensor X, double Timestep, Evaluation At, IReadOnlyList<GuidanceRow> Rows)
{
    /// <summary>The place of <see cref="X"/> among the tiles of the latents; 0 where they are seen as a whole.</summary>
    public int Tile { get; init; }

    /// <summary>[rows], int64, class labels, for a network that has them.</summary>
    public Tensor? Labels { get; init; }

    /// <summary>The contexts of the rows with the keys and values made of them; null to make them for this call.</summary>
    public ContextKeys? Context { get; init; }

    /// <summary>Where features of the network's deep part are reused; null where everything is computed.</summary>
    public DeepRows? Deep { get; init; }

    /// <summary>What other networks add to the network on its way; null for nothing.</summary>
    public ControlSignals? Control { get; init; }

    /// <summary>The rows of a tensor that holds one for each picture of the batch.</summary>
    public Tensor RowsOf(Tensor pictures)
    {
        var places = Rows.Select(row => (long)row.Picture).ToArray();
        var isWhole = places.SequenceEqual(Enumerable.Range(0, (int)pictures.shape[0]).Select(i => (long)i));
        return isWhole ? pictures : pictures.index_select(0, tensor(places, device: pictures.device));
    }
}

/// <summary>Answers a call, on the CPU in fp32: the network itself, or the network with something around it.</summary>
/// <returns>[rows, channels of the latents, h, w].</returns>
internal delegate Tensor Predictor(NetworkCall call);
