using Easel.Models;
using Easel.Models.Control;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Weights;

namespace Easel.Planning;

/// <summary>When a network works. Those of one stage are in memory together.</summary>
internal enum Stage
{
    /// <summary>Words to vectors.</summary>
    Reading,

    /// <summary>The steps.</summary>
    Denoising,

    /// <summary>Pixels to latents and back.</summary>
    Pixels,
}

/// <summary>What networks are run on.</summary>
/// <param name="Rows">Latents that are seen at once: the batch, twice where there is guidance.</param>
/// <param name="DecoderTile">The side of the autoencoder's tiles in latent positions; null for the whole picture at once.</param>
/// <param name="OuterBlocks">Blocks of the finest level to which a pass that reuses deep features is confined; null for the whole network.</param>
internal readonly record struct RunSize(int Rows, (long Height, long Width) Latent, bool Encodes = false, int? DecoderTile = null, int? OuterBlocks = null)
{
    /// <summary>Height and width of what is seen at once through tiles of a side.</summary>
    public (long Height, long Width) Seen(int? tile) => (Math.Min(Latent.Height, tile ?? Latent.Height), Math.Min(Latent.Width, tile ?? Latent.Width));
}

/// <summary>A network of a model as planning sees it.</summary>
/// <param name="Passes">What its passes on something cost, each for as much as it is given at once; none where that is nothing beside its weights.</param>
internal sealed record PlannedNetwork(Stage Stage, long Values, Func<RunSize, IEnumerable<NetworkWork>> Passes)
{
    /// <summary>What of its weights can be read whenever a layer runs; null where that is not done.</summary>
    public Lazy<RestableWeights>? Streamed { get; init; }

    /// <summary>Bytes of its weights.</summary>
    public double Bytes(NumberFormat format) => MemoryPlan.Weights(Values, Stage == Stage.Pixels ? format with { Weights = WeightFormat.Full } : format);

    /// <summary>Bytes of its weights where they are streamed as far as they can be: the rest, and one as it is read, as it is widened, and as it is laid out
    /// for the processor.</summary>
    public double BytesStreamed(NumberFormat format) => Streamed is { Value: var streamed }
        ? MemoryPlan.Weights(Values - streamed.Values, format with { Weights = WeightFormat.Full }) + 3.0 * streamed.Largest * sizeof(float) : Bytes(format);
}

/// <summary>What of a model decides how much memory it takes.</summary>
/// <param name="Autoencoder">The autoencoder's shape; null where there is none, or a tiny one that needs next to nothing decodes.</param>
internal sealed record ModelSize(ModelFamily Family, IReadOnlyList<PlannedNetwork> Networks, AutoencoderConfig? Autoencoder)
{
    public static ModelSize Of(Checkpoint checkpoint)
    {
        var (unet, autoencoder, text) = checkpoint.ParameterCounts;
        var (family, config, pixels) = (checkpoint.Family, checkpoint.UNet, checkpoint.Autoencoder);
        return new ModelSize(family,
        [
            new(Stage.Reading, text, _ => []),
            new(Stage.Denoising, unet, run => [OfUNet(run)]) { Streamed = new(() => NetworkWork.StreamedOf(config)) },
            new(Stage.Pixels, autoencoder, run => pixels is null ? [] : OfAutoencoder(pixels, run)),
        ], pixels);

        NetworkWork OfUNet(RunSize run)
        {
            var (height, width) = run.Seen(family.UNetTile);
            return NetworkWork.OfUNet(config, run.Rows, height, width, outerBlocks: run.OuterBlocks);
        }

        IEnumerable<NetworkWork> OfAutoencoder(AutoencoderConfig pixels, RunSize run)
        {
            var (height, width) = run.Seen(run.DecoderTile);
            yield return NetworkWork.OfDecoder(pixels, 1, height, width);
            if (run.Encodes && family.PicturesEncoded > 0) yield return NetworkWork.OfEncoder(pixels, 1, height, width);
        }
    }

    /// <summary>A model that does the last steps of what another began, and needs no autoencoder for that.</summary>
    public static ModelSize OfRefiner(Checkpoint checkpoint) =>
        Of(checkpoint) is var whole ? whole with { Networks = [.. whole.Networks.Where(network => network.Stage != Stage.Pixels)], Autoencoder = null } : whole;

    /// <summary>A loaded model with the networks that steer it.</summary>
    public static ModelSize Of(LoadedNetworks model) => Of(model.Checkpoint).With(model.Steering);

    /// <summary>The model with networks that steer it at every step. What they are to add is held while the UNet runs.</summary>
    public ModelSize With(IEnumerable<ControlFile> steering)
    {
        var added = steering.Select(file => new PlannedNetwork(Stage.Denoising, file.Slot.Values,
            run => file.Network is ControlNet { Config: var config } ? OfControlNet(config, run) : [])).ToList();
        return added.Count == 0 ? this : this with { Networks = [.. Networks, .. added] };

        IEnumerable<NetworkWork> OfControlNet(ControlNetConfig config, RunSize run)
        {
            var (height, width) = run.Seen(Family.UNetTile);
            yield return NetworkWork.OfControlNet(config, run.Rows, height, width);
            var unet = Networks.Where(network => network.Stage == Stage.Denoising).SelectMany(network => network.Passes(run)).Max(work => work.PeakValues);
            yield return new NetworkWork(0, unet + config.AddedValues(run.Rows, height, width), 0);
        }
    }

    /// <summary>Bytes of the weights that a model has in memory.</summary>
    public static double Taken(LoadedNetworks model) => model.BytesInMemory;

    /// <summary>Values of the weights of a stage's networks; of all where none is named.</summary>
    public long Values(Stage? stage = null) => Networks.Where(network => stage is null || network.Stage == stage).Sum(network => network.Values);

    /// <summary>Operations of one look at the latents: a pass of every network of the steps, over all tiles.</summary>
    public double LookFlops(RunSize run) => Tiles.Count(run.Latent, Family.UNetTile)
        * Networks.Where(network => network.Stage == Stage.Denoising).SelectMany(network => network.Passes(run)).Sum(work => work.Flops);
}
