using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Easel.Kernels;
using Easel.Models;
using static TorchSharp.torch;

namespace Easel.Benchmarks;

/// <summary>
/// What a guided step of SD 1.5 at 512x512 would take with the convolutions and linear layers in int8 (oneDNN's operators: inputs u8 with one scale and zero for each tensor, found
/// anew each time; weights s8 with a scale for each output), beside the bf16 layers as Easel runs them. An experiment: the product has none of this unless it pays.
/// </summary>
internal static unsafe class Int8Table
{
    private const int Runs = 7; // of each layer
    private const int Rounds = 3; // of all layers one after another

    /// <summary>
    /// Measures every kind of layer of a step and adds the step up: once from the layers measured alone, once from all of them run one after another. What is not a layer is the
    /// difference to a whole step in bf16.
    /// </summary>
    public static void Print()
    {
        using var inference = inference_mode();
        using var model = SpeedTable.Load("sd15", ScalarType.BFloat16, plain: false);
        var foreign = new ForeignLoad();
        var layers = StepLayers.Of(model.UNet.Config, rows: 2, side: 64);
        var kinds = layers.GroupBy(l => l.Kind).ToDictionary(g => g.Key, g => (Count: g.Sum(l => l.Parts), Quantisings: g.Sum(l => l.Quantises ? l.Parts : 0)));
        var evicted = zeros([32 << 20], ScalarType.BFloat16);
        WarmUp();

        Console.WriteLine("| layer, of a step | times | quantisings | bf16 ms | int8: operator ms | what it cannot fuse ms | quantising ms | int8 as fast | error bf16 | error int8 |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        Cost all = default, best = default;
        foreach (var (kind, (count, quantisings)) in kinds.OrderByDescending(k => k.Key.Flops * k.Value.Count))
        {
            using var scope = NewDisposeScope();
            var (cost, errors) = Measure(kind, evicted);
            var step = new Cost(count * cost.BFloat16, count * cost.Operator, count * cost.Rest, quantisings * cost.Quantising);
            all += step;
            best += step.Int8 < step.BFloat16 ? step with { BFloat16 = 0 } : new Cost(step.BFloat16, 0, 0, 0);
            Console.WriteLine(
                $"| {kind} | {count} | {quantisings} | {step.BFloat16:0.0} | {step.Operator:0.0} | {step.Rest:0.0} | {step.Quantising:0.0} | {step.BFloat16 / step.Int8:0.00} | " +
                $"{errors.BFloat16:0.00%} | {errors.Int8:0.00%} |");
        }
        Console.WriteLine($"| all of them in int8 | | | {all.BFloat16:0} | {all.Operator:0} | {all.Rest:0} | {all.Quantising:0} | {all.BFloat16 / all.Int8:0.00} | | |");

        evicted.Dispose();
        var unet = SpeedTable.UNetStep(model, 64);
        var sequence = new Sequence(layers);
        var whole = new List<double>();
        var (inBFloat16, inInt8, quantised) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            Time(whole, unet);
            Time(inBFloat16, sequence.RunBFloat16);
            Time(inInt8, () => sequence.RunInt8(quantises: true));
            Time(quantised, () => sequence.RunInt8(quantises: false));
        }
        var step16 = Median(whole);
        Console.WriteLine();
        Console.WriteLine("| a guided step of SD 1.5 at 512x512 | convolutions and linear layers ms | attention, norms, all else ms | in all ms | as fast as bf16 |");
        Console.WriteLine("|---|---|---|---|---|");
        Row("bf16, layers measured alone", all.BFloat16, all.BFloat16);
        Row("for each layer the faster of bf16 and int8, measured alone", best.BFloat16 + best.Int8, all.BFloat16);
        Row("the same if quantising took no time", best.BFloat16 + best.Int8 - best.Quantising, all.BFloat16);
        Row("bf16, layers one after another", Median(inBFloat16), Median(inBFloat16));
        Row("int8, layers one after another", Median(inInt8), Median(inBFloat16));
        Row("the same if quantising took no time", Median(quantised), Median(inBFloat16));
        Console.WriteLine($"\nOther processes' CPU: {foreign.Share():0%}.");

        void Row(string what, double layers, double layers16)
        {
            var rest = step16 - layers16;
            Console.WriteLine($"| {what} | {layers:0} | {rest:0} | {layers + rest:0} | {step16 / (layers + rest):0.00} |");
        }

        static void Time(List<double> times, Action action)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        static double Median(List<double> times) => times.Skip(1).Order().ElementAt(times.Count / 2 - 1); // the first touches all memory for the first time
    }

