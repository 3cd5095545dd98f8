using System.IO.Compression;
using Easel.Imaging;
using Easel.Tests.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Fuzzing;

/// <summary>What is sound, before it is damaged: texts by hand after the formats of the programs named, and small pictures that hold them.</summary>
internal static class Samples
{
    public const string Infotext = "a cat, (sitting:1.2) <lora:ink:0.8>\nNegative prompt: blurry\n"
        + "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, Size: 512x768, "
        + "Model hash: 0123456789, Model: \"v1-5: pruned, ema\", Clip skip: 2, RNG: CPU, Lora hashes: \"ink: 0123456789ab\", "
        + "Version: v1.10.1";

    /// <summary>The smallest model whose networks are recognised, as safetensors: what tells their shapes, and no more.</summary>
    public static byte[] Parts { get; } = SafeTensors(
        ("model.diffusion_model.input_blocks.0.0.weight", [8, 4, 3, 3]), ("model.diffusion_model.input_blocks.1.0.in_layers.0.weight", [8]),
        ("model.diffusion_model.input_blocks.1.0.in_layers.2.weight", [8, 8, 3, 3]), ("model.diffusion_model.input_blocks.1.1.proj_in.weight", [8, 8, 1, 1]),
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", [8, 16]), ("model.diffusion_model.time_embed.0.weight", [32, 8]),
        ("model.diffusion_model.time_embed.cond_proj.weight", [8, 4]), ("model.diffusion_model.output_blocks.0.0.in_layers.0.weight", [16]),
        ("model.diffusion_model.output_blocks.0.1.transformer_blocks.0.attn2.to_k.weight", [8, 16]),
        ("model.diffusion_model.output_blocks.1.0.in_layers.0.weight", [16]),
        ("model.diffusion_model.output_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", [8, 16]), ("model.diffusion_model.out.2.weight", [4, 8, 3, 3]),
        ("vae.decoder.conv_in.weight", [8, 4, 3, 3]), ("vae.decoder.up.0.block.0.conv1.weight", [8, 8, 3, 3]),
        ("vae.encoder.down.0.block.0.conv1.weight", [8, 8, 3, 3]), ("vae.post_quant_conv.weight", [4, 4, 1, 1]),
        ("te.text_model.embeddings.token_embedding.weight", [512, 16]), ("te.text_model.embeddings.position_embedding.weight", [4, 16]),
        ("te.text_model.encoder.layers.0.mlp.fc1.weight", [8, 16]));

    /// <summary>Embeddings in each of the forms that safetensors files have: by AUTOMATIC1111, by diffusers under the word, for two text encoders.</summary>
    public static IReadOnlyList<byte[]> Embeddings { get; } =
    [
        SafeTensors(("emb_params", [2, 16])), SafeTensors(("<a word>", [16])), SafeTensors(("clip_l", [3, 16]), ("clip_g", [3, 32])),
    ];

    /// <summary>A small GGUF file for each type of blocks, with values of each kind.</summary>
    public static IReadOnlyList<byte[]> Ggufs { get; } = [.. GgmlType.All.Select(type => Mutations.SmallGguf(type.Number, type.Values, type.Bytes))];

    /// <summary>The graphs of ComfyUI in both forms, without what no JSON has.</summary>
    public static IEnumerable<string> Graphs =>
        OtherPrograms.Where(text => text.Key is "prompt" or "workflow").Select(text => text.Value.Replace("NaN", "null"));

    public static IReadOnlyList<string> GraphWords { get; } =
    [
        "class_type", "inputs", "text", "model", "positive", "negative", "latent_image", "guider", "sigmas", "noise", "sampler", "conditioning",
        "conditioning_from", "conditioning_to", "seed", "noise_seed", "steps", "cfg", "denoise", "width", "height", "ckpt_name", "unet_name", "lora_name",
        "samples", "images", "any", "input", "value", "nodes", "links", "id", "type", "mode", "widgets_values", "origin_id", "link", "prompt", "3", "6",
    ];

