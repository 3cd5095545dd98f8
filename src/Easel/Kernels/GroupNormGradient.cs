namespace Easel.Kernels;

/// <summary>The norm with its gradient, in the widest vectors that this processor has.</summary>
internal static class GroupNormGradient
{
    public static Tensor Apply(Tensor x, Tensor? addend, int groups, Tensor weight, Tensor bias, double epsilon, bool silu) => Singles512.IsSupported
        ? GroupNormGradient<Singles512>.Apply(x, addend, groups, weight, bias, epsilon, silu)
        : GroupNormGradient<Singles256>.Apply(x, addend, groups, weight, bias, epsilon, silu);
}

/// <summary>What <see cref="GroupNormSilu"/> computes, with its gradient, for training. libtorch's norm of a channels-last picture in bf16 and its gradient
/// take a fifth of a training step; here each picture is gone over twice on the way there and twice on the way back.</summary>
/// <remarks>With y = f x + o for each channel, and dy what comes back through the SiLU, the gradient is dx = (γ / σ) dy - A / σ - B / σ² (x - μ), where A and B
/// are the group's means of γ dy and of γ dy (x - μ) / σ: again a line for each channel, whose coefficients follow from each channel's sums of dy and dy
/// x.</remarks>
internal sealed unsafe class GroupNormGradient<TVector> : autograd.SingleTensorFunction<GroupNormGradient<TVector>> where TVector : unmanaged, ISingles<TVector>
{
    public override string Name => nameof(GroupNormGradient);

    private sealed record Layer(int Groups, double Epsilon, bool Silu);

    /// <summary>Normalises x + addend, scales and shifts each channel, and applies SiLU where asked.</summary>
    /// <param name="x">[n, c, h, w], as <see cref="GroupNormSilu.Serves"/> wants it.</param> <param name="addend">[n, c], or null.</param>
    /// <param name="weight">[c], fp32.</param> <param name="bias">[c], fp32.</param>
    public static Tensor Apply(Tensor x, Tensor? addend, int groups, Tensor weight, Tensor bias, double epsilon, bool silu)
    {
        var layer = new Layer(groups, epsilon, silu);
        return addend is null ? apply(x, weight, bias, layer) : apply(x, weight, bias, layer, addend);
    }