    /// <summary>Milliseconds of one call: the bf16 layer; the int8 operator, what it cannot fuse, and the quantising of its input.</summary>
    private readonly record struct Cost(double BFloat16, double Operator, double Rest, double Quantising)
    {
        /// <summary>Milliseconds in int8.</summary>
        public double Int8 => Operator + Rest + Quantising;

        public static Cost operator +(Cost a, Cost b) => new(a.BFloat16 + b.BFloat16, a.Operator + b.Operator, a.Rest + b.Rest, a.Quantising + b.Quantising);
    }

    private static (Cost Cost, (double BFloat16, double Int8) Errors) Measure(Kind kind, Tensor evicted)
    {
        var values = kind.RangeIsKnown ? randn(kind.InputShape) * nn.functional.gelu(randn(kind.InputShape)) : randn(kind.InputShape); // a gated unit's product has far outliers
        var x = values.to(ScalarType.BFloat16);
        var (weights, biases) = Weights(kind);
        var (plain, int8) = (new BFloat16Layer(kind, weights, biases), new Int8Layer(kind, weights, biases));

        Tensor Residual() => zeros(kind.OutputShape, ScalarType.BFloat16);
        var exact = Reference(kind, values, weights, biases);
        double Error(Tensor y) => ((y.to(ScalarType.Float32).flatten() - exact.flatten()).norm() / exact.norm()).item<float>();
        var errors = (Error(plain.Run(x, Residual())), Error(int8.Finish(int8.Run(int8.Quantise(x), Residual()))));

        var sum = Residual();
        var times = new List<double>[4].Select(_ => new List<double>()).ToArray();
        for (var run = 0; run < Runs; run++)
        {
            using var scope = NewDisposeScope();
            Forget();
            var start = Stopwatch.GetTimestamp();
            plain.Run(x, sum);
            times[0].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);

            Forget();
            var range = kind.RangeIsKnown ? Quantiser.RangeOf(x) : default;
            var begin = Stopwatch.GetTimestamp();
            var input = kind.RangeIsKnown ? int8.Quantise(x, range) : int8.Quantise(x);
            var quantised = Stopwatch.GetTimestamp();
            var output = int8.Run(input, sum);
            var multiplied = Stopwatch.GetTimestamp();
            int8.Finish(output);
            times[1].Add(Stopwatch.GetElapsedTime(quantised, multiplied).TotalMilliseconds);
            times[2].Add(Stopwatch.GetElapsedTime(multiplied).TotalMilliseconds);
            times[3].Add(Stopwatch.GetElapsedTime(begin, quantised).TotalMilliseconds);
        }
        double Median(int i) => times[i].Order().ElementAt(Runs / 2);
        return (new Cost(Median(0), Median(1), kind.IsGated ? Median(2) : 0, Median(3)), errors);

