namespace Easel.Hub;

/// <summary>What a model is for, as far as the list that it is on, or the folder that it lies in, tells.</summary>
public enum ModelPurpose
{
    /// <summary>It draws.</summary>
    Checkpoint,

    /// <summary>A LoRA, which prompts call.</summary>
    Lora,

    /// <summary>A textual inversion, which prompts call.</summary>
    Embedding,

    /// <summary>An autoencoder, also a tiny one.</summary>
    Vae,

    /// <summary>A network that steers drawing.</summary>
    Control,

    /// <summary>It enlarges pictures.</summary>
    Upscaler,

    /// <summary>It mends the faces of pictures.</summary>
    FaceRestorer,

    /// <summary>A text encoder.</summary>
    TextEncoder,

    /// <summary>CLIP's vision tower.</summary>
    ImageEncoder,

    /// <summary>Something that Easel has no use for.</summary>
    Other,
}

/// <summary>How programs call the folders of each purpose: AUTOMATIC1111 and Forge, ComfyUI (whose keys in extra_model_paths.yaml are the same), Easy
/// Diffusion, SwarmUI, Stability Matrix.</summary>
internal static class PurposeNames
{
    private static readonly Dictionary<string, ModelPurpose> All = new (ModelPurpose Purpose, string Names)[]
    {
        (ModelPurpose.Checkpoint, "checkpoints stablediffusion unet diffusionmodels diffusers"),
        (ModelPurpose.Lora, "lora loras lycoris"),
        (ModelPurpose.Embedding, "embeddings embedding textualinversion"),
        (ModelPurpose.Vae, "vae vaes vaeapprox approxvae"),
        (ModelPurpose.Control, "controlnet controlnets t2iadapter ipadapter"),
        (ModelPurpose.Upscaler, "esrgan realesrgan bsrgan swinir upscalemodels upscalers"),
        (ModelPurpose.FaceRestorer, "gfpgan codeformer facerestoremodels"),
        (ModelPurpose.TextEncoder, "clip textencoder textencoders"),
        (ModelPurpose.ImageEncoder, "clipvision"),
        (ModelPurpose.Other, "hypernetwork hypernetworks gligen stylemodels photomaker classifiers audioencoders modelpatches deepbooru"
            + " torchdeepdanbooru ldsr blip configs"),
    }.SelectMany(row => row.Names.Split(' '), (row, name) => (name, row.Purpose)).ToDictionary(row => row.name, row => row.Purpose, StringComparer.Ordinal);

    /// <summary>The purpose of a folder, or of a key, of a name; null where the name tells none.</summary>
    public static ModelPurpose? Of(string name) =>
        All.TryGetValue(new string([.. name.ToLowerInvariant().Where(char.IsAsciiLetterOrDigit)]), out var purpose) ? purpose : null;
}
