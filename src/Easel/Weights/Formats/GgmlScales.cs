namespace Easel.Weights.Formats;

/// <summary>The searches for scales that ggml makes when it narrows numbers. What is computed, and in which order, decides bits of the result.</summary>
internal static class GgmlScales
{
    /// <summary>Below this a group counts as nothing but zeros.</summary>
    public const float Nothing = 1e-15f;

    /// <summary>The sum of the squares.</summary>
    public static float Squares(ReadOnlySpan<float> x)
    {
        var sum = 0f;
        foreach (var value in x) sum += value * value;
        return sum;
    }

    /// <summary>How much each value matters: as its size beside that of all.</summary>
    public static void Weigh(ReadOnlySpan<float> x, float mean, Span<float> weights)
    {
        for (var i = 0; i < x.Length; i++) weights[i] = MathF.Sqrt(mean + x[i] * x[i]);
    }

    public static float Sum(ReadOnlySpan<float> x)
    {
        var sum = 0f;
        foreach (var value in x) sum += value;
        return sum;
    }

    /// <summary>The nearest whole number, halves to the even one.</summary>
    public static int Nearest(float x) => (BitConverter.SingleToInt32Bits(x + 12582912f) & 0x7FFFFF) - 0x400000;

    /// <summary>x ≈ scale · (quant - most), quants from 0 to 2 most - 1 (make_qx_quants).</summary>
    public static float Symmetric(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, int most, Span<byte> quants)
    {
        float largest = 0, size = 0;
        foreach (var value in x)
        {
            if (MathF.Abs(value) > size) (size, largest) = (MathF.Abs(value), value);
        }
        if (size < Nothing)
        {
            quants[..x.Length].Clear();
            return 0;
        }
        var inverse = -most / largest;
        var (dot, squares) = Take(x, weights, inverse, most, quants);
        var scale = squares == 0 ? 0 : dot / squares;
        var best = scale * dot;
        Span<byte> tried = stackalloc byte[x.Length];
        for (var step = -9; step <= 9; step++)
        {
            if (step == 0) continue;
            inverse = -(most + 0.1f * step) / largest;
            (dot, squares) = Take(x, weights, inverse, most, tried);
            if (!(squares > 0 && dot * dot > best * squares)) continue;
            tried.CopyTo(quants);
            scale = dot / squares;
            best = scale * dot;
        }
        return scale;
    }

    private static (float Dot, float Squares) Take(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, float inverse, int most, Span<byte> quants)
    {
        float dot = 0, squares = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var quant = Math.Clamp(Nearest(inverse * x[i]), -most, most - 1);
            quants[i] = (byte)(quant + most);
            dot += weights[i] * x[i] * quant;
            squares += weights[i] * quant * quant;
        }
        return (dot, squares);
    }

    /// <summary>x ≈ scale · quant - below, quants from 0 to most (make_qkx3_quants).</summary>
    public static float WithMinimum(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, int most, Span<byte> quants, out float below)
    {
        var (min, max, sumOfWeights) = (x[0], x[0], weights[0]);
        var sum = sumOfWeights * x[0];
        for (var i = 1; i < x.Length; i++)
        {
            if (x[i] < min) min = x[i];
            if (x[i] > max) max = x[i];
            sumOfWeights += weights[i];
            sum += weights[i] * x[i];
        }
        if (min > 0) min = 0;
        below = -min;
        if (max <= min)
        {
            quants[..x.Length].Clear();
            return 0;
        }
        var inverse = most / (max - min);
        var scale = 1 / inverse;
        for (var i = 0; i < x.Length; i++) quants[i] = Quant(x[i] - min, inverse);
        var least = Error(x, weights, quants, scale, min);

        Span<byte> tried = stackalloc byte[x.Length];
        for (var step = 0; step <= 36; step++)
        {
            inverse = (-0.9f + 0.05f * step + most) / (max - min); // the least that was found last
            float quantSum = 0, squares = 0, dot = 0;
            for (var i = 0; i < x.Length; i++)
            {
                int quant = tried[i] = Quant(x[i] - min, inverse);
                quantSum += weights[i] * quant;
                squares += weights[i] * quant * quant;
                dot += weights[i] * quant * x[i];
            }
            var determinant = sumOfWeights * squares - quantSum * quantSum;
            if (!(determinant > 0)) continue;
            var thisScale = (sumOfWeights * dot - sum * quantSum) / determinant;
            var thisMin = (squares * sum - quantSum * dot) / determinant;
            if (thisMin > 0) (thisMin, thisScale) = (0, dot / squares);
            var error = Error(x, weights, tried, thisScale, thisMin);
            if (!(error < least)) continue;
            tried.CopyTo(quants);
            (least, scale, min) = (error, thisScale, thisMin);
        }
        below = -min;
        return scale;

        byte Quant(float above, float inverse) => (byte)Math.Clamp(Nearest(inverse * above), 0, most);
    }

    /// <summary>x ≈ scale · quant for what is not negative, quants from 0 to most (make_qp_quants).</summary>
    public static float Positive(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, int most, Span<byte> quants)
    {
        var max = 0f;
        foreach (var value in x) max = value > max ? value : max;
        if (max < Nothing)
        {
            quants[..x.Length].Clear();
            return 0;
        }
        var inverse = most / max;
        for (var i = 0; i < x.Length; i++) quants[i] = (byte)Nearest(inverse * x[i]);
        var least = Error(x, weights, quants, 1 / inverse, 0, signed: true);
        for (var step = -4; step <= 4; step++)
        {
            if (step == 0) continue;
            var thisInverse = (0.1f * step + most) / max;
            var thisScale = 1 / thisInverse;
            var error = 0f;
            for (var i = 0; i < x.Length; i++)
            {
                var difference = x[i] - thisScale * Math.Min(most, Nearest(thisInverse * x[i]));
                error += weights[i] * difference * difference;
            }
            if (error < least) (least, inverse) = (error, thisInverse);
        }
        float dot = 0, squares = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var quant = Math.Min(most, Nearest(inverse * x[i]));
            quants[i] = (byte)quant;
            dot += weights[i] * x[i] * quant;
            squares += weights[i] * quant * quant;
        }
        for (var round = 0; round < 5; round++)
        {
            var changed = false;
            for (var i = 0; i < x.Length; i++)
            {
                var weight = weights[i];
                var thisDot = dot - weight * x[i] * quants[i];
                var thisSquares = squares - weight * quants[i] * quants[i];
                if (!(thisDot > 0 && thisSquares > 0)) continue;
                var quant = Math.Min(most, Nearest(x[i] * thisSquares / thisDot));
                if (quant == quants[i]) continue;
                thisDot += weight * x[i] * quant;
                thisSquares += weight * quant * quant;
                if (!(thisDot * thisDot * squares > dot * dot * thisSquares)) continue;
                (quants[i], dot, squares, changed) = ((byte)quant, thisDot, thisSquares, true);
            }
            if (!changed) break;
        }
        return squares > 0 ? dot / squares : 0;
    }

    /// <param name="signed">Whether the difference is weighed before it is squared, as the one search does and the other does not.</param>
    private static float Error(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, ReadOnlySpan<byte> quants, float scale, float min, bool signed = false)
    {
        var error = 0f;
        for (var i = 0; i < x.Length; i++)
        {
            var difference = signed ? x[i] - scale * quants[i] : scale * quants[i] + min - x[i];
            error += signed ? weights[i] * difference * difference : weights[i] * (difference * difference);
        }
        return error;
    }
}
