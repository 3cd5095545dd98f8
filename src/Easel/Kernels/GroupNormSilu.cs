namespace Easel.Kernels;

/// <summary>GroupNorm ("Group Normalization", arXiv 1803.08494) of a channels-last picture, what is added to each channel before it and the SiLU after it, in
/// two passes over memory in place of six. Sums are taken for each channel, so an addend that is the same for all pixels of a channel changes them by
/// arithmetic alone.</summary>
internal static unsafe class GroupNormSilu
{
    /// <summary>Channels are a multiple of this, the numbers of the widest vector.</summary>
    private const int ChannelsAtOnce = 16;

    /// <summary>Values that one task takes: enough to hide its start, few enough to stay in a second-level cache.</summary>
    private const int ValuesAtOnce = 1 << 16;

    /// <summary>Whether the kernel serves this picture: on the CPU, channels last, a multiple of 16 channels.</summary>
    public static bool Serves(Tensor x) => (Singles512.IsSupported || Singles256.IsSupported)
        && x.device_type == TorchSharp.DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.BFloat16
        && x.dim() == 4 && x.shape[1] % ChannelsAtOnce == 0 && x.stride(1) == 1 && x.stride(3) == x.shape[1] && x.stride(2) == x.shape[1] * x.shape[3]
        && x.stride(0) == x.shape[1] * x.shape[2] * x.shape[3];

    /// <summary>Normalises each group of channels of x + addend to mean 0 and variance 1, scales and shifts each channel, and applies SiLU where
    /// asked.</summary>
    /// <param name="x">[n, c, h, w], channels last.</param> <param name="addend">[n, c], or null.</param>
    /// <param name="groups">Number of groups; divides c.</param> <param name="weight">[c].</param> <param name="bias">[c].</param>
    /// <param name="epsilon">Added to the variance.</param> <param name="silu">Whether y · sigmoid(y) follows.</param>
    /// <param name="overwrites">Whether the result takes the place of <paramref name="x"/>.</param>
    public static Tensor Apply(Tensor x, Tensor? addend, int groups, Tensor weight, Tensor bias, double epsilon, bool silu, bool overwrites = false) =>
        Singles512.IsSupported ? Apply<Singles512>(x, addend, groups, weight, bias, epsilon, silu, overwrites)
        : Apply<Singles256>(x, addend, groups, weight, bias, epsilon, silu, overwrites);

