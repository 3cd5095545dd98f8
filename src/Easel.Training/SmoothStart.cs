using Easel.Models;

namespace Easel.Training;

/// <summary>
/// Sets an autoencoder so that it does something sensible before any training. The encoder is set for good: the five channels of a latent are the mean red,
/// green and blue of each 8 x 8 pixels, how much lighter their left half is than the right, and the upper than the lower. Between them these carry nearly as
/// much of drawings as the five best linear measures of such a square do (its first five principal components, 22 dB), and with its neighbours they tell
/// where a straight edge runs through it. The decoder begins as a smooth enlargement of the three means, and learns the rest.
/// </summary>
/// <remarks>
/// The networks' last norm and activation stand in the way of passing a number through. Two tricks: in a norm's group of x, -x, K and -K with a large K, mean
/// and spread hardly depend on x; and silu(x) - silu(-x) = x.
/// </remarks>
internal static class SmoothStart
{
    public const int Groups = 8; // groups of each norm: few enough that each has four channels
    public const int LatentChannels = 5; // channels of a latent

    private const int InAGroup = 4; // channels that a feature takes: x, -x, K, -K
    private const double Large = 4;
    private static readonly double[] Luma = [0.299, 0.587, 0.114];
    private static readonly double[,] Binomial = { { 1 / 16.0, 2 / 16.0, 1 / 16.0 }, { 2 / 16.0, 4 / 16.0, 2 / 16.0 }, { 1 / 16.0, 2 / 16.0, 1 / 16.0 } };

