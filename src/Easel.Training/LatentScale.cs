using Easel.Models;

namespace Easel.Training;

/// <summary>
/// Works the scale of the latents into the autoencoder itself: after it, each channel has mean 0 and, times the family's latent scale, variance 1, as
/// diffusion wants it and as every program that reads the file expects.
/// </summary>
internal static class LatentScale
{
    /// <summary>The mean and the spread of each channel over many pictures' latents, [n, c, h, w].</summary>
    public static (Tensor Center, Tensor Spread) Of(Tensor latents)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return (latents.mean([0, 2, 3]).DetachFromDisposeScope(), latents.std([0, 2, 3]).DetachFromDisposeScope());
    }

    /// <summary>Changes the two 1x1 convolutions around the latents so that pictures come out as before.</summary>
    public static void Fold(Autoencoder network, Tensor center, Tensor spread)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var channels = network.Config.LatentChannels;
        var factor = 1 / (LatentSpace.StableDiffusion.Scale * spread);
        var parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);

        var (weight, bias) = (parameters["quant_conv.weight"], parameters["quant_conv.bias"]); // the rows of the means first, then those of the log variances
        weight[..channels].mul_(factor.view(-1, 1, 1, 1));
        bias[..channels].sub_(center).mul_(factor);
        bias[channels..].add_(factor.log() * 2);

        (weight, bias) = (parameters["post_quant_conv.weight"], parameters["post_quant_conv.bias"]);
        bias.add_(weight.squeeze(-1).squeeze(-1).matmul(center.unsqueeze(1)).squeeze(1));
        weight.div_(factor.view(1, -1, 1, 1));
    }
}
