namespace Easel.Hub;

/// <summary>What a known model is for.</summary>
public enum KnownUse
{
    /// <summary>It draws.</summary>
    Checkpoint,

    /// <summary>A LoRA.</summary>
    Lora,

    /// <summary>An autoencoder.</summary>
    Vae,
}

/// <summary>A model that has a name of its own here.</summary>
/// <param name="Name">The name.</param>
/// <param name="Title">What it is, in words.</param>
/// <param name="Use">What it is for.</param>
/// <param name="Licence">Its licence, in words.</param>
/// <param name="Selection">Where it is, and what of it is fetched.</param>
public sealed record KnownModel(string Name, string Title, KnownUse Use, string Licence, HubSelection Selection)
{
    /// <summary>Whether all of it is in the cache, as it would be fetched.</summary>
    public bool IsIn(HubCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        return Selection.Files.All(file => cache.Find(Selection.Repository, Selection.Revision, file.Path) is not null);
    }
}

/// <summary>
/// The models that can be fetched by one word. Where a file's fingerprint is written here, no other file is taken; where none is, the hub's own is compared.
/// </summary>
public static class KnownModels
{
    private const string OpenRail = "CreativeML Open RAIL-M: free to use, also for gain; some harmful uses are forbidden";
    private const string OpenRailPlus = "CreativeML Open RAIL++-M: free to use, also for gain; some harmful uses are forbidden";
    private const string StabilityCommunity = "Stability AI Community: free for research and for businesses with less than 1 million dollars a year";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<KnownModel> All { get; } =
    [
        new("sd15", "Stable Diffusion 1.5, 512x512: the model most add-ons are made for", KnownUse.Checkpoint, OpenRail,
            new("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
                [new("v1-5-pruned-emaonly.safetensors", 4265146304, "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa")])),
        new("sd15-inpainting", "Stable Diffusion 1.5 for inpainting, 512x512", KnownUse.Checkpoint, OpenRail,
            new("stable-diffusion-v1-5/stable-diffusion-inpainting", "main", [new("sd-v1-5-inpainting.safetensors")])),
        new("sd-turbo", "SD-Turbo, 512x512: a picture in one to four steps", KnownUse.Checkpoint, StabilityCommunity,
            new("stabilityai/sd-turbo", "main", [new("sd_turbo.safetensors")])),
        new("sdxl", "Stable Diffusion XL 1.0, 1024x1024", KnownUse.Checkpoint, OpenRailPlus,
            new("stabilityai/stable-diffusion-xl-base-1.0", "462165984030d82259a11f4367a4eed129e94a7b",
                [new("sd_xl_base_1.0.safetensors", 6938078334, "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b")])),
        new("sdxl-refiner", "the refiner of Stable Diffusion XL 1.0", KnownUse.Checkpoint, OpenRailPlus,
            new("stabilityai/stable-diffusion-xl-refiner-1.0", "main",
                [new("sd_xl_refiner_1.0.safetensors", null, "7440042bbdc8a24813002c09b6b69b64dc90fded4472613437b7f55f9b7d9c5f")])),
        new("sdxl-turbo", "SDXL-Turbo, 512x512: a picture in one to four steps", KnownUse.Checkpoint, StabilityCommunity,
            new("stabilityai/sdxl-turbo", "main", [new("sd_xl_turbo_1.0_fp16.safetensors")])),
        new("lcm-lora-sd15", "LCM: four to eight steps with any SD 1.5 model", KnownUse.Lora, OpenRailPlus,
            new("latent-consistency/lcm-lora-sdv1-5", "main", [new("pytorch_lora_weights.safetensors")])),
        new("lcm-lora-sdxl", "LCM: four to eight steps with any SDXL model", KnownUse.Lora, OpenRailPlus,
            new("latent-consistency/lcm-lora-sdxl", "main",
                [new("pytorch_lora_weights.safetensors", 393855224, "a764e6859b6e04047cd761c08ff0cee96413a8e004c9f07707530cd776b19141")])),
        new("lightning-lora-sdxl", "SDXL-Lightning: four steps with any SDXL model", KnownUse.Lora, OpenRailPlus,
            new("ByteDance/SDXL-Lightning", "main", [new("sdxl_lightning_4step_lora.safetensors")])),
        new("taesd", "TAESD: decodes the pictures of SD 1 and 2 in a moment, a little coarser", KnownUse.Vae, "MIT",
            new("madebyollin/taesd", "614f76814bbe30edbe2e627ace1c2234c81a2c0e", [new("taesd_decoder.safetensors")])),
        new("taesdxl", "TAESDXL: decodes the pictures of SDXL in a moment, a little coarser", KnownUse.Vae, "MIT",
            new("madebyollin/taesdxl", "main", [new("taesdxl_decoder.safetensors")])),
        new("sdxl-vae-fix", "the autoencoder of SDXL, mended for half precision", KnownUse.Vae, "MIT",
            new("madebyollin/sdxl-vae-fp16-fix", "main",
                [new("sdxl_vae.safetensors", null, "235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1")])),
    ];

    /// <summary>A model by its name; null where there is none.</summary>
    public static KnownModel? Find(string name) => All.FirstOrDefault(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
