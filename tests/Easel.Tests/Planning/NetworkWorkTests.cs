using Easel.Models;
using Easel.Models.Upscaling;
using Easel.Planning;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Tests.Planning;

/// <summary>
/// Guards the counting of operations and memory, on which the expected times and the plans rest, against counts made by hooks on the original networks, by
/// hand, and by the description of every architecture that planning had before it ran the networks themselves.
/// </summary>
public sealed class NetworkWorkTests
{
    private static readonly AttentionLevel Eight = new(1, 8, SelfAttention: true);
    private static readonly AttentionLevel None = Eight with { Depth = 0 };

    private static readonly UNetConfig Sd1 = new()
    {
        InChannels = 4,
        OutChannels = 4,
        Channels = [320, 640, 1280, 1280],
        Attention = [Eight, Eight, Eight, None],
        MiddleAttention = Eight,
        BlocksPerLevel = 2,
        ContextWidth = 768,
        LinearProjections = false,
    };

    private static readonly UNetConfig Sd2 = Sd1 with
    {
        ContextWidth = 1024,
        LinearProjections = true,
        Attention = [Heads(5), Heads(10), Heads(20), None],
        MiddleAttention = Heads(20),
    };

    private static readonly Dictionary<string, UNetConfig> UNets = new()
    {
        ["Sd1"] = Sd1,
        ["Sd1Inpainting"] = Sd1 with { InChannels = 9 },
        ["Sd2"] = Sd2,
        ["Sd2Depth"] = Sd2 with { InChannels = 5 },
        ["X4"] = Sd2 with
        {
            InChannels = 7,
            Channels = [256, 512, 512, 1024],
            Attention = [None, Eight with { SelfAttention = false }, Eight with { SelfAttention = false }, Eight],
            MiddleAttention = Eight,
            ClassCount = 1000,
        },
        ["Sketch"] = Sd1 with
        {
            InChannels = 5,
            OutChannels = 5,
            Channels = [64, 128, 192],
            Attention = [None, Eight, Eight],
            BlocksPerLevel = 1,
            ContextWidth = 128,
        },
    };

    private static readonly AutoencoderConfig Pixels = new() { Channels = [128, 256, 512, 512], LatentChannels = 4, BlocksPerLevel = 2 };

    private static readonly Dictionary<string, AutoencoderConfig> Autoencoders = new()
    {
        ["Sd1"] = Pixels,
        ["X4"] = Pixels with { Channels = [128, 256, 512] },
        ["Sketch"] = new() { Channels = [32, 32, 64, 128], LatentChannels = 5, BlocksPerLevel = 1, NormGroups = 8 },
    };

