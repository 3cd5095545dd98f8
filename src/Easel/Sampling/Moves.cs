namespace Easel.Sampling;

/// <summary>The few moves that the samplers share.</summary>
internal static class Moves
{
    /// <summary>Euler's step of the probability-flow ODE dx/dsigma = (x - denoised) / sigma. Written from the denoised side, so that it ends exactly on it at 0
    /// and loses nothing to rounding when sigma is in the thousands (zero terminal SNR).</summary>
    public static Tensor Euler(Tensor x, Tensor denoised, double from, double to) => denoised + (x - denoised) * (to / from);

    /// <summary>The derivative of the probability-flow ODE (Karras et al. 2022, equation 1).</summary>
    public static Tensor Slope(Tensor x, Tensor denoised, double sigma) => (x - denoised) / sigma;

    /// <summary>Splits a step of ancestral sampling: the level to step down to and the noise to add there, so that the two make <paramref name="to"/>
    /// (k-diffusion).</summary>
    public static (double Down, double Up) Ancestral(double from, double to, double eta)
    {
        var up = Math.Min(to, eta * Math.Sqrt(to * to * (from * from - to * to) / (from * from)));
        return (Math.Sqrt(to * to - up * up), up);
    }

    /// <summary>The point halfway between two noise levels in log sigma.</summary>
    public static double Between(double from, double to) => Math.Sqrt(from * to);
}