    public static IReadOnlyList<string> ConfigNames { get; } =
    [
        "text_config", "num_attention_heads", "hidden_act", "attention_head_dim", "scaling_factor", "shift_factor", "norm_num_groups", "prediction_type",
        "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr", "trained_betas", "num_train_timesteps", "model_cfg", "text_cfg", "heads",
        "mid_block_type", "time_cond_proj_dim", "_class_name",
    ];

    /// <summary>A small upscaler of the kind that comes with Easel, with one tensor in bytes beside their range.</summary>
    public static byte[] Tool { get; } = Written(
    [
        ("blocks.0.convs.0.weight", "U8", [2, 4, 3, 3], new byte[72]), ("blocks.0.convs.0.weight.range", "F64", [2], new byte[16]),
        ("blocks.0.fuse.weight", "F16", [4, 6, 1, 1], new byte[48]), ("up3.weight", "F16", [12, 2, 3, 3], new byte[432]),
    ]);

    /// <summary>Small upscalers of makes that are told by many shapes at once.</summary>
    public static IReadOnlyList<byte[]> Upscalers(string goldens) => _upscalers ??= SmallUpscalers(goldens);

    private static IReadOnlyList<byte[]>? _upscalers;

    private static IReadOnlyList<byte[]> SmallUpscalers(string goldens)
    {
        using var scope = NewDisposeScope();
        var path = Path.GetTempFileName();
        try
        {
            using (var packed = new GZipStream(File.OpenRead(Path.Combine(goldens, "upscalers", "transformers.safetensors.gz")), CompressionMode.Decompress))
            using (var unpacked = File.Create(path)) packed.CopyTo(unpacked);
            using var all = TensorFile.Open(path);
            return [.. UpscalerShapes, .. ((string[])["swinir-x2-light.net.", "hat-x2.net.", "dat-x4-light.net."]).Select(network =>
            {
                var part = path + ".part";
                SafeTensorsWriter.Write(part, all.Tensors.Keys.Where(key => key.StartsWith(network, StringComparison.Ordinal))
                    .ToDictionary(key => key[network.Length..], all.View));
                var bytes = File.ReadAllBytes(part);
                File.Delete(part);
                return bytes;
            })];
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>What is enough to take a file for SwinIR's, HAT's, DAT's or Real-CUGAN's.</summary>
    private static byte[][] UpscalerShapes { get; } =
    [
        SafeTensors(("conv_first.weight", [4, 3, 3, 3]), ("layers.0.residual_group.blocks.0.attn.relative_position_bias_table", [9, 2]),
            ("layers.0.residual_group.blocks.0.mlp.fc1.weight", [8, 4]), ("conv_before_upsample.0.weight", [2, 4, 3, 3]),
            ("upsample.0.weight", [8, 2, 3, 3]), ("conv_last.weight", [3, 2, 3, 3])),
        SafeTensors(("conv_first.weight", [4, 3, 3, 3]), ("layers.0.residual_group.blocks.0.attn.relative_position_bias_table", [9, 2]),
            ("layers.0.residual_group.overlap_attn.relative_position_bias_table", [25, 2]), ("layers.0.residual_group.blocks.0.mlp.fc1.weight", [8, 4]),
            ("layers.0.residual_group.blocks.0.conv_block.cab.0.weight", [2, 4, 3, 3]),
            ("layers.0.residual_group.blocks.0.conv_block.cab.3.attention.1.weight", [1, 4, 1, 1]), ("upsample.0.weight", [12, 4, 3, 3])),
        SafeTensors(("conv_first.weight", [4, 3, 3, 3]), ("before_RG.1.weight", [4]), ("layers.0.blocks.0.attn.attns.0.pos.pos3.2.weight", [1, 1]),
            ("layers.0.blocks.0.attn.attns.0.rpe_biases", [1, 2]), ("layers.0.blocks.1.attn.temperature", [2, 1, 1]),
            ("layers.0.blocks.0.ffn.fc1.weight", [8, 4]), ("upsample.0.weight", [12, 4, 3, 3])),
        SafeTensors(("unet1.conv1.conv.0.weight", [4, 3, 3, 3]), ("unet1.conv_bottom.weight", [8, 3, 5, 5])),
    ];

    /// <summary>What face restorers are known by: GFPGAN and CodeFormer.</summary>
    public static IReadOnlyList<byte[]> Restorers { get; } =
    [
        SafeTensors(
        [
            ("conv_body_first.weight", [2, 3, 1, 1]), ("stylegan_decoder.constant_input.weight", [1, 4, 4, 4]),
            ("stylegan_decoder.style_conv1.modulated_conv.modulation.weight", [4, 4]), ("condition_scale.0.2.weight", [2, 2, 3, 3]),
            ("final_linear.bias", [64]),
            .. Enumerable.Range(0, 7).SelectMany(i => ((string, long[])[])
                [($"conv_body_down.{i}.conv2.weight", [2, 2, 3, 3]), ($"stylegan_decoder.style_convs.{2 * i}.modulated_conv.weight", [1, 4, 4, 3, 3])]),
        ]),
        SafeTensors(
        [
            ("encoder.blocks.0.weight", [32, 3, 3, 3]), ("quantize.embedding.weight", [4, 8]), ("position_emb", [256, 2]),
            ("ft_layers.0.linear1.weight", [4, 2]), ("fuse_convs_dict.32.scale.0.weight", [1]),
            .. Enumerable.Range(0, 6).Select(level => ($"encoder.blocks.{1 + 3 * level}.conv1.weight", (long[])[32, 32, 3, 3])),
        ]),
    ];

    private static byte[] Written(IReadOnlyList<(string Name, string Type, long[] Shape, byte[] Values)> tensors)
    {
        var (entries, end) = (new List<string>(), 0);
        foreach (var (name, type, shape, values) in tensors)
        {
            entries.Add($"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{end},{end + values.Length}]}}");
            end += values.Length;
        }
        var header = System.Text.Encoding.UTF8.GetBytes("{" + string.Join(',', entries) + "}");
        return [.. BitConverter.GetBytes((long)header.Length), .. header, .. tensors.SelectMany(tensor => tensor.Values)];
    }

    private static byte[] SafeTensors(params (string Name, long[] Shape)[] tensors)
    {
        var (entries, end) = (new List<string> { "\"__metadata__\":{\"modelspec.title\":\"lcm\"}" }, 0L);
        foreach (var (name, shape) in tensors)
        {
            var begin = end;
            end += 2 * shape.Aggregate(1L, (product, side) => product * side);
            entries.Add($"\"{name}\":{{\"dtype\":\"F16\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{begin},{end}]}}");
        }
        var header = System.Text.Encoding.UTF8.GetBytes("{" + string.Join(',', entries) + "}");
        return [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[end]];
    }

    /// <summary>The original configuration of a model, and one that says things once and refers to them.</summary>
    public static IReadOnlyList<string> Yamls { get; } =
    [
        """
        model:
          base_learning_rate: 1.0e-04
          target: ldm.models.diffusion.ddpm.LatentDiffusion
          params:
            parameterization: "v"
            linear_start: 0.00085
            linear_end: 0.0120
            scale_factor: 0.18215
            unet_config:
              params: { num_head_channels: 64, disable_self_attentions: [ False, True ], num_heads: 8 }
            low_scale_config: { params: { max_noise_level: 350 } }
        """,
        """
        base: &base { linear_start: 0.00085, linear_end: 0.012 }
        model: { params: { <<: *base, parameterization: eps, "scale_factor": '0.18215' } }
        """,
    ];

    public static IReadOnlyList<string> YamlWords { get; } =
        ["&a ", "*a", "<<: ", "[", "{", "- ", "? ", ": ", "\n", "\"\\ud800\"", "\"\\U0001F600\"", "|\n ", ">-\n", "!!binary ", "%TAG ! x",
        "---\n", "nan", "1e999", "~", "\t"];

    /// <summary>ComfyUI's file of other programs' folders.</summary>
    public static IReadOnlyList<string> ExtraPaths { get; } =
    [
        "a111:\n  base_path: ~/webui/\n  is_default: true\n  checkpoints: models/Stable-diffusion\n  loras: |\n    models/Lora\n    models/LyCORIS\n"
            + "  embeddings: [embeddings, ${HOME}/more]\nnothing:\nb: {vae: /srv/vae}\n",
        "b: {vae: /srv/vae}\n",
        "comfyui:\n    base_path: C:\\ComfyUI\n    checkpoints: models/checkpoints/\n",
        "# nothing yet\n",
    ];

    public static IReadOnlyList<string> PathWords { get; } =
        [.. YamlWords, "base_path: ", "is_default: ", "loras: ", "~", "$", "${", "}", "%PATH%", "../", "/", "\\", "\0"];

    /// <summary>The settings of the parts of a model, all in one.</summary>
    public static IReadOnlyList<string> Configs { get; } =
    [
        """
        {"text_config":{"num_attention_heads":12,"hidden_act":"quick_gelu"},"attention_head_dim":[5,10,20,20],"num_attention_heads":null,
        "scaling_factor":0.18215,"norm_num_groups":32,"prediction_type":"v_prediction","beta_start":0.00085,"beta_end":0.012,
        "beta_schedule":"scaled_linear","rescale_betas_zero_snr":true}
        """,
        """{"model_cfg":{"text_cfg":{"heads":16}},"attention_head_dim":8,"beta_schedule":"linear","prediction_type":"epsilon"}""",
    ];

    public static IReadOnlyList<string> JsonWords { get; } =
        ["null", "true", "-1", "0", "1e999", "[]", "{}", "[[[[", "\"\\ud800\"", "\"x\"", ",", ":", "\"attention_head_dim\":", "99999999999"];

    public static IReadOnlyList<string> Infotexts { get; } =
    [
        Infotext,
        "a cat\nSteps: 2, Seed: 5, Size: 64x64, ControlNet 0: \"Module: canny, Model: net [abcdef12], Weight: 0.5, Resize Mode: Resize and Fill, "
            + "Processor Res: 512, Threshold A: 50, Guidance End: 0.5, Pixel Perfect: False, Control Mode: ControlNet is more important\"",
        "a cat. Negative prompt: blurry. Steps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, Model hash: abcdef1234, Model: other",
        "a cat\nSteps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 128x128, Denoising strength: 0.7, First pass size: 64x64",
        "a cat\nNegative prompt: x\nSteps: 2, Sampler: DDIM, CFG scale: 7, Seed: 5, Size: 64x64, Mask blur: 4\nTemplate: a __animal__\nNegative Template: x",
        "a cat\nSteps: 5, Sampler: PLMS, Seed: 5, Size: 64x64, Like: compvis, Batch size: 2, Batch pos: 1, Batch number: 3, Prompts: 5, Version: Easel 1.0.0",
    ];

    /// <summary>The texts of other programs, by the name under which they stand in a file.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> OtherPrograms { get; } =
    [
        new("prompt", """
            {"3":{"class_type":"KSampler","inputs":{"seed":156680208700286,"steps":21,"cfg":8.5,"sampler_name":"dpmpp_2m","scheduler":"karras","denoise":1,
            "model":["10",0],"positive":["6",0],"negative":["7",0],"latent_image":["5",0]},"is_changed":[NaN]},
            "4":{"class_type":"CheckpointLoaderSimple","inputs":{"ckpt_name":"v1-5.safetensors"}},
            "10":{"class_type":"LoraLoader","inputs":{"lora_name":"x.safetensors","strength_model":0.8,"model":["4",0],"clip":["4",1]}},
            "5":{"class_type":"EmptyLatentImage","inputs":{"width":640,"height":512,"batch_size":1}},
            "6":{"class_type":"CLIPTextEncode","inputs":{"text":"a glass bottle","clip":["10",1]}},
            "7":{"class_type":"CLIPTextEncode","inputs":{"text":["8",0],"clip":["10",1]}},"8":{"class_type":"Note","inputs":{"text":"watermark"}}}
            """),
        new("workflow", """
            {"last_node_id":9,"nodes":[{"id":3,"type":"KSampler","inputs":[{"name":"model","link":1},{"name":"positive","link":4},{"name":"negative","link":6},
            {"name":"latent_image","link":2}],"outputs":[{"name":"LATENT","links":[7]}],"widgets_values":[42,"randomize",20,8,"euler","normal",1]},
            {"id":4,"type":"CheckpointLoaderSimple","outputs":[{"name":"MODEL","links":[1]}],"widgets_values":["v1-5.ckpt"]},
            {"id":6,"type":"CLIPTextEncode","outputs":[{"links":[4]}],"widgets_values":["a cat"]},
            {"id":7,"type":"CLIPTextEncode","outputs":[{"links":[6]}],"widgets_values":["blurry"]},
            {"id":5,"type":"EmptyLatentImage","outputs":[{"links":[2]}],"widgets_values":[512,512,1]}],
            "links":[[1,4,0,3,0,"MODEL"],[2,5,0,3,3,"LATENT"],[4,6,0,3,1,"CONDITIONING"],[6,7,0,3,2,"CONDITIONING"]],"version":0.4}
            """),
        new("invokeai_metadata", """
            {"generation_mode":"txt2img","positive_prompt":"a cat","negative_prompt":"blurry","width":64,"height":64,"seed":5,"cfg_scale":7.5,"steps":2,
            "scheduler":"dpmpp_2m_k","model":{"key":"1","name":"dream"},"loras":[{"model":{"name":"ink"},"weight":0.8}]}
            """),
        new("sd-metadata", """
            {"model_weights":"v1-5","image":{"prompt":[{"prompt":"a bottle","weight":1.0}],"steps":21,"cfg_scale":8.5,"sampler":"k_lms","seed":7,"width":640,
            "height":512}}
            """),
        new("Dream", "\"a cat [blurry]\" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms"),
        new("Comment", """{"prompt":"a cat","steps":28,"sampler":"k_euler_ancestral","seed":5,"scale":11.0,"uc":"blurry","height":64,"width":64}"""),
        new("parameters", """
            {"prompt":"a cat","negative_prompt":"blurry","steps":2,"sampler":"dpmpp_2m_sde_gpu","scheduler":"karras","seed":"5","resolution":"(64, 64)",
            "guidance_scale":4,"base_model":"jug","loras":[["x.safetensors",0.1]],"version":"Fooocus v2.5"}
            """),
        new("parameters", """
            {"sui_image_params":{"prompt":"a cat","negativeprompt":"blurry","model":"m","seed":5,"steps":2,"cfgscale":7,"width":64,"height":64,
            "sampler":"euler_ancestral","scheduler":"karras","swarm_version":"0.9"}}
            """),
        new("parameters", """{"prompt":"a cat","num_inference_steps":21,"guidance_scale":8.5,"seed":7,"sampler_name":"euler_a","width":640,"height":512}"""),
        new("XML:com.adobe.xmp", """
            <x:xmpmeta><rdf:RDF><rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{&quot;c&quot;:&quot;a cat&quot;,
            &quot;uc&quot;:&quot;blurry&quot;,&quot;steps&quot;:20,&quot;scale&quot;:7.5,&quot;seed&quot;:42,&quot;size&quot;:&quot;512x512&quot;,
            &quot;sampler&quot;:&quot;Euler A&quot;,&quot;model&quot;:&quot;m.ckpt&quot;}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF>
            </x:xmpmeta>
            """),
        new("Description", "a cat on a roof --ar 3:2 --v 6.1 --seed 42 --no dogs Job ID: 01234567-89ab-cdef-0123-456789abcdef"),
    ];

    public static IReadOnlyList<string> SettingWords { get; } =
    [
        "Steps", "Sampler", "CFG scale", "Seed", "Size", "Negative prompt", "Model", "Denoising strength", "Hires upscale", "Batch size", "Batch pos",
        "Prompts", "Like", "compvis", "512x512", "Euler a", "steps", "seed", "inputs", "class_type", "KSampler", "prompt", "text", "link", "nodes",
        "&quot;", "\n",
    ];

    public static IReadOnlyList<string> Prompts { get; } =
    [
        "a cat, (sitting:1.2), [red|blue] roof, ((masterpiece)) [[ugly]] BREAK [day:night:0.5] <lora:ink:0.8> \\(not\\) weight",
        "a cat :1.2 AND a dog :-0.5 AND [a:[b:c:3]:5] <lora:x:te=0.5:unet=1> # a comment",
        "café &amp;amp; &eacute; Ã© â€œquotedâ€\u009D ﬁne ＦＵＬＬ ΣΑΣ Å",
    ];

    public static IReadOnlyList<string> PromptWords { get; } =
        ["AND", "BREAK", ":1.2", "0.5", "<lora:", "te=", "&amp;", "&#65286;", "amp;", "Ã", "â€", "\u0301", "Σ", "\u0130", "ﬁ", "\u009D", "don't", "\n#"];

    /// <summary>An adapter of every make, each for one layer, with a word.</summary>
    public static IReadOnlyList<byte[]> Adapters(string goldens)
    {
        using var scope = NewDisposeScope();
        using var all = TensorFile.Open(Path.Combine(goldens, "lycoris", "adapters.safetensors"));
        var path = Path.GetTempFileName();
        try
        {
            return
            [
                .. all.Tensors.Keys.GroupBy(key => key.Split('/')[0]).Select(make =>
                {
                    var layer = make.First()[..(make.First().IndexOf('.') + 1)];
                    var tensors = make.Where(key => key.StartsWith(layer, StringComparison.Ordinal))
                        .ToDictionary(key => key[(make.Key.Length + 1)..], all.View);
                    tensors["bundle_emb.word.emb_params"] = ones(1, 4);
                    SafeTensorsWriter.Write(path, tensors);
                    return File.ReadAllBytes(path);
                }),
            ];
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Small pictures of every format, with and without text.</summary>
    public static IReadOnlyList<byte[]> Pictures(string goldens)
    {
        var image = new RgbImage(8, 8);
        var (prompt, workflow) = (OtherPrograms[0], OtherPrograms[1]);
        var metadata = new ImageMetadata(Infotext) { Others = [prompt, workflow, new("Software", "Easel"), new("Artist", "雪")] };
        string[] files =
            ["text-packed.png", "text-unicode.png", "comment.jpg", "comment.webp", "palette-transparent.png", "gray16-interlaced.png", "picture.bmp"];
        var gif = File.ReadAllBytes(Path.Combine(goldens, "imaging", "two-frames.gif"));
        byte[] comment = [0x21, 0xFE, 5, .. "a cat"u8, 0];
        var withExif = PictureParts.Of(ImageFile.Encode(image, ImageFormat.Png));
        withExif.Parts.Insert(1, new PicturePart("eXIf", Exif.Build(metadata)));
        return
        [
            .. files.Select(file => File.ReadAllBytes(Path.Combine(goldens, "imaging", file))).Where(file => file.Length < Damage.LargestCase / 2),
            ImageFile.Encode(image, ImageFormat.Png, metadata),
            withExif.ToBytes(),
            ImageFile.Encode(image, ImageFormat.Jpeg, metadata),
            ImageFile.Encode(image, ImageFormat.WebP, metadata),
            [.. gif[..^1], .. comment, 0x3B],
        ];
    }
}
