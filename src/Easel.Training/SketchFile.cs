using Easel.Models;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Training;

/// <summary>Writes trained networks in the original single-file layout, which everything that reads Stable Diffusion 1 reads.</summary>
internal static class SketchFile
{
    /// <summary>Writes an autoencoder alone, in fp32.</summary>
    public static void WriteAutoencoder(string path, Autoencoder network, FlatWeights weights)
    {
        using var scope = NewDisposeScope();
        var tensors = weights.Split(weights.Values).ToDictionary(w => Original(w.Name, null, network), w => Shaped(w.Name, w.Value));
        SafeTensorsWriter.Write(path, tensors);
    }

    /// <summary>The original name of a parameter that begins with its network: "unet.conv_in.weight".</summary>
    public static string Original(string name, UNet? unet, Autoencoder autoencoder)
    {
        var (network, own) = (name[..name.IndexOf('.')], name[(name.IndexOf('.') + 1)..]);
        var dot = own.LastIndexOf('.');
        return network switch
        {
            "unet" => $"model.diffusion_model.{OriginalNames.UNetLayer(own[..dot], unet!.Config)}{own[dot..]}",
            "text" => "cond_stage_model.transformer." + own,
            _ => "first_stage_model." + AutoencoderNames.Original(own, autoencoder.Config.Channels.Count),
        };
    }

    /// <summary>The original keeps the matrices of the autoencoder's attention as 1x1 convolutions.</summary>
    public static Tensor Shaped(string name, Tensor value) => AutoencoderNames.IsProjection(name) ? value.unsqueeze(-1).unsqueeze(-1) : value;
}
