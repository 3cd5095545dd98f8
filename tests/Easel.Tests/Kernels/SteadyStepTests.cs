using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Easel.Kernels;
using Easel.Models;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Kernels;

/// <summary>
/// From its second call on no layer lays its weight out anew: oneDNN does so by a path ("simple:any") that takes ten times as long as the layer of a small
/// picture. oneDNN itself says what it does, on the standard output of a process of its own.
/// </summary>
public sealed class SteadyStepTests
{
    private const string Variable = "EASEL_STEADY_STEP", Begins = "the steady step begins";

    /// <summary>Channels out and in of convolutions 3x3 of the networks that are known and of some odd ones: inputs as a remainder of 64 suffice.</summary>
    private static readonly (int Outputs, int Inputs)[] Kinds =
    [
        (320, 4), (320, 9), (320, 64), (640, 64), (1280, 64), (4, 64), (384, 64), (192, 64), (192, 320), (448, 64), (64, 3), (64, 64), (96, 96), (128, 3),
        (256, 64), (512, 4), (3, 64), (32, 32), (32, 4), (96, 3), (200, 40), (24, 24), (7, 5), (1, 1), (33, 65), (48, 80),
    ];

    [Theory]
    [InlineData("")]
    [InlineData("AVX2")]
    [InlineData("SSE41")]
    public void LaysNoWeightOutAnew(string processor)
    {
        Assert.SkipUnless(OneDnn.IsAvailable, "This build of libtorch has no oneDNN.");
        Assert.SkipWhen(processor == "AVX2" && !Avx512F.IsSupported, "This processor's own way is that of AVX2.");
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-method", $"{typeof(SteadyStepTests).FullName}.{nameof(Step)}"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[Variable] = "1";
        start.Environment["ONEDNN_VERBOSE"] = "profile_exec";
        if (processor.Length > 0) start.Environment["ONEDNN_MAX_CPU_ISA"] = processor;
        using var process = Process.Start(start)!;
        var lines = process.StandardOutput.ReadToEnd().ReplaceLineEndings("\n").Split('\n');
        process.WaitForExit();

        Assert.True(process.ExitCode == 0, string.Join('\n', lines[^30..]));
        var steady = lines.SkipWhile(line => !line.Contains(Begins)).ToList();
        Assert.True(steady.Count(line => line.Contains(",convolution,")) >= 2 * Kinds.Length, "The process did not say what it did.");
        Assert.DoesNotContain(steady, line => line.Contains(",reorder,simple:any,"));
    }

    /// <summary>What the process does: each kind of layer in two sizes of pictures and numbers of threads, and a step and the decoder of the small model that
    /// comes with Easel; and then all of it again in the last of them.</summary>
    [Fact]
    public void Step()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Variable) == "1", "Runs in a process of its own.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var layers = Kinds.SelectMany(kind => (Layer[])[Filled(new Conv2d(kind.Inputs, kind.Outputs, 3, padding: 1), kind),
            Filled(new Conv2d(kind.Inputs, kind.Outputs, 3, stride: 2, padding: 1), kind)]).ToList();
        var doubled = ((int[])[32, 64, 192, 320, 384, 640])
            .Select(channels => (DoubledConv2d)Filled(new DoubledConv2d(channels), (channels, channels))).ToList();
        using var model = LoadedNetworks.Load(Checkpoint.Open(BuiltInModel.Path), new LoadOptions { Precision = Precision.Full },
            new NumberFormat(ScalarType.Float32, ScalarType.Float32), CPU);

        foreach (var (side, threads) in ((int, int)[])[(16, 1), (8, 2)])
        {
            set_num_threads(threads);
            All(side);
        }
        using (var output = Console.OpenStandardOutput()) output.Write(System.Text.Encoding.ASCII.GetBytes($"\n{Begins}\n"));
        All(8);

        void All(int side)
        {
            foreach (var layer in layers) layer.call(Picture(layer.get_parameter("weight")!.shape[1], side));
            foreach (var layer in doubled)
            {
                layer.Forward(Picture(layer.get_parameter("weight")!.shape[1], side), 2 * side, 2 * side);
                layer.Forward(Picture(layer.get_parameter("weight")!.shape[1], side), 2 * side - 1, 2 * side - 1);
            }
            var unet = model.UNet.Config;
            model.UNet.Predict(randn(2, unet.InChannels, side, side), full(2, 500f), new ContextKeys(randn(2, 77, unet.ContextWidth)), null, null);
            model.Autoencoder.Decode(randn(1, unet.OutChannels, side, side));
        }
    }

    private static Layer Filled(Layer layer, (int Outputs, int Inputs) kind)
    {
        layer.Packs = true;
        layer.Assign("weight", randn(kind.Outputs, kind.Inputs, 3, 3).DetachFromDisposeScope());
        layer.Assign("bias", randn(kind.Outputs).DetachFromDisposeScope());
        return layer;
    }

    private static Tensor Picture(long channels, int side) => randn(2, side, side, channels).permute(0, 3, 1, 2);
}