    /// <summary>The same in these vectors.</summary>
    public static Tensor Apply<TVector>(Tensor x, Tensor? addend, int groups, Tensor weight, Tensor bias, double epsilon, bool silu, bool overwrites = false)
        where TVector : unmanaged, ISingles<TVector>
    {
        using var scope = NewDisposeScope();
        var result = overwrites ? x.alias() : empty_like(x);
        var (gain, shift) = (weight.to(ScalarType.Float32), bias.to(ScalarType.Float32));
        var extra = addend?.to(ScalarType.Float32).contiguous();
        var shape = new Shape((int)x.shape[0], (int)x.shape[1], x.shape[2] * x.shape[3], groups, epsilon, silu);
        if (x.dtype == ScalarType.Float32) Run<float, TVector>(x, extra, gain, shift, result, shape);
        else Run<ushort, TVector>(x, extra, gain, shift, result, shape);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>What is normalised, and how.</summary>
    internal readonly record struct Shape(int Pictures, int Channels, long Pixels, int Groups, double Epsilon, bool Silu)
    {
        public int PixelsAtOnce { get; } = Math.Max(1, ValuesAtOnce / Channels);

        /// <summary>Into how many parts a picture falls.</summary>
        public int Chunks => (int)((Pixels + PixelsAtOnce - 1) / PixelsAtOnce);
    }

    private static void Run<TElement, TVector>(Tensor x, Tensor? addend, Tensor gain, Tensor shift, Tensor result, Shape shape)
        where TElement : unmanaged
        where TVector : unmanaged, ISingles<TVector>
    {
        TElement* source = (TElement*)TensorMemory.Address(x), target = (TElement*)TensorMemory.Address(result);
        float* gains = (float*)TensorMemory.Address(gain), shifts = (float*)TensorMemory.Address(shift);
        var addends = addend is null ? null : (float*)TensorMemory.Address(addend);
        var (channels, pixels) = (shape.Channels, shape.Pixels);
        var (pixelsAtOnce, chunks) = (shape.PixelsAtOnce, shape.Chunks);
        var partial = (float*)NativeMemory.AlignedAlloc((nuint)(sizeof(float) * 2L * channels * (chunks + 1) * shape.Pictures), 64);
        try
        {
            float* PartialOf(int picture, int chunk) => partial + 2L * channels * (picture * (long)(chunks + 1) + chunk);
            SharedWork.Run(shape.Pictures * chunks, index =>
            {
                var (picture, chunk) = (index / chunks, index % chunks);
                var first = chunk * (long)pixelsAtOnce;
                var picturesFirst = source + picture * pixels * channels;
                var count = Math.Min(pixelsAtOnce, pixels - first);
                Sum<TElement, TVector>(picturesFirst + first * channels, picturesFirst, count, channels, PartialOf(picture, chunk));
            });

            // y = factor · x + offset for each channel
            for (var picture = 0; picture < shape.Pictures; picture++)
            {
                var extra = addends is null ? null : addends + picture * channels;
                Solve(PartialOf(picture, 0), chunks, source + picture * pixels * channels, extra, gains, shifts, shape, PartialOf(picture, chunks));
            }

            SharedWork.Run(shape.Pictures * chunks, index =>
            {
                var (picture, chunk) = (index / chunks, index % chunks);
                var first = chunk * (long)pixelsAtOnce;
                var start = (picture * pixels + first) * channels;
                var count = Math.Min(pixelsAtOnce, pixels - first);
                Normalise<TElement, TVector>(source + start, target + start, count, channels, PartialOf(picture, chunks), shape.Silu);
            });
        }
        finally
        {
            NativeMemory.AlignedFree(partial);
        }
        GC.KeepAlive(x);
    }

    /// <summary>The sum and behind it the sum of squares of each channel, in fp32, as differences from a pixel (the picture's first), so that a spread far
    /// smaller than the mean is not lost in rounding.</summary>
    internal static void Sum<TElement, TVector>(TElement* source, TElement* pivot, long pixels, int channels, float* sums)
        where TElement : unmanaged
        where TVector : unmanaged, ISingles<TVector>
    {
        var lanes = TVector.Count;
        for (var c = 0; c < channels; c += 2 * lanes)
        {
            var both = c + lanes < channels;
            TVector p0 = TVector.Load(pivot + c), p1 = both ? TVector.Load(pivot + c + lanes) : default;
            TVector s0 = default, s1 = default, q0 = default, q1 = default;
            for (var p = 0L; p < pixels; p++)
            {
                var row = source + p * channels + c;
                var a = TVector.Load(row) - p0;
                s0 += a;
                q0 = TVector.MultiplyAdd(a, a, q0);
                if (!both) continue;
                var b = TVector.Load(row + lanes) - p1;
                s1 += b;
                q1 = TVector.MultiplyAdd(b, b, q1);
            }
            s0.Store(sums + c);
            q0.Store(sums + channels + c);
            if (!both) continue;
            s1.Store(sums + c + lanes);
            q1.Store(sums + channels + c + lanes);
        }
    }

    /// <summary>From the sums of all chunks of a picture, added in double, to the factor and the offset of each channel.</summary>
    /// <param name="partial">For each chunk what <see cref="Sum"/> gives.</param> <param name="pivot">The pixel that was taken off.</param>
    /// <param name="addends">What is added to each channel; null for nothing.</param> <param name="shape">What is normalised, and how.</param>
    /// <param name="factors">Given the factors of all channels, then their offsets.</param>
    /// <param name="moments">Given each group's mean and 1 / deviation; null where nobody asks.</param>
    internal static void Solve<TElement>(float* partial, int chunks, TElement* pivot, float* addends, float* gains, float* shifts, Shape shape, float* factors,
        double* moments = null) where TElement : unmanaged
    {
        var (channels, perGroup) = (shape.Channels, shape.Channels / shape.Groups);
        Span<double> sums = stackalloc double[perGroup], squares = stackalloc double[perGroup], origins = stackalloc double[perGroup];
        for (var group = 0; group < shape.Groups; group++)
        {
            var mean = 0.0;
            for (var i = 0; i < perGroup; i++)
            {
                var c = group * perGroup + i;
                (sums[i], squares[i]) = (0, 0);
                for (var chunk = 0; chunk < chunks; chunk++)
                {
                    sums[i] += partial[2L * channels * chunk + c];
                    squares[i] += partial[2L * channels * chunk + channels + c];
                }
                origins[i] = Numbers.ToSingle(pivot[c]) + (addends == null ? 0.0 : addends[c]);
                mean += (sums[i] / shape.Pixels + origins[i]) / perGroup;
            }
            var variance = 0.0;
            for (var i = 0; i < perGroup; i++)
            {
                var distance = origins[i] - mean;
                variance += (squares[i] / shape.Pixels + 2 * distance * (sums[i] / shape.Pixels) + distance * distance) / perGroup;
            }
            var deviation = Math.Sqrt(Math.Max(0, variance) + shape.Epsilon);
            if (moments != null) (moments[2 * group], moments[2 * group + 1]) = (mean, 1 / deviation);
            for (var c = group * perGroup; c < (group + 1) * perGroup; c++)
            {
                var factor = gains[c] / deviation;
                factors[c] = (float)factor;
                factors[channels + c] = (float)(shifts[c] + ((addends == null ? 0 : addends[c]) - mean) * factor);
            }
        }
    }

    /// <summary>factor · x + offset for each channel, and SiLU of it where asked.</summary>
    /// <param name="factors">The factors of all channels, then their offsets.</param>
    internal static void Normalise<TElement, TVector>(TElement* source, TElement* target, long pixels, int channels, float* factors, bool silu)
        where TElement : unmanaged
        where TVector : unmanaged, ISingles<TVector>
    {
        for (var p = 0L; p < pixels; p++, source += channels, target += channels)
        {
            for (var c = 0; c < channels; c += TVector.Count)
            {
                var y = TVector.MultiplyAdd(TVector.Load(source + c), TVector.Load(factors + c), TVector.Load(factors + channels + c));
                if (silu) y *= Numbers.Sigmoid<TVector, TElement>(y);
                y.Store(target + c);
            }
        }
    }
}
