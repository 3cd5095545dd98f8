using System.Diagnostics;
using Easel.Kernels;
using Easel.Models;
using Easel.Pipeline;
using Easel.Planning;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Benchmarks;

/// <summary>
/// How near Easel's networks come to what the processor can do, beside libtorch's own layers in the same process. Rounds alternate: the peak, Easel, the peak,
/// libtorch. The limit is the network's arithmetic at the median of the peaks.
/// </summary>
internal static class SpeedTable
{
    /// <param name="rounds">Measurements of each.</param>
    public static void PrintNetworks(int rounds)
    {
        Console.WriteLine("| network | precision | GFLOP | peak GFLOP/s | limit s | Easel s, min (median) | median / limit | libtorch's layers s "
            + "| times as fast | other processes' CPU |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (var type in Types())
        {
            foreach (var model in (string[])["sd15", "sd21"])
            {
                using var fast = Load(model, type, plain: false);
                using var plain = Load(model, type, plain: true);
                var side = model == "sd21" ? 96 : 64;
                Row($"{model} UNet, {side * 8}x{side * 8}, guided", type, NetworkWork.OfUNet(fast.UNet.Config, 2, side, side).Flops, rounds,
                    UNetStep(fast, side), UNetStep(plain, side));
                if (model == "sd15")
                    Row("decoder, 512x512", type, NetworkWork.OfDecoder(fast.Autoencoder.Config, 1, 64, 64).Flops, rounds, () => Decode(fast),
                        () => Decode(plain));
            }
        }
    }

    /// <summary>Attention alone, in the UNet's and the decoder's shapes.</summary>
    public static void PrintAttention()
    {
        Console.WriteLine("| attention [n, queries x keys, heads x width] | precision | Easel GFLOP/s | of the peak | libtorch GFLOP/s "
            + "| other processes' CPU |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach (var type in Types())
        {
            foreach (var (n, queries, keys, heads, width) in ((int, int, int, int, int)[])[
                (2, 4096, 4096, 8, 40), (2, 1024, 1024, 8, 80), (2, 256, 256, 8, 160), (2, 64, 64, 8, 160), (2, 4096, 77, 8, 40), (2, 1024, 77, 8, 80),
                (2, 9216, 9216, 5, 64), (1, 4096, 4096, 1, 512)])
            {
                using var scope = NewDisposeScope();
                var foreign = new ForeignLoad();
                Tensor Random(int tokens) => randn([n, tokens, heads * width], type);
                Tensor Heads(Tensor t) => t.view(n, t.shape[1], heads, width).transpose(1, 2);
                var (q, k, v) = (Random(queries), Random(keys), Random(keys));
                var work = 4.0 * n * queries * keys * heads * width;
                for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < 1;) // until it is compiled for good
                    FlashAttention.Attend(q, k, v, heads).Dispose();
                var peak = Peak(type);
                var own = work / Median(15, () => FlashAttention.Attend(q, k, v, heads).Dispose());
                var libtorch = work / Median(5, () => nn.functional.scaled_dot_product_attention(Heads(q), Heads(k), Heads(v)).Dispose());
                Console.WriteLine($"| [{n}, {queries} x {keys}, {heads} x {width}] | {Name(type)} | {own / 1e9:0} | {own / peak:0%} "
                    + $"| {libtorch / 1e9:0} | {foreign.Share():0%} |");
            }
        }
    }

    /// <summary>
    /// Where the time of one guided step of SD 1.5 at 512x512 goes: oneDNN's own report for its operators, the attention kernel alone, and the rest.
    /// </summary>
    /// <param name="rerun">Runs this program again with these arguments and this environment, and gives its output.</param>
    public static void PrintBreakdown(Func<string[], Dictionary<string, string>, IEnumerable<string>> rerun)
    {
        Console.WriteLine("| kind of operation | precision | ms | share |");
        Console.WriteLine("|---|---|---|---|");
        foreach (var type in Types())
        {
            var lines = rerun(["breakdown-run", Name(type)], new() { ["ONEDNN_VERBOSE"] = "profile_exec", ["ONEDNN_VERBOSE_TIMESTAMP"] = "1" }).ToList();
            var marks = lines.First(line => line.StartsWith("STEP ", StringComparison.Ordinal)).Split(' ');
            var (begin, end, attention) = (double.Parse(marks[1]), double.Parse(marks[2]), double.Parse(marks[3]));
            var kinds = lines.Where(line => line.Contains(",exec,")).Select(line => line.Split(','))
                .Select(part => (At: double.Parse(part[2]), Kind: Kind(part), Ms: double.Parse(part[^1])))
                .Where(run => run.At >= begin && run.At <= end).GroupBy(run => run.Kind).ToDictionary(group => group.Key, group => group.Sum(run => run.Ms));
            kinds["attention (measured alone)"] = attention;
            kinds["norms, SiLU, joins, copies, all else"] = end - begin - kinds.Values.Sum();
            foreach (var (kind, ms) in kinds.OrderByDescending(k => k.Value))
                Console.WriteLine($"| {kind} | {Name(type)} | {ms:0} | {ms / (end - begin):0%} |");
        }

        static string Kind(string[] part) => part[6] switch
        {
            "convolution" => part[^2].Contains("kh2") ? "convolution, 2x2 (enlarging)" : part[^2].Contains("sh2") ? "convolution, stride 2"
                : "convolution, 3x3",
            "inner_product" => "linear and 1x1",
            "reorder" => "weights laid out anew",
            _ => part[6],
        };
    }

    /// <summary>The child of <see cref="PrintBreakdown"/>: one step between two marks, and the attention of a step alone, in milliseconds.</summary>
    public static void RunForBreakdown(string precision)
    {
        var type = Types().Single(t => Name(t) == precision);
        using var model = Load("sd15", type, plain: false);
        var step = UNetStep(model, 64);
        step();
        step();
        var begin = Now();
        step();
        var end = Now();

        var attention = 0.0;
        foreach (var (count, queries, keys, width) in ((int, int, int, int)[])[
            (5, 4096, 4096, 40), (5, 1024, 1024, 80), (5, 256, 256, 160), (1, 64, 64, 160), (5, 4096, 77, 40), (5, 1024, 77, 80), (5, 256, 77, 160),
            (1, 64, 77, 160)])
        {
            using var scope = NewDisposeScope();
            var (q, k, v) = (randn([2, queries, 8 * width], type), randn([2, keys, 8 * width], type), randn([2, keys, 8 * width], type));
            attention += count * 1000 * Median(7, () => FlashAttention.Attend(q, k, v, 8).Dispose());
        }
        Console.WriteLine($"STEP {begin:0.000} {end:0.000} {attention:0.000}");

        static double Now() => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;
    }

    private static void Row(string what, ScalarType type, double work, int rounds, Action fast, Action plain)
    {
        fast(); // touches all memory for the first time
        plain();
        var foreign = new ForeignLoad();
        var (peaks, ours, theirs) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            // A step follows a step: the one before the timed one brings caches and allocator into the state that drawing has them in.
            peaks.Add(Peak(type));
            fast();
            ours.Add(Seconds(fast));
            peaks.Add(Peak(type));
            plain();
            theirs.Add(Seconds(plain));
        }
        var (peak, own, libtorch) = (Median(peaks), Median(ours), Median(theirs));
        Console.WriteLine($"| {what} | {Name(type)} | {work / 1e9:0} | {peak / 1e9:0} | {work / peak:0.00} | {ours.Min():0.00} ({own:0.00}) "
            + $"| {own * peak / work:0.00} | {libtorch:0.00} | {libtorch / own:0.0} | {foreign.Share():0%} |");
    }