    public static void Set(Autoencoder network)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var parameters = network.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter);
        foreach (var (name, value) in parameters)
            // residual branches say nothing yet
            if (name.Contains(".conv2.", StringComparison.Ordinal) || name.Contains(".to_out.", StringComparison.Ordinal)) value.zero_();
        SetEncoder(network.Config, parameters);
        SetDecoder(network.Config, parameters);
    }

    private static void SetEncoder(AutoencoderConfig config, Dictionary<string, Tensor> parameters)
    {
        // The coarsest level's norm has a feature in each group; where that level is wider than the one before, its shortcut lays them apart.
        var (last, spread) = (config.Channels.Count - 1, config.Channels[^1] / Groups);
        var side = config.Channels[last] == config.Channels[last - 1] ? spread : InAGroup;

        Clear("encoder.conv_in");
        for (var c = 0; c < 3; c++) Put("encoder.conv_in.weight", c, c, 1, 1, 1);
        for (var level = 0; level < config.Channels.Count; level++)
        {
            var shortcut = $"encoder.down_blocks.{level}.resnets.0.conv_shortcut";
            if (parameters.ContainsKey(shortcut + ".weight"))
            {
                Clear(shortcut);
                if (level < last)
                    for (var c = 0; c < parameters[shortcut + ".weight"].shape[1]; c++) Put(shortcut + ".weight", c, c, 0, 0, 1);
                else
                    for (var i = 0; i < LatentChannels * InAGroup; i++) Put(shortcut + ".weight", i / InAGroup * spread + i % InAGroup, i, 0, 0, 1);
            }
            var down = $"encoder.down_blocks.{level}.downsamplers.0.conv";
            if (!parameters.ContainsKey(down + ".weight")) continue;
            Clear(down);
            if (level < last - 1)
            {
                for (var c = 0; c < 3; c++) Mean(down, c, c, 1);
                continue;
            }
            for (var feature = 0; feature < LatentChannels; feature++)
            {
                for (var sign = 0; sign < 2; sign++)
                {
                    var row = feature * side + sign;
                    if (feature < 3) Mean(down, row, feature, 1 - 2 * sign);
                    else
                        for (var c = 0; c < 3; c++)
                            for (var y = 0; y < 2; y++)
                                for (var x = 0; x < 2; x++)
                                    Put(down + ".weight", row, c, y, x, (1 - 2 * sign) * (1 - 2 * (feature == 3 ? x : y)) * Luma[c] / 2);
                    parameters[down + ".bias"][feature * side + 2 + sign].fill_((1 - 2 * sign) * Large);
                }
            }
        }

        Clear("encoder.conv_out");
        Clear("quant_conv");
        // The variance of such a group is (2 K K + 2 x x) / width.
        parameters["encoder.conv_norm_out.weight"].fill_(Large * Math.Sqrt(2.0 / spread));
        for (var feature = 0; feature < LatentChannels; feature++)
        {
            Put("encoder.conv_out.weight", feature, feature * spread, 1, 1, 1);
            Put("encoder.conv_out.weight", feature, feature * spread + 1, 1, 1, -1);
        }
        for (var i = 0; i < 2 * LatentChannels; i++) Put("quant_conv.weight", i, i, 0, 0, 1);
        parameters["quant_conv.bias"][LatentChannels..].fill_(-8); // log variance: next to none

        void Mean(string conv, int row, int from, double sign)
        {
            for (var y = 0; y < 2; y++)
                for (var x = 0; x < 2; x++) Put(conv + ".weight", row, from, y, x, sign / 4);
        }

        void Clear(string layer)
        {
            parameters[layer + ".weight"].zero_();
            parameters[layer + ".bias"].zero_();
        }

        void Put(string weight, long row, long from, long y, long x, double value) => parameters[weight][row, from, y, x].fill_(value);
    }

    private static void SetDecoder(AutoencoderConfig config, Dictionary<string, Tensor> parameters)
    {
        parameters["post_quant_conv.weight"].copy_(eye(config.LatentChannels).view(config.LatentChannels, config.LatentChannels, 1, 1));
        parameters["post_quant_conv.bias"].zero_();
        var last = config.Channels.Count - 1;
        var width = config.Channels[0] / Groups;
        for (var c = 0; c < 3; c++)
        {
            Row("decoder.conv_in", c, c, 1, smooth: false);
            for (var level = 0; level <= last; level++)
            {
                var shortcut = $"decoder.up_blocks.{level}.resnets.0.conv_shortcut";
                if (parameters.ContainsKey(shortcut + ".weight"))
                {
                    if (level < last) Row(shortcut, c, c, 1, smooth: false);
                    else
                        for (var i = 0; i < 4; i++) Row(shortcut, c * width + i, c * width + i, 1, smooth: false);
                }
                if (level == last) continue;
                var up = $"decoder.up_blocks.{level}.upsamplers.0.conv";
                if (level < last - 1)
                {
                    Row(up, c, c, 1, smooth: true);
                    continue;
                }
                for (var sign = 0; sign < 2; sign++)
                {
                    Row(up, c * width + sign, c, 1 - 2 * sign, smooth: true);
                    Row(up, c * width + 2 + sign, c, 0, smooth: true);
                    parameters[up + ".bias"][c * width + 2 + sign].fill_((1 - 2 * sign) * Large);
                }
            }
        }
        parameters["decoder.conv_norm_out.weight"].fill_(Large * Math.Sqrt(2.0 / width));
        parameters["decoder.conv_out.weight"].zero_();
        parameters["decoder.conv_out.bias"].zero_();
        for (var c = 0; c < 3; c++)
            for (var sign = 0; sign < 2; sign++) parameters["decoder.conv_out.weight"][c, c * width + sign, 1, 1].fill_(1 - 2 * sign);

        void Row(string layer, long row, long from, double value, bool smooth)
        {
            var weight = parameters[layer + ".weight"];
            weight[row].zero_();
            parameters[layer + ".bias"][row].zero_();
            if (!smooth) weight[row, from, weight.shape[2] / 2, weight.shape[3] / 2].fill_(value);
            else
                for (var y = 0; y < 3; y++)
                    for (var x = 0; x < 3; x++) weight[row, from, y, x].fill_(value * Binomial[y, x]);
        }
    }
}
