using Easel.Models;
using Easel.Planning;

namespace Easel.Tests.Planning;

/// <summary>Guards the counting of operations, on which the expected times rest, against counts made by hooks on the original networks and by hand.</summary>
public sealed class NetworkWorkTests
{
    private static readonly AttentionLevel Eight = new(1, 8, SelfAttention: true);

    private static readonly UNetConfig Sd1 = new()
    {
        InChannels = 4,
        OutChannels = 4,
        Channels = [320, 640, 1280, 1280],
        Attention = [Eight, Eight, Eight, Eight with { Depth = 0 }],
        MiddleAttention = Eight,
        BlocksPerLevel = 2,
        ContextWidth = 768,
        LinearProjections = false,
    };

    private static readonly AutoencoderConfig Pixels = new() { Channels = [128, 256, 512, 512], LatentChannels = 4, BlocksPerLevel = 2 };

    /// <summary>CompVis's own UNet, its convolutions, linear layers and products counted by hooks: 64x64 latents, twice for guidance.</summary>
    [Fact]
    public void AGuidedStepOfStableDiffusion1() => Assert.Equal(1_606_546_882_560, NetworkWork.OfUNet(Sd1, rows: 2, 64, 64).Flops);

    /// <summary>The same count for the decoder: 3x3 convolutions 2,437.209 GFLOP, 1x1 ones 42.950, the attention in the middle 34.360.</summary>
    [Fact]
    public void TheDecoderAt512() => Assert.Equal(2_514.52, NetworkWork.OfDecoder(Pixels, rows: 1, 64, 64).Flops / 1e9, 0.005);

    /// <summary>
    /// By hand: one level of 2 channels and no transformers, on a 3x5 latent. Time embedding 2·(2·8 + 8·8); conv_in 2·9·1·2·15; a residual block on the way down and two in the
    /// middle 2·(2·9·2·2·15) + 2·8·2; two on the way up from 4 channels 2·9·4·2·15 + 2·9·2·2·15 + 2·4·2·15 + 2·8·2; conv_out 2·9·2·1·15.
    /// </summary>
    [Fact]
    public void ANetworkSmallEnoughToCountByHand()
    {
        var config = new UNetConfig
        {
            InChannels = 1,
            OutChannels = 1,
            Channels = [2],
            Attention = [Eight with { Depth = 0 }],
            MiddleAttention = Eight with { Depth = 0 },
            BlocksPerLevel = 1,
            ContextWidth = 3,
            LinearProjections = false,
        };
        Assert.Equal(160 + 540 + 3 * 2_192 + 2 * 3_512 + 540, NetworkWork.OfUNet(config, 1, 3, 5).Flops);
        // One transformer, in the middle: two projections, self-attention, attention to 7 tokens of width 3, and the gated unit.
        var attending = config with { MiddleAttention = Eight };
        var self = 15 * 4 * 2 * 2 * 2 + 4 * 15 * 15 * 2;
        var cross = 15 * 2 * 2 * 2 * 2 + 7 * 3 * 2 * 2 * 2 + 4 * 15 * 7 * 2;
        Assert.Equal(2 * 15 * 8 + self + cross + 2 * 15 * (2 * 16 + 8 * 2), NetworkWork.OfUNet(attending, 1, 3, 5, tokens: 7).Flops - NetworkWork.OfUNet(config, 1, 3, 5).Flops);
    }

    [Fact]
    public void WorkGrowsWithRowsAndAPassThatReusesIsAPartOfAWholeOne()
    {
        var whole = NetworkWork.OfUNet(Sd1, 2, 64, 64);
        Assert.Equal(whole.Flops / 2, NetworkWork.OfUNet(Sd1, 1, 64, 64).Flops);
        Assert.Equal(whole.PeakValues / 2, NetworkWork.OfUNet(Sd1, 1, 64, 64).PeakValues);
        var (one, two) = (NetworkWork.OfUNet(Sd1, 2, 64, 64, outerBlocks: 1).Flops, NetworkWork.OfUNet(Sd1, 2, 64, 64, outerBlocks: 2).Flops);
        Assert.InRange(one / whole.Flops, 0.1, 0.4);
        Assert.InRange(two / whole.Flops, one / whole.Flops, 0.6);
    }
}