    /// <summary>
    /// What the machine reaches at this moment, in operations a second: the best of some runs of a prepacked 3x3 convolution of 640 channels at 32x32, the
    /// UNet's own shape that runs fastest.
    /// </summary>
    public static double Peak(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var x = randn([2, 32, 32, 640], type).permute(0, 3, 1, 2);
        using var packed = new PackedConvolution(randn([640, 640, 3, 3], type), padding: 1, stride: 1);
        return 2.0 * 2 * 32 * 32 * 640 * 640 * 9 / Enumerable.Range(0, 12)
            .Min(_ => Seconds(() => packed.Apply(x, null).Dispose()));
    }

    public static LoadedNetworks Load(string name, ScalarType type, bool plain)
    {
        NativeRuntime.Load();
        return LoadedNetworks.Load(Checkpoint.Open(RandomModel.Folder(name)), new LoadOptions { PlainKernels = plain }, new NumberFormat(type, type), CPU);
    }

    public static Action UNetStep(LoadedNetworks model, int side)
    {
        var (x, context) = (randn([2, 4, side, side]), randn([2, 77, model.UNet.Config.ContextWidth]));
        GuidanceRow[] rows = [new(0, new(context[..1], null)), new(0, new(context[1..], 1))];
        var predict = model.NewPromptMemory().Over(model.Predict); // as in a run, keys and values of the prompt are made once
        return () => predict(new NetworkCall(x, 500, default, rows)).Dispose();
    }

    private static void Decode(LoadedNetworks model) => model.Decode(randn([1, 4, 64, 64]) * model.Family.Latent.Scale, null).Dispose();

    private static IEnumerable<ScalarType> Types() => Processor.HasBFloat16 ? [ScalarType.BFloat16, ScalarType.Float32] : [ScalarType.Float32];

    private static string Name(ScalarType type) => type == ScalarType.Float32 ? "fp32" : "bf16";

    private static double Median(int runs, Action action)
    {
        action();
        return Median(Enumerable.Range(0, runs).Select(_ => Seconds(action)).ToList());
    }

    public static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static double Seconds(Action action)
    {
        using var inference = inference_mode();
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