    /// <summary>
    /// Network, rows, height and width of the latents, tokens, outer blocks where the deep part is reused; operations and the most values held.
    /// </summary>
    public static TheoryData<string, int, int, int, int, int?, double, double> Passes { get; } = new()
    {
        { "Sd1", 1, 64, 64, 77, null, 803_273_441_280, 23_592_960 },
        { "Sd1", 2, 64, 64, 77, null, 1_606_546_882_560, 47_185_920 },
        { "Sd1", 2, 64, 64, 77, 1, 360_286_126_080, 44_564_480 },
        { "Sd1", 2, 64, 64, 77, 2, 610_845_327_360, 47_185_920 },
        { "Sd1", 2, 96, 96, 77, null, 4_296_243_445_760, 106_168_320 },
        { "Sd1", 6, 37, 53, 154, null, 2_287_207_134_720, 67_772_160 },
        { "Sd1", 6, 37, 53, 154, 1, 426_581_276_160, 64_007_040 },
        { "Sd1", 6, 37, 53, 154, 2, 725_852_244_480, 67_772_160 },
        { "Sd1", 3, 16, 16, 231, null, 156_587_397_120, 4_423_680 },
        { "Sd1", 2, 13, 40, 77, null, 199_880_765_440, 5_990_400 },
        { "Sd1Inpainting", 1, 64, 64, 77, null, 803_391_406_080, 23_592_960 },
        { "Sd1Inpainting", 2, 64, 64, 77, null, 1_606_782_812_160, 47_185_920 },
        { "Sd1Inpainting", 2, 64, 64, 77, 1, 360_522_055_680, 44_564_480 },
        { "Sd1Inpainting", 2, 64, 64, 77, 2, 611_081_256_960, 47_185_920 },
        { "Sd1Inpainting", 2, 96, 96, 77, null, 4_296_774_287_360, 106_168_320 },
        { "Sd1Inpainting", 6, 37, 53, 154, null, 2_287_545_995_520, 67_772_160 },
        { "Sd1Inpainting", 6, 37, 53, 154, 1, 426_920_136_960, 64_007_040 },
        { "Sd1Inpainting", 6, 37, 53, 154, 2, 726_191_105_280, 67_772_160 },
        { "Sd1Inpainting", 3, 16, 16, 231, null, 156_609_515_520, 4_423_680 },
        { "Sd1Inpainting", 2, 13, 40, 77, null, 199_910_717_440, 5_990_400 },
        { "Sd2", 1, 64, 64, 77, null, 804_257_464_320, 23_592_960 },
        { "Sd2", 2, 64, 64, 77, null, 1_608_514_928_640, 47_185_920 },
        { "Sd2", 2, 64, 64, 77, 1, 360_437_514_240, 44_564_480 },
        { "Sd2", 2, 64, 64, 77, 2, 611_097_640_960, 47_185_920 },
        { "Sd2", 2, 96, 96, 77, null, 4_298_211_491_840, 106_168_320 },
        { "Sd2", 6, 37, 53, 154, null, 2_299_015_411_200, 67_772_160 },
        { "Sd2", 6, 37, 53, 154, 1, 427_489_605_120, 64_007_040 },
        { "Sd2", 6, 37, 53, 154, 2, 727_366_126_080, 67_772_160 },
        { "Sd2", 3, 16, 16, 231, null, 165_443_604_480, 4_423_680 },
        { "Sd2", 2, 13, 40, 77, null, 201_848_811_520, 5_990_400 },
        { "Sd2Depth", 1, 64, 64, 77, null, 804_281_057_280, 23_592_960 },
        { "Sd2Depth", 2, 64, 64, 77, null, 1_608_562_114_560, 47_185_920 },
        { "Sd2Depth", 2, 64, 64, 77, 1, 360_484_700_160, 44_564_480 },
        { "Sd2Depth", 2, 64, 64, 77, 2, 611_144_826_880, 47_185_920 },
        { "Sd2Depth", 2, 96, 96, 77, null, 4_298_317_660_160, 106_168_320 },
        { "Sd2Depth", 6, 37, 53, 154, null, 2_299_083_183_360, 67_772_160 },
        { "Sd2Depth", 6, 37, 53, 154, 1, 427_557_377_280, 64_007_040 },
        { "Sd2Depth", 6, 37, 53, 154, 2, 727_433_898_240, 67_772_160 },
        { "Sd2Depth", 3, 16, 16, 231, null, 165_448_028_160, 4_423_680 },
        { "Sd2Depth", 2, 13, 40, 77, null, 201_854_801_920, 5_990_400 },
        { "X4", 1, 64, 64, 77, null, 286_449_467_392, 15_728_640 },
        { "X4", 2, 64, 64, 77, null, 572_898_934_784, 31_457_280 },
        { "X4", 2, 64, 64, 77, 1, 82_028_003_328, 23_068_672 },
        { "X4", 2, 64, 64, 77, 2, 143_233_384_448, 31_457_280 },
        { "X4", 2, 96, 96, 77, null, 1_276_594_356_224, 70_778_880 },
        { "X4", 6, 37, 53, 154, null, 922_039_206_912, 45_181_440 },
        { "X4", 6, 37, 53, 154, 1, 117_828_240_384, 33_133_056 },
        { "X4", 6, 37, 53, 154, 2, 205_739_541_504, 45_181_440 },
        { "X4", 3, 16, 16, 231, null, 100_117_020_672, 2_949_120 },
        { "X4", 2, 13, 40, 77, null, 88_354_545_664, 3_993_600 },
        { "Sketch", 1, 64, 64, 77, null, 14_957_379_584, 3_670_016 },
        { "Sketch", 2, 64, 64, 77, null, 29_914_759_168, 7_340_032 },
        { "Sketch", 2, 64, 64, 77, 1, 5_866_258_432, 7_340_032 },
        { "Sketch", 2, 64, 64, 77, 2, 5_866_258_432, 7_340_032 },
        { "Sketch", 2, 96, 96, 77, null, 77_384_450_048, 16_515_072 },
        { "Sketch", 6, 37, 53, 154, null, 43_728_062_976, 10_542_336 },
        { "Sketch", 6, 37, 53, 154, 1, 8_426_405_376, 10_542_336 },
        { "Sketch", 6, 37, 53, 154, 2, 8_426_405_376, 10_542_336 },
        { "Sketch", 3, 16, 16, 231, null, 2_957_033_472, 688_128 },
        { "Sketch", 2, 13, 40, 77, null, 3_806_371_840, 931_840 },
    };

