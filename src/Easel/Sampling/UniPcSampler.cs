namespace Easel.Sampling;

/// <summary>UniPC (Zhao et al. 2023, arXiv 2302.04867): a multistep predictor, corrected at the next level by the estimate made there, without a further
/// evaluation.</summary>
internal static class UniPcSampler
{
    /// <summary>B(h) = exp(h) - 1, the kind for guided sampling; order 2 unless told otherwise (diffusers' defaults). Orders 1 to 3.</summary>
    public static Tensor Bh2(SamplerRun run, Tensor x) => Run(run, x, run.Options.Order ?? 2, b => Math.Exp(b) - 1);

    /// <summary>B(h) = h; order 3 unless told otherwise (AUTOMATIC1111's defaults). Orders 1 to 3.</summary>
    public static Tensor Bh1(SamplerRun run, Tensor x) => Run(run, x, run.Options.Order ?? 3, b => b);

    private static Tensor Run(SamplerRun run, Tensor x, int most, Func<double, double> scale)
    {
        var sigmas = run.Sigmas;
        var steps = sigmas.Length - 1;
        var estimates = new List<Tensor>();      // newest first; estimates[k] was made at sigmas[i - k]
        var (before, order) = (x, 0);
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from).MoveToOuterDisposeScope();
            // UniC: the last step again, now knowing the estimate at its end
            if (i > 0 && from != sigmas[i - 1])
                x = Step(before, sigmas, i - 1, from, estimates, denoised, order, scale).MoveToOuterDisposeScope();
            estimates.Insert(0, denoised);
            if (estimates.Count > 3) estimates.RemoveAt(3);

            order = Math.Min(most, i + 1);
            if (run.Options.LowerOrderFinal ?? true) order = Math.Min(order, steps - i);
            before = x;
            // UniP; at 0 its limit is the estimate, and a step of no length does nothing
            return (to == 0 ? denoised.alias() : to == from ? x.alias() : Step(before, sigmas, i, to, estimates, null, order, scale), denoised);
        });
    }

    /// <summary>One step of the predictor, or of the corrector where the estimate at the step's end is given (the paper's algorithms 2 and 1).</summary>
    private static Tensor Step(Tensor x, double[] sigmas, int i, double to, List<Tensor> estimates, Tensor? end, int order, Func<double, double> scale)
    {
        var from = sigmas[i];
        var h = Math.Log(from / to);
        var ratios = new double[order];
        var differences = new List<Tensor>();
        for (var k = 1; k < order; k++)
        {
            ratios[k - 1] = Math.Log(from / sigmas[i - k]) / h;
            differences.Add((estimates[k] - estimates[0]) / ratios[k - 1]);
        }
        ratios[order - 1] = 1;
        if (end is not null) differences.Add(end - estimates[0]);

        var next = Moves.Euler(x, estimates[0], from, to);
        var weights = Weights(ratios, h, scale, differences.Count);
        for (var k = 0; k < differences.Count; k++) next = next - differences[k] * (scale(-h) * weights[k]);
        return next;
    }

    /// <summary>The weights of the differences: the first equations of the paper's system R rho = b.</summary>
    private static double[] Weights(double[] ratios, double h, Func<double, double> scale, int count)
    {
        if (count == 0) return [];
        // With one unknown the published solver takes one half, which is as accurate.
        if (count == 1) return [0.5];
        var matrix = new double[count, count + 1];
        var phi = (Math.Exp(-h) - 1) / -h - 1;
        var factorial = 1.0;
        for (var row = 0; row < count; row++)
        {
            for (var column = 0; column < count; column++) matrix[row, column] = Math.Pow(ratios[column], row);
            matrix[row, count] = phi * factorial / scale(-h);
            factorial *= row + 2;
            phi = phi / -h - 1 / factorial;
        }
        return Solve(matrix, count);
    }

    /// <summary>Gaussian elimination; the systems are of two or three distinct nodes, so no pivoting is needed.</summary>
    private static double[] Solve(double[,] m, int n)
    {
        for (var pivot = 0; pivot < n; pivot++)
        {
            for (var row = pivot + 1; row < n; row++)
            {
                var factor = m[row, pivot] / m[pivot, pivot];
                for (var column = pivot; column <= n; column++) m[row, column] -= factor * m[pivot, column];
            }
        }
        var solution = new double[n];
        for (var row = n - 1; row >= 0; row--)
        {
            solution[row] = m[row, n];
            for (var column = row + 1; column < n; column++) solution[row] -= m[row, column] * solution[column];
            solution[row] /= m[row, row];
        }
        return solution;
    }
}