    public override Tensor forward(autograd.AutogradContext context, params object[] vars)
    {
        var (x, weight, bias, layer) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Layer)vars[3]);
        var (pictures, channels) = (x.shape[0], x.shape[1]);
        var addend = vars.Length > 4 ? ((Tensor)vars[4]).to(ScalarType.Float32).contiguous() : zeros(pictures, channels);
        var result = empty_like(x);
        var lines = empty(pictures, 2, channels); // factor and offset of each channel
        var moments = empty(pictures, layer.Groups, 2, ScalarType.Float64); // mean and 1 / deviation of each group
        if (x.dtype == ScalarType.Float32) Forward<float>(x, addend, weight, bias, result, lines, moments, layer);
        else Forward<ushort>(x, addend, weight, bias, result, lines, moments, layer);
        context.save_for_backward([x, weight, addend, lines, moments]);
        context.save_data(nameof(Layer), layer);
        context.save_data(nameof(vars), vars.Length);
        return result;
    }

    public override List<Tensor?> backward(autograd.AutogradContext context, Tensor gradient)
    {
        var saved = context.get_saved_variables();
        var (x, weight, addend, lines, moments) = (saved[0], saved[1], saved[2], saved[3], saved[4]);
        var layer = (Layer)context.get_data(nameof(Layer));
        if (!GroupNormSilu.Serves(gradient)) gradient = gradient.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

        var result = empty_like(x);
        var sums = empty(3, x.shape[0], x.shape[1]); // of each channel of each picture: the gradients of bias, weight and addend
        if (x.dtype == ScalarType.Float32) Backward<float>(x, gradient, weight, addend, lines, moments, result, sums, layer);
        else Backward<ushort>(x, gradient, weight, addend, lines, moments, result, sums, layer);
        var all = sums.sum(1);
        List<Tensor?> gradients = [result, all[1], all[0], null];
        if ((int)context.get_data("vars") > 4) gradients.Add(sums[2]);
        return gradients;
    }

    private static void Forward<TElement>(Tensor x, Tensor addend, Tensor weight, Tensor bias, Tensor result, Tensor lines, Tensor moments, Layer layer)
        where TElement : unmanaged
    {
        TElement* source = Address<TElement>(x), target = Address<TElement>(result);
        float* addends = Address<float>(addend), gains = Address<float>(weight), shifts = Address<float>(bias), line = Address<float>(lines);
        var moment = Address<double>(moments);
        var shape = new GroupNormSilu.Shape((int)x.shape[0], (int)x.shape[1], x.shape[2] * x.shape[3], layer.Groups, layer.Epsilon, layer.Silu);
        var (channels, pixels, chunks) = (shape.Channels, shape.Pixels, shape.Chunks);
        SharedWork.Run(shape.Pictures, picture =>
        {
            var from = source + picture * pixels * channels;
            var factors = line + 2L * picture * channels;
            var sums = (float*)NativeMemory.AlignedAlloc((nuint)(2L * channels * chunks * sizeof(float)), 64);
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                var first = chunk * (long)shape.PixelsAtOnce;
                var count = Math.Min(shape.PixelsAtOnce, pixels - first);
                GroupNormSilu.Sum<TElement, TVector>(from + first * channels, from, count, channels, sums + 2L * channels * chunk);
            }
            GroupNormSilu.Solve(sums, chunks, from, addends + picture * (long)channels, gains, shifts, shape, factors, moment + 2L * picture * layer.Groups);
            NativeMemory.AlignedFree(sums);
            GroupNormSilu.Normalise<TElement, TVector>(from, target + picture * pixels * channels, pixels, channels, factors, layer.Silu);
        });
    }

    private static void Backward<TElement>(Tensor x, Tensor gradient, Tensor weight, Tensor addend, Tensor lines, Tensor moments,
        Tensor result, Tensor sums, Layer layer)
        where TElement : unmanaged
    {
        TElement* source = Address<TElement>(x), arriving = Address<TElement>(gradient), target = Address<TElement>(result);
        float* addends = Address<float>(addend), gains = Address<float>(weight), line = Address<float>(lines), sum = Address<float>(sums);
        var moment = Address<double>(moments);
        var (pictures, channels, pixels) = (x.shape[0], (int)x.shape[1], x.shape[2] * x.shape[3]);
        SharedWork.Run((int)x.shape[0], picture =>
        {
            var start = picture * pixels * channels;
            TElement* xs = source + start, incoming = arriving + start, to = target + start;
            float* factors = line + 2L * picture * channels, extra = addends + picture * (long)channels;
            float* ofBias = sum + picture * (long)channels, ofWeight = ofBias + pictures * channels, ofAddend = ofWeight + pictures * channels;

            // dy takes the place of the result until its sums are known.
            if (layer.Silu)
            {
                var one = TVector.Create(1);
                for (var c = 0; c < channels; c += TVector.Count)
                {
                    TVector factor = TVector.Load(factors + c), offset = TVector.Load(factors + channels + c);
                    for (long p = 0, at = c; p < pixels; p++, at += channels)
                    {
                        var y = TVector.MultiplyAdd(TVector.Load(xs + at), factor, offset);
                        var s = Numbers.Sigmoid<TVector, TElement>(y);
                        var slope = s * TVector.MultiplyAdd(y, one - s, one);
                        (TVector.Load(incoming + at) * slope).Store(to + at);
                    }
                }
                incoming = to;
            }
            var both = (float*)NativeMemory.AlignedAlloc((nuint)(3 * channels * sizeof(float)), 64);
            Sums(incoming, xs, pixels, channels, both);
            for (var group = 0; group < layer.Groups; group++)
            {
                var (first, past) = (group * channels / layer.Groups, (group + 1) * channels / layer.Groups);
                var own = moment + 2L * (picture * layer.Groups + group);
                double mean = own[0], scale = own[1], a = 0, b = 0;
                for (var c = first; c < past; c++)
                {
                    ofBias[c] = both[c];
                    ofWeight[c] = (float)((both[channels + c] + Origin(c) * both[c]) * scale); // Σ dy (x + addend - μ) / σ
                    a += gains[c] * (double)ofBias[c];
                    b += gains[c] * (double)ofWeight[c];
                }
                var count = (double)(past - first) * pixels;
                (a, b) = (a / count, b / count);
                for (var c = first; c < past; c++)
                {
                    // dx = gradients' factor · dy + own factor · x + rest
                    double times = gains[c] * scale, back = -scale * scale * b, rest = -scale * a - back * (mean - extra[c]);
                    ofAddend[c] = (float)(times * both[c] + back * (both[2 * channels + c] + Origin(c) * pixels) - scale * a * pixels);
                    (both[c], both[channels + c], both[2 * channels + c]) = ((float)times, (float)back, (float)rest);
                }

                double Origin(int c) => Numbers.ToSingle(xs[c]) + (double)extra[c] - mean; // the first pixel's distance from the mean
            }
            for (var p = 0L; p < pixels; p++, xs += channels, incoming += channels, to += channels)
                for (var c = 0; c < channels; c += TVector.Count)
                {
                    var rest = TVector.MultiplyAdd(TVector.Load(xs + c), TVector.Load(both + channels + c), TVector.Load(both + 2 * channels + c));
                    TVector.MultiplyAdd(TVector.Load(incoming + c), TVector.Load(both + c), rest).Store(to + c);
                }
            NativeMemory.AlignedFree(both);
        });
    }

    /// <summary>For each channel the sums of dy, behind those of dy x, and behind those of x: x as differences from the picture's first pixel, as on the way
    /// there.</summary>
    private static void Sums<TElement>(TElement* arriving, TElement* xs, long pixels, int channels, float* sums) where TElement : unmanaged
    {
        for (var c = 0; c < channels; c += TVector.Count)
        {
            var pivot = TVector.Load(xs + c);
            TVector ofArriving = default, products = default, ofXs = default;
            for (long p = 0, at = c; p < pixels; p++, at += channels)
            {
                TVector dy = TVector.Load(arriving + at), x = TVector.Load(xs + at) - pivot;
                ofArriving += dy;
                products = TVector.MultiplyAdd(dy, x, products);
                ofXs += x;
            }
            ofArriving.Store(sums + c);
            products.Store(sums + channels + c);
            ofXs.Store(sums + 2 * channels + c);
        }
    }

    private static TElement* Address<TElement>(Tensor tensor) where TElement : unmanaged => (TElement*)TensorMemory.Address(tensor.detach());
}