    /// <summary>Network, pictures, height and width of the latents; operations and the most values held of the decoder and of the encoder.</summary>
    public static TheoryData<string, int, int, int, double, double, double, double> Pictures { get; } = new()
    {
        { "Sd1", 1, 64, 64, 2_514_518_933_504, 234_881_024, 1_116_658_466_816, 167_772_160 },
        { "Sd1", 2, 37, 53, 2_390_552_123_968, 224_903_168, 1_052_073_425_152, 160_645_120 },
        { "Sd1", 1, 16, 24, 232_816_914_432, 22_020_096, 101_767_495_680, 15_728_640 },
        { "X4", 1, 64, 64, 670_619_009_024, 58_720_256, 345_426_624_512, 41_943_040 },
        { "X4", 2, 37, 53, 624_981_932_608, 56_225_792, 313_603_873_024, 40_161_280 },
        { "X4", 1, 16, 24, 59_951_296_512, 5_505_024, 29_464_510_464, 3_932_160 },
        { "Sketch", 1, 64, 64, 65_730_191_360, 41_943_040, 32_156_450_816, 41_943_040 },
        { "Sketch", 2, 37, 53, 58_650_725_380, 40_161_280, 26_503_213_072, 40_161_280 },
        { "Sketch", 1, 16, 24, 5_432_396_544, 3_932_160, 2_284_858_368, 3_932_160 },
    };

    [Theory]
    [MemberData(nameof(Passes))]
    public void APassOfTheUNet(string network, int rows, int height, int width, int tokens, int? outerBlocks, double flops, double peak)
    {
        var work = NetworkWork.OfUNet(UNets[network], rows, height, width, tokens, outerBlocks);
        Assert.Equal((flops, peak), (work.Flops, work.PeakValues));
    }

    [Theory]
    [MemberData(nameof(Pictures))]
    public void DecodingAndEncoding(string network, int rows, int height, int width, double decode, double decodePeak, double encode, double encodePeak)
    {
        var config = Autoencoders[network];
        var (decoder, encoder) = (NetworkWork.OfDecoder(config, rows, height, width), NetworkWork.OfEncoder(config, rows, height, width));
        Assert.Equal((decode, decodePeak, encode, encodePeak), (decoder.Flops, decoder.PeakValues, encoder.Flops, encoder.PeakValues));
    }

    /// <summary>CompVis's own UNet, its convolutions, linear layers and products counted by hooks: 64x64 latents, twice for guidance.</summary>
    [Fact]
    public void AGuidedStepOfStableDiffusion1() => Assert.Equal(1_606_546_882_560, NetworkWork.OfUNet(Sd1, rows: 2, 64, 64).Flops);

