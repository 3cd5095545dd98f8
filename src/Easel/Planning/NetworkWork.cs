using Easel.Models;

namespace Easel.Planning;

/// <summary>What one pass through a network costs, counted from its shape alone.</summary>
/// <param name="Flops">Floating-point operations of convolutions, linear layers and attention, two for each multiplication and addition. All else is a few percent of the time.</param>
/// <param name="PeakValues">The most values that are held at once beside the weights.</param>
internal readonly record struct NetworkWork(double Flops, double PeakValues)
{
    /// <summary>A pass through the UNet.</summary>
    /// <param name="config">The network's shape.</param>
    /// <param name="rows">Latents seen at once: twice the pictures where there is guidance.</param>
    /// <param name="height">Height of the latents.</param>
    /// <param name="width">Width of the latents.</param>
    /// <param name="tokens">Length of the context.</param>
    /// <param name="outerBlocks">Blocks of the finest level to which a pass that reuses deep features is confined; null for the whole network.</param>
    public static NetworkWork OfUNet(UNetConfig config, long rows, long height, long width, long tokens = 77, int? outerBlocks = null)
    {
        var walk = new Walk(rows, height, width);
        var (levels, blocks) = (config.Channels.Count, config.BlocksPerLevel);
        var outer = Math.Min(outerBlocks ?? blocks, blocks);
        var timeWidth = 4L * config.Channels[0];
        walk.Linear(1, config.Channels[0], timeWidth);
        walk.Linear(1, timeWidth, timeWidth);

        walk.Convolution(config.InChannels, config.Channels[0]);
        var skips = new Stack<(int Channels, (long, long) Size)>();
        Push(config.Channels[0]);
        for (var level = 0; level < (outerBlocks is null ? levels : 1); level++)
        {
            for (var i = 0; i < (outerBlocks is null ? blocks : outer); i++)
            {
                walk.Resnet(i == 0 ? config.Channels[Math.Max(level - 1, 0)] : config.Channels[level], config.Channels[level], timeWidth);
                walk.Transformers(config.Channels[level], config.Attention[level], config.ContextWidth, tokens);
                Push(config.Channels[level]);
            }
            if (outerBlocks is not null || level == levels - 1) continue;
            walk.Halve();
            walk.Convolution(config.Channels[level], config.Channels[level]);
            Push(config.Channels[level]);
        }

        if (outerBlocks is null)
        {
            walk.Resnet(config.Channels[^1], config.Channels[^1], timeWidth);
            walk.Transformers(config.Channels[^1], config.MiddleAttention, config.ContextWidth, tokens);
            walk.Resnet(config.Channels[^1], config.Channels[^1], timeWidth);
        }

        for (var level = outerBlocks is null ? levels - 1 : 0; level >= 0; level--)
        {
            for (var i = outerBlocks is null ? 0 : blocks - outer; i <= blocks; i++)
            {
                var skip = skips.Pop();
                var inputs = (i == 0 ? config.Channels[Math.Min(level + 1, levels - 1)] : config.Channels[level]) + skip.Channels;
                walk.Hold(inputs, () => walk.Resnet(inputs, config.Channels[level], timeWidth)); // the two that were joined beside their joint
                walk.Transformers(config.Channels[level], config.Attention[level], config.ContextWidth, tokens);
                walk.Release(skip.Channels);
            }
            if (level == 0) continue;
            walk.Resize(skips.Peek().Size);
            walk.Hold(config.Channels[level], () => walk.Convolution(config.Channels[level], config.Channels[level]));
        }
        walk.Hold(config.Channels[0], () => walk.Convolution(config.Channels[0], config.OutChannels));
        return walk.Work;

        void Push(int channels)
        {
            skips.Push((channels, walk.Size));
            walk.Keep(channels);
        }
    }

    /// <summary>Latents [rows, c, height, width] to pictures.</summary>
    public static NetworkWork OfDecoder(AutoencoderConfig config, long rows, long height, long width)
    {
        var walk = new Walk(rows, height, width);
        walk.Pointwise(config.LatentChannels, config.LatentChannels);
        walk.Convolution(config.LatentChannels, config.Channels[^1]);
        walk.Middle(config.Channels[^1]);
        for (var level = config.Channels.Count - 1; level >= 0; level--)
        {
            var channels = config.Channels[level];
            for (var i = 0; i <= config.BlocksPerLevel; i++) walk.Resnet(i == 0 ? config.Channels[Math.Min(level + 1, config.Channels.Count - 1)] : channels, channels, timeWidth: 0);
            if (level == 0) continue;
            walk.Resize((2 * walk.Size.Height, 2 * walk.Size.Width));
            walk.Hold(channels, () => walk.Convolution(channels, channels));
        }
        walk.Hold(config.Channels[0], () => walk.Convolution(config.Channels[0], 3));
        return walk.Work;
    }

    /// <summary>Pictures to latents [rows, c, height, width].</summary>
    public static NetworkWork OfEncoder(AutoencoderConfig config, long rows, long height, long width)
    {
        var walk = new Walk(rows, height * config.Factor, width * config.Factor);
        walk.Convolution(3, config.Channels[0]);
        for (var level = 0; level < config.Channels.Count; level++)
        {
            var channels = config.Channels[level];
            for (var i = 0; i < config.BlocksPerLevel; i++) walk.Resnet(i == 0 ? config.Channels[Math.Max(level - 1, 0)] : channels, channels, timeWidth: 0);
            if (level == config.Channels.Count - 1) continue;
            walk.Resize((walk.Size.Height / 2, walk.Size.Width / 2));
            walk.Hold(4 * channels, () => walk.Convolution(channels, channels)); // its input, four times as large
        }
        walk.Middle(config.Channels[^1]);
        walk.Convolution(config.Channels[^1], 2 * config.LatentChannels);
        walk.Pointwise(2 * config.LatentChannels, 2 * config.LatentChannels);
        return walk.Work;
    }

    /// <summary>A prompt of <paramref name="tokens"/> tokens to vectors.</summary>
    public static NetworkWork OfText(ClipTextConfig config, long rows, long tokens = 77)
    {
        var walk = new Walk(rows, 1, tokens);
        for (var layer = 0; layer < config.Layers - config.UnusedLayers; layer++)
        {
            walk.Attention(config.Width, config.Width, tokens, tokens);
            walk.Linear(tokens, config.Width, config.FeedForwardWidth);
            walk.Linear(tokens, config.FeedForwardWidth, config.Width);
        }
        return walk.Work;
    }

    /// <summary>Follows the layers of a network, adding up their operations and noting the most that is held. Values are counted as channels at the current size.</summary>
    private sealed class Walk(long rows, long height, long width)
    {
        private double _flops, _held, _peak;

        public (long Height, long Width) Size { get; private set; } = (height, width);

        public NetworkWork Work => new(_flops, _peak);

        private double Positions => (double)rows * Size.Height * Size.Width;

        public void Resize((long, long) size) => Size = size;

        /// <summary>A convolution of stride 2 that pads all sides: an odd side is rounded up.</summary>
        public void Halve() => Size = ((Size.Height + 1) / 2, (Size.Width + 1) / 2);

        public void Keep(double channels) => _held += channels * Positions;

        public void Release(double channels) => _held -= channels * Positions;

        /// <summary>Holds so many channels while something is done.</summary>
        public void Hold(double channels, Action work)
        {
            Keep(channels);
            work();
            Release(channels);
        }

        /// <summary>Three by three; its input and its output are held.</summary>
        public void Convolution(double inputs, double outputs)
        {
            _flops += 2 * 9 * inputs * outputs * Positions;
            Touch(inputs + outputs);
        }

        public void Pointwise(double inputs, double outputs) => _flops += 2 * inputs * outputs * Positions;

        /// <summary>A linear layer over so many vectors of each row.</summary>
        public void Linear(double vectors, double inputs, double outputs) => _flops += 2 * rows * vectors * inputs * outputs;

        /// <summary>Input, its norm, the first convolution's output, its norm, and the sum.</summary>
        public void Resnet(double inputs, double outputs, double timeWidth)
        {
            Convolution(inputs, outputs);
            Linear(1, timeWidth, outputs);
            Convolution(outputs, outputs);
            if (inputs != outputs) Pointwise(inputs, outputs);
            Touch(2 * inputs + 3 * outputs);
        }

        public void Transformers(double channels, AttentionLevel level, double contextWidth, double tokens)
        {
            if (level.Depth == 0) return;
            var positions = Size.Height * Size.Width;
            Pointwise(channels, channels);
            Pointwise(channels, channels);
            for (var i = 0; i < level.Depth; i++)
            {
                if (level.SelfAttention) Attention(channels, channels, positions, positions);
                else Attention(channels, contextWidth, positions, tokens);
                Attention(channels, contextWidth, positions, tokens);
                Linear(positions, channels, 8 * channels);
                Linear(positions, 4 * channels, channels);
            }
            Touch(15 * channels); // picture, norm, projection, three norms inside; the gated unit's two halves and what comes of them
        }

        /// <summary>The projections of queries, keys, values and output, and the two products of attention.</summary>
        public void Attention(double channels, double contextWidth, double queries, double keys)
        {
            Linear(queries, channels, 2 * channels);
            Linear(keys, contextWidth, 2 * channels);
            _flops += 2 * 2 * rows * queries * keys * channels;
        }

        /// <summary>The middle of the autoencoder.</summary>
        public void Middle(double channels)
        {
            var positions = Size.Height * Size.Width;
            Resnet(channels, channels, timeWidth: 0);
            Attention(channels, channels, positions, positions);
            Touch(7 * channels);
            Resnet(channels, channels, timeWidth: 0);
        }

        private void Touch(double channels) => _peak = Math.Max(_peak, _held + channels * Positions);
    }
}
