using Easel.Models;
using Easel.Text;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Training;

/// <summary>
/// Writes and reads trained networks in the original single-file layout, which everything that reads Stable Diffusion 1 reads. What is not as in Stable
/// Diffusion 1 is said as others say it: the empty tensors "v_pred" and "ztsnr", and texts of the ModelSpec.
/// </summary>
internal static class SketchFile
{
    /// <summary>Writes an autoencoder alone, in fp16.</summary>
    public static void WriteAutoencoder(string path, Autoencoder network, FlatWeights weights)
    {
        using var scope = NewDisposeScope();
        var original = Original(null, network);
        SafeTensorsWriter.Write(path, weights.Split(weights.Values).Select(w => original(w.Name, w.Value)).ToDictionary(), ScalarType.Float16, Groups(network));
    }

    /// <summary>Writes a whole model, in fp16.</summary>
    public static void Write(string path, string title, UNet unet, Autoencoder autoencoder, FlatWeights weights, Tensor values, Words words,
        IReadOnlyDictionary<string, string> meanings)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var original = Original(unet, autoencoder);
        var tensors = weights.Split(values).Select(w => original(w.Name, IsTokenTable(w.Name) ? WholeTable(w.Value, words, meanings) : w.Value))
            .Concat(autoencoder.named_parameters().Select(p => original("autoencoder." + p.name, p.parameter))).ToDictionary();
        tensors.Add("v_pred", empty(0));
        tensors.Add("ztsnr", empty(0));
        SafeTensorsWriter.Write(path, tensors, ScalarType.Float16, new Dictionary<string, string>(Groups(autoencoder))
        {
            ["modelspec.sai_model_spec"] = "1.0.0",
            ["modelspec.architecture"] = "stable-diffusion-v1",
            ["modelspec.implementation"] = "https://github.com/CompVis/stable-diffusion",
            ["modelspec.title"] = title,
            ["modelspec.author"] = "The Easel authors",
            ["modelspec.license"] = "MIT",
            ["modelspec.description"] =
                "Drawings of well-known things, alone and composed, trained by Easel from open emoji; see docs/training.md and THIRD-PARTY-NOTICES.md for "
                    + "data and credits.",
            ["modelspec.prediction_type"] = "v",
            ["easel.guidance_scale"] = "3",
            ["modelspec.resolution"] = $"{Data.Scene.Side}x{Data.Scene.Side}",
        });
    }

    private static Dictionary<string, string> Groups(Autoencoder autoencoder) =>
        new() { ["vae.norm_num_groups"] = autoencoder.Config.NormGroups.ToString(CultureInfo.InvariantCulture) };

    /// <summary>Gives a parameter, whose name begins with its network ("unet.conv_in.weight"), its name and shape in the original layout.</summary>
    private static Func<string, Tensor, KeyValuePair<string, Tensor>> Original(UNet? unet, Autoencoder autoencoder)
    {
        var (unetNames, autoencoderNames) = (unet is null ? null : UNetNames.Original(unet.Config), AutoencoderNames.Original(autoencoder.Config));
        return (name, value) =>
        {
            var (network, own) = Parted(name);
            var (original, shape) = network switch
            {
                "unet" => CheckpointLayout.ToOriginal(CheckpointNetwork.UNet, unetNames!, own, value.shape),
                "text" => CheckpointLayout.ToOriginal(CheckpointNetwork.Text, TextNames.Clip, own, value.shape),
                _ => CheckpointLayout.ToOriginal(CheckpointNetwork.Autoencoder, autoencoderNames, own, value.shape),
            };
            return new(original, value.reshape(shape));
        };
    }

    private static (string Network, string Own) Parted(string name) => (name[..name.IndexOf('.')], name[(name.IndexOf('.') + 1)..]);

    private static bool IsTokenTable(string name) => name.EndsWith("token_embedding.weight", StringComparison.Ordinal);

    /// <summary>
    /// CLIP's whole vocabulary. A word that no caption had is what the name is that it means; where none is known it is passed over as "a" is, which goes
    /// with everything and of which training has learned that it says nothing.
    /// </summary>
    private static Tensor WholeTable(Tensor trained, Words words, IReadOnlyDictionary<string, string> meanings)
    {
        var table = trained.narrow(0, words.NumbersOf("a").Single(), 1).expand(ClipTokenizer.VocabularySize, -1).contiguous();
        var tokenizer = new ClipTokenizer();
        foreach (var (word, name) in meanings)
            if (tokenizer.Encode(word) is [var token]) table[token].copy_(trained.index_select(0, tensor(words.NumbersOf(name).ToArray())).mean([0]));
        return table.index_copy_(0, tensor(words.Tokens.Select(token => (long)token).ToArray()), trained);
    }
}
