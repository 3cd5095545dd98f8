using System.Collections.Concurrent;
using Easel.Models;
using Easel.Models.Control;
using Easel.Weights;

namespace Easel.Planning;

/// <summary>What one pass through a network costs, counted by running it without weights, once for each shape.</summary>
/// <param name="Flops"><inheritdoc cref="WorkCounter.Flops" path="/summary/node()"/></param>
/// <param name="PeakValues"><inheritdoc cref="WorkCounter.PeakValues" path="/summary/node()"/></param>
/// <param name="LargestWeight"><inheritdoc cref="WorkCounter.LargestWeight" path="/summary/node()"/></param>
internal readonly record struct NetworkWork(double Flops, double PeakValues, double LargestWeight)
{
    /// <summary>What was counted of the networks of each configuration, while that is in use: a run asks at every step.</summary>
    private static readonly ConditionalWeakTable<object, ConcurrentDictionary<object, NetworkWork>> Known = [];

    /// <summary>A pass through the UNet.</summary>
    /// <param name="rows">Latents seen at once: twice the pictures where there is guidance.</param>
    /// <param name="outerBlocks">Blocks of the finest level to which a pass that reuses deep features is confined; null for the whole network.</param>
    public static NetworkWork OfUNet(UNetConfig config, long rows, long height, long width, long tokens = 77, int? outerBlocks = null) =>
        Of(config, (rows, height, width, tokens, outerBlocks), () =>
        {
            using var unet = new UNet(config);
            if (outerBlocks is not { } outer) return Count(() => Pass(null));
            using var features = new DeepFeatures(every: 2, outer);
            var deep = new DeepRows(features, [.. Enumerable.Range(0, (int)rows).Select(row => new DeepFeatures.Question(row, null, 0))]);
            _ = Count(() => Pass(deep));
            return Count(() => Pass(deep)); // in which the features of the pass before are reused

            void Pass(DeepRows? deep) => unet.Predict(Shaped(rows, config.InChannels, height, width), Shaped(rows), new ContextKeys(Shaped(rows, tokens,
                config.ContextWidth), config.VectorWidth > 0 ? Shaped(rows, config.VectorWidth) : null),
                config.ClassCount > 0 ? Shaped(rows) : null, deep);
        });

    /// <summary>What of a UNet's weights can be read whenever a layer runs.</summary>
    public static RestableWeights StreamedOf(UNetConfig config)
    {
        using var unet = new UNet(config);
        return RestableWeights.Of(unet);
    }

    /// <summary>A pass through a ControlNet, its view of the hint apart, which is made once.</summary>
    public static NetworkWork OfControlNet(ControlNetConfig config, long rows, long height, long width, long tokens = 77) =>
        Of(config, ("control", rows, height, width, tokens), () =>
        {
            using var net = new ControlNet(config);
            var encoder = config.Encoder;
            return Count(() => net.Predict(Shaped(rows, encoder.InChannels, height, width), Shaped(rows),
                new ContextKeys(Shaped(rows, tokens, encoder.ContextWidth), encoder.VectorWidth > 0 ? Shaped(rows, encoder.VectorWidth) : null),
                Shaped(1, encoder.Channels[0], height, width), [0]));
        });

    /// <summary>Latents [rows, c, height, width] to pictures.</summary>
    public static NetworkWork OfDecoder(AutoencoderConfig config, long rows, long height, long width) => Of(config, ("decoder", rows, height, width), () =>
    {
        using var autoencoder = new Autoencoder(config);
        return Count(() => autoencoder.Decode(Shaped(rows, config.LatentChannels, height, width)));
    });

    /// <summary>Pictures to latents [rows, c, height, width].</summary>
    public static NetworkWork OfEncoder(AutoencoderConfig config, long rows, long height, long width) => Of(config, ("encoder", rows, height, width), () =>
    {
        using var autoencoder = new Autoencoder(config);
        return Count(() => autoencoder.Encode(Shaped(rows, 3, height * config.Factor, width * config.Factor)));
    });

    private static NetworkWork Of(object config, object shape, Func<NetworkWork> count) => Known.GetOrCreateValue(config).GetOrAdd(shape, _ => count());

    private static NetworkWork Count(Action pass)
    {
        var counter = WorkCounter.Count(pass);
        return new(counter.Flops, counter.PeakValues, counter.LargestWeight);
    }

    private static Tensor Shaped(params long[] shape) => empty(shape, device: META);
}
