namespace Easel;

/// <summary>What a model file is good for.</summary>
public enum ModelKind
{
    /// <summary>It draws.</summary>
    Checkpoint,

    /// <summary>An autoencoder (VAE), which can stand in for a checkpoint's own: <see cref="LoadOptions.Vae"/>.</summary>
    Autoencoder,

    /// <summary>A tiny autoencoder (TAESD): <see cref="LoadOptions.TinyVae"/>.</summary>
    TinyAutoencoder,

    /// <summary>It enlarges pictures (ESRGAN): <see cref="Upscaler"/>.</summary>
    Upscaler,

    /// <summary>It tells how near each point of a picture is: <see cref="LoadOptions.DepthModel"/>.</summary>
    DepthEstimator,

    /// <summary>A LoRA, which prompts call out of <see cref="LoadOptions.LoraFolders"/>.</summary>
    Lora,

    /// <summary>A textual inversion, which prompts call out of <see cref="LoadOptions.EmbeddingFolders"/>.</summary>
    Embedding,

    /// <summary>It steers drawing by a picture (ControlNet, T2I-Adapter, IP-Adapter): <see cref="ControlUnit"/>.</summary>
    Control,

    /// <summary>It mends the faces of pictures (GFPGAN, CodeFormer): <see cref="Upscaler"/>, of scale 1.</summary>
    FaceRestorer,

    /// <summary>A small network that Easel uses of itself, such as one that finds faces: <see cref="BuiltInTool"/>.</summary>
    Tool,

    /// <summary>Easel has no use for it.</summary>
    Other,
}