        // In a step a layer finds its input in the cache, as far as it fits, and its weights in memory.
        void Forget()
        {
            evicted.add_(1);
            x.mul_(1);
        }
    }

    private static (List<Tensor> Weights, List<Tensor> Biases) Weights(Kind kind)
    {
        var weights = Enumerable.Range(0, kind.IsGated ? 2 : 1).Select(_ => randn(kind.WeightShape) / Math.Sqrt(kind.Depth)).ToList();
        return (weights, weights.Select(_ => randn(kind.Outputs)).ToList());
    }

    private static Tensor Reference(Kind kind, Tensor x, List<Tensor> weights, List<Tensor> biases)
    {
        if (kind.IsGated) return nn.functional.linear(x, weights[0], biases[0]) * nn.functional.gelu(nn.functional.linear(x, weights[1], biases[1]));
        if (kind.IsLinear) return nn.functional.linear(x, weights[0], biases[0]);
        return nn.functional.conv2d(x.permute(0, 3, 1, 2), weights[0], biases[0], [kind.Stride, kind.Stride], [1, 1]).permute(0, 2, 3, 1);
    }

    /// <summary>Runs the kernels here until they are compiled for good.</summary>
    private static void WarmUp()
    {
        using var scope = NewDisposeScope();
        var x = randn([2, 32, 32, 320], ScalarType.BFloat16);
        for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < 1.5;)
        {
            Quantiser.Quantise(x, Quantiser.RangeOf(x), border: 1).Dispose();
            Quantiser.Quantise(x, Quantiser.RangeOf(x), border: 0).Dispose();
            Quantiser.Multiply(x, x);
            x.clamp_(-3, 3);
        }
    }

    /// <summary>A kind of layer: what decides how long it takes.</summary>
    /// <param name="Rows">Vectors of a linear layer, pictures of a convolution.</param>
    /// <param name="Side">Height and width of a convolution's input; 0 for a linear layer.</param>
    /// <param name="Inputs">Width or channels in.</param>
    /// <param name="Outputs">Width or channels out.</param>
    /// <param name="Kernel">Height and width of the kernel. A convolution pads by one all round.</param>
    /// <param name="Stride">A convolution's stride.</param>
    /// <param name="Epilogue">What follows in the same pass: "", "add" (to a residual) or "gated" (two linear layers, the first times GELU of the second).</param>
    /// <param name="RangeIsKnown">Whether the input is a gated unit's product: the pass that made it found its least and greatest number.</param>
    private sealed record Kind(long Rows, long Side, long Inputs, long Outputs, long Kernel, long Stride, string Epilogue, bool RangeIsKnown)
    {
        public bool IsLinear => Side == 0;

        public bool IsGated => Epilogue == "gated";

        public long Depth => Inputs * Kernel * Kernel;

        public long OutputSide => (Side + 2 - Kernel) / Stride + 1;

        public long[] InputShape => IsLinear ? [Rows, Inputs] : [Rows, Side, Side, Inputs];

        public long[] WeightShape => IsLinear ? [Outputs, Inputs] : [Outputs, Inputs, Kernel, Kernel];

        public long[] OutputShape => IsLinear ? [Rows, Outputs] : [Rows, OutputSide, OutputSide, Outputs];

        public double Flops => 2.0 * Depth * OutputShape.Aggregate(1L, (a, b) => a * b) * (IsGated ? 2 : 1);

        public override string ToString() =>
            (IsLinear ? $"linear {Rows} x {Inputs} -> {Outputs}" : $"{Kernel}x{Kernel} {Inputs} -> {Outputs} at {Side}x{Side}{(Stride > 1 ? ", stride 2" : "")}") +
            Epilogue switch { "" => "", "add" => ", added", _ => ", gated" };
    }

    /// <summary>A layer of a step.</summary>
    /// <param name="Kind">Its kind.</param>
    /// <param name="Parts">How often it runs, each time for a part of its input.</param>
    /// <param name="Quantises">Whether its input is to be quantised; otherwise the layer before had the same.</param>
    private sealed record StepLayer(Kind Kind, int Parts, bool Quantises);

    /// <summary>The convolutions and linear layers of a step in their order, but for the keys and values of the prompt, which are made once for a picture.</summary>
    private sealed class StepLayers(long rows, long side)
    {
        private readonly List<StepLayer> _layers = [];
        private long _side = side;

        public static List<StepLayer> Of(UNetConfig config, long rows, long side)
        {
            var walk = new StepLayers(rows, side);
            var (channels, blocks, timeWidth) = (config.Channels, config.BlocksPerLevel, 4 * config.Channels[0]);
            walk.Linear(rows, channels[0], timeWidth);
            walk.Linear(rows, timeWidth, timeWidth);
            walk.Convolution(config.InChannels, channels[0]);
            var skips = new Stack<int>([channels[0]]);
            for (var level = 0; level < channels.Count; level++)
            {
                for (var i = 0; i < blocks; i++)
                {
                    walk.Resnet(i == 0 ? channels[Math.Max(level - 1, 0)] : channels[level], channels[level], timeWidth);
                    walk.Transformers(channels[level], config.Attention[level].Depth);
                    skips.Push(channels[level]);
                }
                if (level == channels.Count - 1) continue;
                walk.Convolution(channels[level], channels[level], stride: 2);
                skips.Push(channels[level]);
                walk._side /= 2;
            }
            walk.Resnet(channels[^1], channels[^1], timeWidth);
            walk.Transformers(channels[^1], config.MiddleAttention.Depth);
            walk.Resnet(channels[^1], channels[^1], timeWidth);
            for (var level = channels.Count - 1; level >= 0; level--)
            {
                for (var i = 0; i <= blocks; i++)
                {
                    walk.Resnet((i == 0 ? channels[Math.Min(level + 1, channels.Count - 1)] : channels[level]) + skips.Pop(), channels[level], timeWidth);
                    walk.Transformers(channels[level], config.Attention[level].Depth);
                }
                if (level == 0) continue;
                for (var part = 0; part < 4; part++) walk.Convolution(channels[level], channels[level], kernel: 2, quantises: part == 0); // as DoubledConv2d has it
                walk._side *= 2;
            }
            walk.Convolution(channels[0], config.OutChannels);
            return walk._layers;
        }

        private void Resnet(long inputs, long outputs, long timeWidth)
        {
            Convolution(inputs, outputs);
            Linear(rows, timeWidth, outputs, quantises: false); // the same input in all blocks
            Convolution(outputs, outputs, epilogue: "add");
            if (inputs != outputs) Linear(rows * _side * _side, inputs, outputs);
        }

        private void Transformers(long channels, int depth)
        {
            if (depth == 0) return;
            var positions = rows * _side * _side;
            Linear(positions, channels, channels);
            for (var i = 0; i < depth; i++)
            {
                for (var part = 0; part < 3; part++) Linear(positions, channels, channels, quantises: part == 0);
                Linear(positions, channels, channels, epilogue: "add");
                Linear(positions, channels, channels);
                Linear(positions, channels, channels, epilogue: "add");
                var parts = positions * channels * 8 > 12 << 20 ? 4 : 1; // as FeedForward cuts them at 512x512
                Linear(positions / parts, channels, 4 * channels, parts: parts, epilogue: "gated");
                Linear(positions / parts, 4 * channels, channels, parts: parts, epilogue: "add", rangeIsKnown: true);
            }
            Linear(positions, channels, channels, epilogue: "add");
        }

        private void Linear(long vectors, long inputs, long outputs, int parts = 1, bool quantises = true, string epilogue = "", bool rangeIsKnown = false) =>
            _layers.Add(new StepLayer(new Kind(vectors, 0, inputs, outputs, 1, 1, epilogue, rangeIsKnown), parts, quantises));

        private void Convolution(long inputs, long outputs, long kernel = 3, long stride = 1, bool quantises = true, string epilogue = "") =>
            _layers.Add(new StepLayer(new Kind(rows, _side, inputs, outputs, kernel, stride, epilogue, false), 1, quantises));
    }

    /// <summary>All layers of a step, each with weights of its own, to be run one after another.</summary>
    private sealed class Sequence
    {
        private readonly List<(StepLayer Layer, BFloat16Layer BFloat16, Int8Layer Int8)> _layers = [];
        private readonly Dictionary<Kind, (Tensor X, Tensor Residual, (Tensor Values, Range Range) Quantised)> _inputs = [];

        public Sequence(List<StepLayer> layers)
        {
            var first = new Dictionary<Kind, (BFloat16Layer BFloat16, Int8Layer Int8)>();
            foreach (var layer in layers)
            {
                var kind = layer.Kind;
                if (first.TryGetValue(kind, out var like))
                {
                    _layers.Add((layer, like.BFloat16.Copy(), like.Int8.Copy()));
                    continue;
                }
                using var scope = NewDisposeScope();
                var (weights, biases) = Weights(kind);
                first[kind] = (new BFloat16Layer(kind, weights, biases).Keep(), new Int8Layer(kind, weights, biases).Keep());
                _layers.Add((layer, first[kind].BFloat16, first[kind].Int8));
                var x = randn(kind.InputShape, ScalarType.BFloat16).DetachFromDisposeScope();
                var quantised = first[kind].Int8.Quantise(x);
                quantised.Values.DetachFromDisposeScope();
                _inputs[kind] = (x, zeros(kind.OutputShape, ScalarType.BFloat16).DetachFromDisposeScope(), quantised);
            }
        }

        public void RunBFloat16()
        {
            foreach (var (layer, own, _) in _layers)
            {
                using var scope = NewDisposeScope();
                var input = _inputs[layer.Kind];
                for (var part = 0; part < layer.Parts; part++) own.Run(input.X, input.Residual);
            }
        }

        public void RunInt8(bool quantises)
        {
            foreach (var (layer, _, own) in _layers)
            {
                var input = _inputs[layer.Kind];
                for (var part = 0; part < layer.Parts; part++)
                {
                    using var scope = NewDisposeScope();
                    var quantised = !quantises || !layer.Quantises ? input.Quantised : layer.Kind.RangeIsKnown ? own.Quantise(input.X, input.Quantised.Range) : own.Quantise(input.X);
                    own.Finish(own.Run(quantised, input.Residual));
                }
            }
        }
    }

    /// <summary>The layer as Easel runs it.</summary>
    private sealed class BFloat16Layer
    {
        private readonly Kind _kind;
        private readonly Tensor[] _plain, _packed, _biases;

        public BFloat16Layer(Kind kind, List<Tensor> weights, List<Tensor> biases)
            : this(kind, weights.Select(w => w.to(ScalarType.BFloat16)).ToArray(), biases.Select(b => b.to(ScalarType.BFloat16)).ToArray())
        {
        }

        private BFloat16Layer(Kind kind, Tensor[] weights, Tensor[] biases)
        {
            (_kind, _plain, _biases) = (kind, weights, biases);
            _packed = [.. weights.Select(w => kind.IsLinear ? OneDnn.PackLinear(w) : OneDnn.PackConvolution(w, 1, kind.Stride))];
        }

        /// <summary>The same layer with the weights elsewhere in memory.</summary>
        public BFloat16Layer Copy() => new(_kind, _plain, _biases);

        /// <summary>Its tensors outlive the scope.</summary>
        public BFloat16Layer Keep()
        {
            foreach (var tensor in (Tensor[])[.. _plain, .. _packed, .. _biases]) tensor.DetachFromDisposeScope();
            return this;
        }

        public Tensor Run(Tensor x, Tensor residual)
        {
            if (_kind.IsGated) return OneDnn.LinearMultiply(x, OneDnn.LinearGelu(x, _packed[1], _biases[1]), _packed[0], _biases[0]);
            if (_kind.IsLinear) return _kind.Epilogue == "add" ? OneDnn.LinearAdd(x, residual, _packed[0], _biases[0]) : OneDnn.Linear(x, _packed[0], _biases[0]);
            var picture = x.permute(0, 3, 1, 2);
            var y = _kind.Epilogue == "add" ? OneDnn.AddConvolution(residual.permute(0, 3, 1, 2), picture, _packed[0], _biases[0], 1, _kind.Stride)
                : OneDnn.Convolution(picture, _packed[0], _biases[0], 1, _kind.Stride);
            return y.permute(0, 2, 3, 1);
        }
    }

    /// <summary>
    /// The layer in int8. With x = scale · (q - zero), W x = scale · W q - scale · zero · (sum of the weights of an output), and the second term joins the bias: the operator need not
    /// know of a zero. A convolution's padding must then be "zero" too, so the quantised picture is written with its border.
    /// </summary>
    private sealed class Int8Layer
    {
        private readonly Kind _kind;
        private readonly Part[] _parts;
        private readonly Tensor _noZeros = zeros(1, ScalarType.Int32);

        public Int8Layer(Kind kind, List<Tensor> weights, List<Tensor> biases) : this(kind, weights.Zip(biases, Rounded).ToArray())
        {
        }

        private Int8Layer(Kind kind, Part[] parts)
        {
            _kind = kind;
            _parts = [.. parts.Select(p => p with { Packed = kind.IsLinear ? Int8.PackLinear(p.Bytes, kind.Rows) : Int8.PackConvolution(p.Bytes, p.Scales, kind.Stride, Padded()) })];

            long[] Padded() => [kind.Rows, kind.Inputs, kind.Side + 2, kind.Side + 2];
        }

        /// <param name="Bytes">The rounded weights.</param>
        /// <param name="Packed">The same as the operator wants them.</param>
        /// <param name="Scales">What 1 stands for, for each output.</param>
        /// <param name="Sums">Sums of the weights of each output.</param>
        /// <param name="Bias">The bias.</param>
        private sealed record Part(Tensor Bytes, Tensor? Packed, Tensor Scales, float[] Sums, float[] Bias);

        private static Part Rounded(Tensor weight, Tensor bias)
        {
            var flat = weight.flatten(1);
            var scales = flat.abs().amax([1]) / 127;
            var whole = (flat / scales.unsqueeze(1)).round().clamp(-127, 127);
            return new Part(whole.to(ScalarType.Int8).view(weight.shape), null, scales, (whole.sum(1) * scales).data<float>().ToArray(), bias.data<float>().ToArray());
        }

        /// <summary>The same layer with the weights elsewhere in memory.</summary>
        public Int8Layer Copy() => new(_kind, _parts);

        /// <summary>Its tensors outlive the scope.</summary>
        public Int8Layer Keep()
        {
            foreach (var part in _parts)
            {
                foreach (var tensor in (Tensor[])[part.Bytes, part.Packed!, part.Scales, _noZeros]) tensor.DetachFromDisposeScope();
            }
            return this;
        }

        public (Tensor Values, Range Range) Quantise(Tensor x) => Quantise(x, Quantiser.RangeOf(x));

        public (Tensor Values, Range Range) Quantise(Tensor x, Range range) => (Quantiser.Quantise(x, range, border: _kind.IsLinear ? 0 : 1), range);

        /// <summary>The operator, with what it fuses.</summary>
        public Tensor[] Run((Tensor Values, Range Range) x, Tensor residual)
        {
            if (_kind.IsGated) return [Linear(0, gelu: false), Linear(1, gelu: true)];
            var (packed, scales, adds) = (_parts[0].Packed!, _parts[0].Scales, _kind.Epilogue == "add");
            if (_kind.IsLinear) return [adds ? Int8.LinearAdd(residual, x.Values, x.Range.Scale, packed, scales, _noZeros, Bias(0)) : Linear(0, gelu: false)];
            var picture = x.Values.permute(0, 3, 1, 2);
            var y = adds ? Int8.AddConvolution(residual.permute(0, 3, 1, 2), picture, x.Range.Scale, packed, scales, _noZeros, Bias(0), _kind.Stride)
                : Int8.Convolution(picture, x.Range.Scale, packed, scales, _noZeros, Bias(0), _kind.Stride);
            return [y.permute(0, 2, 3, 1)];

            Tensor Linear(int part, bool gelu) => Int8.Linear(x.Values, x.Range.Scale, _parts[part].Packed!, _parts[part].Scales, _noZeros, Bias(part), gelu);

            Tensor Bias(int part)
            {
                var (sums, bias) = (_parts[part].Sums, _parts[part].Bias);
                var shift = x.Range.Scale * x.Range.Zero;
                var joined = new float[bias.Length];
                for (var i = 0; i < joined.Length; i++) joined[i] = bias[i] - shift * sums[i];
                return tensor(joined);
            }
        }

        /// <summary>What the operator does not fuse: the gate's product, written over the first; its range is found on the way.</summary>
        public Tensor Finish(Tensor[] outputs)
        {
            if (_kind.IsGated) Quantiser.Multiply(outputs[0], outputs[1]);
            return outputs[0];
        }
    }

    /// <summary>x = Scale · (q - Zero) for q from 0 to 255.</summary>
    private readonly record struct Range(float Scale, int Zero)
    {
        /// <summary>254 steps from the least number to the greatest: wherever zero is rounded to, nothing leaves 0 to 255.</summary>
        public static Range Of(float least, float greatest)
        {
            (least, greatest) = (Math.Min(least, 0), Math.Max(greatest, 0));
            var scale = Math.Max(greatest - least, 1e-20f) / 254;
            return new Range(scale, (int)MathF.Round(-least / scale));
        }
    }

    /// <summary>bf16 to u8 in vectors, on all threads.</summary>
    private static class Quantiser
    {
        private const int ValuesAtOnce = 1 << 17;

        public static Range RangeOf(Tensor x)
        {
            var source = (ushort*)TensorMemory.Address(x);
            var count = x.numel();
            return Reduced(count, (first, last) => Extremes(source + first, last - first));
        }

        /// <summary>Writes first · second over the first; gives the range of the result.</summary>
        public static Range Multiply(Tensor first, Tensor second)
        {
            ushort* a = (ushort*)TensorMemory.Address(first), b = (ushort*)TensorMemory.Address(second);
            return Reduced(first.numel(), (begin, end) => Multiply(a + begin, b + begin, end - begin));
        }

        /// <param name="x">[n, h, w, c] or [rows, c], bf16.</param>
        /// <param name="range">Its range.</param>
        /// <param name="border">Pixels of zero to be laid around each picture.</param>
        public static Tensor Quantise(Tensor x, Range range, int border)
        {
            var source = (ushort*)TensorMemory.Address(x);
            if (border == 0)
            {
                var flat = empty(x.shape, ScalarType.Byte);
                var bytes = (byte*)TensorMemory.Address(flat);
                InChunks(x.numel(), (first, last) => Round(source + first, bytes + first, last - first, range));
                return flat;
            }

            var (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
            var result = empty([n, h + 2 * border, w + 2 * border, c], ScalarType.Byte);
            var target = (byte*)TensorMemory.Address(result);
            var (line, edge) = (w * c, border * c);
            var padded = line + 2 * edge;
            var linesAtOnce = Math.Max(1, ValuesAtOnce / line);
            var all = n * (h + 2 * border);
            Each((int)((all + linesAtOnce - 1) / linesAtOnce), index =>
            {
                for (var at = index * linesAtOnce; at < Math.Min(all, (index + 1) * linesAtOnce); at++)
                {
                    var (picture, y) = (at / (h + 2 * border), at % (h + 2 * border) - border);
                    var row = target + at * padded;
                    if (y < 0 || y >= h)
                    {
                        new Span<byte>(row, (int)padded).Fill((byte)range.Zero);
                        continue;
                    }
                    new Span<byte>(row, (int)edge).Fill((byte)range.Zero);
                    Round(source + (picture * h + y) * line, row + edge, line, range);
                    new Span<byte>(row + edge + line, (int)edge).Fill((byte)range.Zero);
                }
            });
            return result;
        }

        private delegate (float Least, float Greatest) Reduction(long first, long last);

        private static Range Reduced(long count, Reduction reduce)
        {
            var found = new (float Least, float Greatest)[(count + ValuesAtOnce - 1) / ValuesAtOnce];
            InChunks(count, (first, last) => found[first / ValuesAtOnce] = reduce(first, last));
            return Range.Of(found.Min(f => f.Least), found.Max(f => f.Greatest));
        }

        private static void InChunks(long count, Action<long, long> work) =>
            Each((int)((count + ValuesAtOnce - 1) / ValuesAtOnce), index => work(index * (long)ValuesAtOnce, Math.Min(count, (index + 1L) * ValuesAtOnce)));

        private static void Each(int count, Action<int> work)
        {
            if (count > 1) Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, work);
            else work(0);
        }

        /// <summary>Least and greatest; the odd numbers of each pair are read with the even ones' bits behind theirs, which widens the range by less than a rounding.</summary>
        private static (float Least, float Greatest) Extremes(ushort* source, long count)
        {
            Vector512<float> least0 = default, least1 = default, greatest0 = default, greatest1 = default; // zero is always in the range
            var i = 0L;
            for (; i + 32 <= count; i += 32)
            {
                var pair = Vector512.Load((uint*)(source + i));
                Vector512<float> even = (pair << 16).AsSingle(), odd = pair.AsSingle();
                least0 = Avx512F.Min(least0, even);
                least1 = Avx512F.Min(least1, odd);
                greatest0 = Avx512F.Max(greatest0, even);
                greatest1 = Avx512F.Max(greatest1, odd);
            }
            var (least, greatest) = Across(Avx512F.Min(least0, least1), Avx512F.Max(greatest0, greatest1));
            for (; i < count; i++) (least, greatest) = (Math.Min(least, Numbers.ToSingle(source[i])), Math.Max(greatest, Numbers.ToSingle(source[i])));
            return (least, greatest);
        }

        private static (float Least, float Greatest) Multiply(ushort* first, ushort* second, long count)
        {
            Vector512<float> least = default, greatest = default;
            var mask = Vector512.Create(0xFFFF0000u);
            for (var i = 0L; i + 32 <= count; i += 32) // widths of gated units are multiples of 32
            {
                Vector512<uint> a = Vector512.Load((uint*)(first + i)), b = Vector512.Load((uint*)(second + i));
                var even = (a << 16).AsSingle() * (b << 16).AsSingle();
                var odd = (a & mask).AsSingle() * (b & mask).AsSingle();
                least = Avx512F.Min(least, Avx512F.Min(even, odd));
                greatest = Avx512F.Max(greatest, Avx512F.Max(even, odd));
                Numbers.PairOfBFloat16(even, odd).Store((uint*)(first + i));
            }
            return Across(least, greatest);
        }

        private static (float Least, float Greatest) Across(Vector512<float> leasts, Vector512<float> greatests)
        {
            float least = 0, greatest = 0;
            for (var lane = 0; lane < Vector512<float>.Count; lane++) (least, greatest) = (Math.Min(least, leasts[lane]), Math.Max(greatest, greatests[lane]));
            return (least, greatest);
        }

        private static void Round(ushort* source, byte* target, long count, Range range)
        {
            Vector512<float> inverse = Vector512.Create(1 / range.Scale), zero = Vector512.Create((float)range.Zero);
            var mask = Vector512.Create(0xFFFF0000u);
            var i = 0L;
            for (; i + 32 <= count; i += 32)
            {
                var pair = Vector512.Load((uint*)(source + i));
                var even = Avx512F.ConvertToVector512Int32(Vector512.FusedMultiplyAdd((pair << 16).AsSingle(), inverse, zero));
                var odd = Avx512F.ConvertToVector512Int32(Vector512.FusedMultiplyAdd((pair & mask).AsSingle(), inverse, zero));
                Avx512BW.ConvertToVector256Byte((even | odd << 16).AsUInt16()).Store(target + i);
            }
            for (; i < count; i++) target[i] = (byte)MathF.Round(Numbers.ToSingle(source[i]) / range.Scale + range.Zero);
        }
    }

    /// <summary>oneDNN's int8 operators by the way of <see cref="OneDnn"/>: a TorchScript archive made in memory.</summary>
    private static class Int8
    {
        private const string Code = """
            class Operators(Module):
              __parameters__ = []
              __buffers__ = []
              def pack_convolution(self: __torch__.Operators, w: Tensor, s: Tensor, stride: int, n: int, c: int, h: int, w2: int) -> Tensor:
                return ops.onednn.qconv_prepack(w, s, 0.5, 0, [stride, stride], [0, 0], [1, 1], 1, [n, c, h, w2])
              def convolution(self: __torch__.Operators, x: Tensor, xs: float, w: Tensor, s: Tensor, z: Tensor, b: Tensor, stride: int) -> Tensor:
                scalars = annotate(List[Optional[number]], [])
                return ops.onednn.qconv2d_pointwise(x, xs, 0, w, s, z, b, [stride, stride], [0, 0], [1, 1], 1, 1.0, 0, 15, "none", scalars, "")
              def add_convolution(self: __torch__.Operators, sum: Tensor, x: Tensor, xs: float, w: Tensor, s: Tensor, z: Tensor, b: Tensor, stride: int) -> Tensor:
                scalars = annotate(List[Optional[number]], [])
                return ops.onednn.qconv2d_pointwise(x, xs, 0, w, s, z, sum, b, [stride, stride], [0, 0], [1, 1], 1, 1.0, 0, 15, 1.0, 0, "sum", 1.0, "none", scalars, "")
              def pack_linear(self: __torch__.Operators, w: Tensor, m: int, k: int) -> Tensor:
                return ops.onednn.qlinear_prepack(w, [m, k])
              def linear(self: __torch__.Operators, x: Tensor, xs: float, w: Tensor, s: Tensor, z: Tensor, b: Tensor) -> Tensor:
                scalars = annotate(List[Optional[number]], [])
                return ops.onednn.qlinear_pointwise(x, xs, 0, w, s, z, b, 1.0, 0, 15, "none", scalars, "")
              def linear_gelu(self: __torch__.Operators, x: Tensor, xs: float, w: Tensor, s: Tensor, z: Tensor, b: Tensor) -> Tensor:
                scalars = annotate(List[Optional[number]], [])
                return ops.onednn.qlinear_pointwise(x, xs, 0, w, s, z, b, 1.0, 0, 15, "gelu", scalars, "none")
              def linear_add(self: __torch__.Operators, sum: Tensor, x: Tensor, xs: float, w: Tensor, s: Tensor, z: Tensor, b: Tensor) -> Tensor:
                scalars = annotate(List[Optional[number]], [])
                return ops.onednn.qlinear_pointwise(x, xs, 0, w, s, z, sum, b, 1.0, 0, 15, 1.0, 0, "sum", 1.0, "none", scalars, "")

            """;

        private static readonly Lazy<jit.ScriptModule> Operators = new(() => ScriptOperators.Load(Code));

        public static Tensor PackConvolution(Tensor weight, Tensor scales, long stride, long[] shape) =>
            Call("pack_convolution", weight, scales, (int)stride, (int)shape[0], (int)shape[1], (int)shape[2], (int)shape[3]);

        public static Tensor Convolution(Tensor x, double scale, Tensor packed, Tensor scales, Tensor zeros, Tensor bias, long stride) =>
            Call("convolution", x, scale, packed, scales, zeros, bias, (int)stride);

        /// <summary>In place, as <see cref="OneDnn.AddConvolution"/>.</summary>
        public static Tensor AddConvolution(Tensor sum, Tensor x, double scale, Tensor packed, Tensor scales, Tensor zeros, Tensor bias, long stride) =>
            Call("add_convolution", sum, x, scale, packed, scales, zeros, bias, (int)stride);

        public static Tensor PackLinear(Tensor weight, long rows) => Call("pack_linear", weight, (int)rows, (int)weight.shape[1]);

        public static Tensor Linear(Tensor x, double scale, Tensor packed, Tensor scales, Tensor zeros, Tensor bias, bool gelu) =>
            Call(gelu ? "linear_gelu" : "linear", x, scale, packed, scales, zeros, bias);

        /// <summary>In place.</summary>
        public static Tensor LinearAdd(Tensor sum, Tensor x, double scale, Tensor packed, Tensor scales, Tensor zeros, Tensor bias) =>
            Call("linear_add", sum, x, scale, packed, scales, zeros, bias);

        private static Tensor Call(string method, params object?[] arguments) => (Tensor)Operators.Value.invoke(method, arguments);
    }
}