    /// <summary>The same count for the decoder: 3x3 convolutions 2,437.209 GFLOP, 1x1 ones 42.950, the attention in the middle 34.360.</summary>
    [Fact]
    public void TheDecoderAt512() => Assert.Equal(2_514.52, NetworkWork.OfDecoder(Pixels, rows: 1, 64, 64).Flops / 1e9, 0.005);

    [Fact]
    public void ANetworkSmallEnoughToCountByHand()
    {
        var config = Sd1 with { InChannels = 1, OutChannels = 1, Channels = [32], Attention = [None], BlocksPerLevel = 1, ContextWidth = 3 };
        const long C = 32, P = 15; // channels, positions of a 3x5 latent
        const long Time = 2 * (C * 4 * C + 4 * C * 4 * C), Ends = 2 * (2 * 9 * C * P);
        const long Resnet = 2 * (2 * 9 * C * C * P) + 2 * 4 * C * C;
        const long Joined = Resnet + 2 * 9 * C * C * P + 2 * 2 * C * C * P; // twice as many channels in, and a shortcut
        const long Projections = 2 * (2 * C * C * P);
        const long Self = 4 * (2 * C * C * P) + 2 * (2 * P * P * C);
        const long Cross = 2 * (2 * C * C * P) + 2 * (2 * 3 * C * 7) + 2 * (2 * P * 7 * C);
        const long Gated = 2 * P * C * 8 * C + 2 * P * 4 * C * C;
        var work = NetworkWork.OfUNet(config, 1, 3, 5, tokens: 7);
        Assert.Equal(Time + Ends + 3 * Resnet + 2 * Joined + Projections + Self + Cross + Gated, work.Flops);
        Assert.Equal(9 * 2 * C * C, work.LargestWeight);
        Assert.Equal(9.0 * 2 * 1280 * 1280, NetworkWork.OfUNet(Sd1, 1, 8, 8).LargestWeight);
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

    /// <summary>
    /// Networks of which planning knows nothing are counted as well: a text encoder by hand (projections, products, feed-forward), an ESRGAN network by its
    /// convolutions.
    /// </summary>
    [Fact]
    public void AnyNetworkCanBeCounted()
    {
        const long Width = 64, Tokens = 77, Layers = 3;
        var config = new ClipTextConfig
        {
            Vocabulary = 100,
            Positions = 77,
            Width = 64,
            FeedForwardWidth = 256,
            Layers = 3,
            Heads = 2,
            Activation = TextActivation.Gelu
        };
        using var text = new ClipTextModel(config);
        Assert.Equal(Layers * (4 * 2 * Width * Width * Tokens + 2 * 2 * Tokens * Tokens * Width + 2 * 2 * 4 * Width * Width * Tokens),
            WorkCounter.Count(() => text.call(empty([1, 77], ScalarType.Int64, META))).Flops);

        using var upscaler = new RrdbNet(new RrdbConfig(Unshuffle: 1, Features: 8, Growth: 4, Blocks: 1, Doublings: 1));
        var dense = 2 * 9 * (8 * 4 + 12 * 4 + 16 * 4 + 20 * 4 + 24 * 8);
        var (small, doubled) = (2 * 9 * (3 * 8 + 8 * 8) + 3 * dense, 2 * 9 * (8 * 8 + 8 * 8 + 8 * 3));
        Assert.Equal(6 * 5 * small + 12 * 10 * doubled, WorkCounter.Count(() => upscaler.call(empty([1, 3, 6, 5], device: META))).Flops);
    }

    [Fact]
    public void CountingLeavesNothingBehind()
    {
        var config = Sd1 with { Channels = [32, 64], Attention = [Eight, Eight] };
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        NetworkWork.OfUNet(config, 2, 8, 8, outerBlocks: 1);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Null(WorkCounter.Current);
        Assert.Throws<InvalidOperationException>(() => WorkCounter.Count(() => throw new InvalidOperationException()));
        Assert.Null(WorkCounter.Current);
    }

    private static AttentionLevel Heads(long heads) => Eight with { Heads = heads };
}
