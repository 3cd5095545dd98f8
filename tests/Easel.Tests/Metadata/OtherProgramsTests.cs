using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Tests.Metadata;

/// <summary>Guards that the settings of other programs are found wherever they keep them, and that what is not done again is told. The texts are written by
/// hand after the programs' own formats.</summary>
public sealed class OtherProgramsTests
{
    private static PictureSettings? Read(string key, string text) =>
        PictureSettings.Read(key == "parameters" ? new ImageMetadata(text) : new ImageMetadata((string?)null) { Others = [new(key, text)] });

    /// <summary>All that is told, in one line: the program, both prompts, the settings.</summary>
    private static string Told(PictureSettings? told) => told is null ? "nothing"
        : $"{told.Program}|{told.Text.Prompt}|{told.Text.NegativePrompt}|{string.Join(", ", told.Text.Settings.Select(s => $"{s.Key}: {s.Value}"))}";

    [Fact]
    public void A_graph_with_what_JSON_has_no_number_for_is_read() => Assert.Equal(
        "ComfyUI|a cat|NaN Infinity|Steps: 2, Sampler: euler, Schedule type: normal, CFG scale: 7, Seed: 5, Size: 64x64, Model: x",
        Told(Read("prompt", """
            {"1":{"class_type":"KSampler","inputs":{"seed":5,"steps":2,"cfg":7,"sampler_name":"euler","scheduler":"normal","denoise":1,"positive":["2",0],
            "negative":["3",0],"latent_image":["4",0],"model":["5",0]},"is_changed":[NaN, -Infinity,Infinity]},
            "2":{"class_type":"CLIPTextEncode","inputs":{"text":"a cat","clip":["5",1]}},
            "3":{"class_type":"CLIPTextEncode","inputs":{"text":"NaN Infinity","clip":["5",1]}},
            "4":{"class_type":"EmptyLatentImage","inputs":{"width":64,"height":64,"batch_size":1}},
            "5":{"class_type":"CheckpointLoaderSimple","inputs":{"ckpt_name":"sub/x.safetensors"}}}
            """)));

    /// <summary>What the page saves beside the graph that is run, and some programs alone.</summary>
    [Fact]
    public void A_workflow_is_read_as_the_page_shows_it() => Assert.Equal(
        "ComfyUI|a cat <lora:ink:1:0.5>|blurry|Steps: 20, Sampler: euler, Schedule type: karras, CFG scale: 8, Seed: 42, Size: 512x768, Model: v1-5",
        Told(Read("workflow", """
            {"nodes":[{"id":3,"type":"KSampler","inputs":[{"name":"model","link":1},{"name":"positive","link":4},{"name":"negative","link":6},
            {"name":"latent_image","link":2}],"widgets_values":[42,"randomize",20,8,"euler","karras",1]},
            {"id":4,"type":"CheckpointLoaderSimple","widgets_values":["v1-5.ckpt"]},
            {"id":8,"type":"LoraLoader","inputs":[{"name":"model","link":9}],"widgets_values":["ink.pt",0.5,1]},
            {"id":6,"type":"CLIPTextEncode","widgets_values":["a cat"]},{"id":7,"type":"CLIPTextEncode","widgets_values":["blurry"]},
            {"id":5,"type":"EmptyLatentImage","widgets_values":[512,768,1]}],
            "links":[[1,8,0,3,0,"MODEL"],[2,5,0,3,3,"LATENT"],[4,6,0,3,1,"CONDITIONING"],[6,7,0,3,2,"CONDITIONING"],[9,4,0,8,0,"MODEL"]]}
            """)));

    /// <summary>Two passes: what was drawn at first counts, and the second is named.</summary>
    [Fact]
    public void The_first_of_several_samplers_counts()
    {
        var told = Read("prompt", """
            {"9":{"class_type":"SaveImage","inputs":{"images":["8",0]}},"8":{"class_type":"VAEDecode","inputs":{"samples":["2",0],"vae":["5",2]}},
            "2":{"class_type":"KSampler","inputs":{"seed":9,"steps":10,"cfg":5,"sampler_name":"dpmpp_2m","scheduler":"karras","denoise":0.5,"model":["5",0],
            "positive":["6",0],"negative":["7",0],"latent_image":["3",0]}},
            "3":{"class_type":"LatentUpscale","inputs":{"samples":["1",0],"width":1024,"height":1024}},
            "1":{"class_type":"KSampler","inputs":{"seed":["11",0],"steps":20,"cfg":7,"sampler_name":"euler","scheduler":"normal","denoise":1,"model":["5",0],
            "positive":["6",0],"negative":["7",0],"latent_image":["4",0]}},
            "11":{"class_type":"PrimitiveInt","inputs":{"value":77}},"4":{"class_type":"EmptyLatentImage","inputs":{"width":512,"height":512}},
            "5":{"class_type":"CheckpointLoaderSimple","inputs":{"ckpt_name":"x.safetensors"}},
            "6":{"class_type":"CLIPTextEncodeSDXL","inputs":{"text_g":"a cat","text_l":"a cat"}},
            "7":{"class_type":"ConditioningZeroOut","inputs":{"conditioning":["6",0]}}}
            """)!;
        Assert.Equal(("a cat", "", "20", "77", "512x512", false),
            (told.Text.Prompt, told.Text.NegativePrompt, told.Text["Steps"], told.Text["Seed"], told.Text["Size"], told.NeedsPicture));
        Assert.Contains("KSampler over it (denoise 0.5)", Assert.Single(told.NotUnderstood).Value);
        Assert.Equal(NoiseLike.PerPicture, told.ToRequest().Like);
    }

    [Fact]
    public void The_nodes_of_Flux_are_read() => Assert.Equal(
        "ComfyUI|a cat||Steps: 20, Sampler: euler, Schedule type: simple, Seed: 5, Size: 1024x1024, Model: flux1-dev, "
            + "ComfyUI nodes: ModelSamplingFlux; guidance 3.5",
        Told(Read("prompt", """
            {"9":{"class_type":"SaveImage","inputs":{"images":["8",0]}},"8":{"class_type":"VAEDecode","inputs":{"samples":["13",0]}},
            "13":{"class_type":"SamplerCustomAdvanced","inputs":{"noise":["25",0],"guider":["22",0],"sampler":["16",0],"sigmas":["17",0],
            "latent_image":["27",0]}},
            "25":{"class_type":"RandomNoise","inputs":{"noise_seed":5}},"22":{"class_type":"BasicGuider","inputs":{"model":["30",0],"conditioning":["26",0]}},
            "16":{"class_type":"KSamplerSelect","inputs":{"sampler_name":"euler"}},
            "17":{"class_type":"BasicScheduler","inputs":{"scheduler":"simple","steps":20,"denoise":1,"model":["30",0]}},
            "26":{"class_type":"FluxGuidance","inputs":{"guidance":3.5,"conditioning":["6",0]}},"6":{"class_type":"CLIPTextEncode","inputs":{"text":"a cat"}},
            "27":{"class_type":"EmptySD3LatentImage","inputs":{"width":1024,"height":1024}},
            "30":{"class_type":"ModelSamplingFlux","inputs":{"max_shift":1.15,"model":["12",0]}},
            "12":{"class_type":"UNETLoader","inputs":{"unet_name":"flux1-dev.safetensors"}}}
            """)));

    /// <summary>ComfyUI writes WebP with its graphs in the EXIF texts of the camera.</summary>
    [Fact]
    public void Graphs_in_EXIF_are_found() => Assert.Equal("7", Read("Model", "prompt:" + """
        {"1":{"class_type":"KSampler","inputs":{"seed":7,"steps":2,"cfg":7,"sampler_name":"euler","scheduler":"normal"}}}
        """)!.Text["Seed"]);

    [Theory]
    [InlineData("Fooocus|a cat|blurry|Steps: 2, Sampler: dpmpp_2m_sde_gpu, Schedule type: karras, CFG scale: 4, Seed: 5, Size: 64x64, Model: jug, "
        + "styles: ['x']", "parameters", """
        {"prompt":"a cat","negative_prompt":"blurry","steps":2,"sampler":"dpmpp_2m_sde_gpu","scheduler":"karras","seed":"5","resolution":"(64, 64)",
        "guidance_scale":4,"base_model":"jug.safetensors","styles":"['x']","refiner_model":"None","version":"Fooocus v2.5"}
        """)]
    [InlineData("Fooocus|a cat|blurry|Steps: 30, Sampler: dpmpp_2m_sde_gpu, Schedule type: karras, CFG scale: 4, Seed: 5, Size: 1152x896, Model: jug",
        "Comment", """
        {"Prompt":"a cat","Negative Prompt":"blurry","Performance":"Speed","Resolution":"(1152, 896)","Guidance Scale":4.0,"Base Model":"jug.safetensors",
        "Sampler":"dpmpp_2m_sde_gpu","Scheduler":"karras","Seed":5}
        """)]
    [InlineData("SwarmUI|a cat <lora:ink:1>|blurry|Steps: 2, Sampler: euler_ancestral, Schedule type: karras, CFG scale: 7, Seed: 5, Size: 64x64, "
        + "Model: m", "parameters", """
        {"sui_image_params":{"prompt":"a cat","negativeprompt":"blurry","model":"sub/m.safetensors","seed":5,"steps":2,"cfgscale":7,"width":64,"height":64,
        "sampler":"euler_ancestral","scheduler":"karras","loras":["ink"],"swarm_version":"0.9"}}
        """)]
    [InlineData("Draw Things|a cat|blurry|Steps: 20, Sampler: Euler A, CFG scale: 7.5, Seed: 42, Size: 512x768, Model: m, seed_mode: Scale Alike",
        "XML:com.adobe.xmp", """
        <rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{&quot;c&quot;:&quot;a cat&quot;,&quot;uc&quot;:&quot;blurry&quot;,
        &quot;steps&quot;:20,&quot;scale&quot;:7.5,&quot;seed&quot;:42,&quot;size&quot;:&quot;512x768&quot;,&quot;sampler&quot;:&quot;Euler A&quot;,
        &quot;model&quot;:&quot;m.ckpt&quot;,&quot;seed_mode&quot;:&quot;Scale Alike&quot;,&quot;lora&quot;:[]}</rdf:li></rdf:Alt></exif:UserComment>
        """)]
    [InlineData("InvokeAI|a cat|blurry|Steps: 50, Sampler: lms, CFG scale: 7.5, Seed: 42, Size: 512x512", "Dream",
        "\"a cat [blurry]\" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms")]
    [InlineData("InvokeAI|a cat|blurry|Steps: 2, Sampler: dpmpp_2m, Schedule type: karras, CFG scale: 7.5, Seed: 5, Size: 64x64, Model: dream, Clip skip: 2",
        "invokeai_metadata", """
        {"generation_mode":"txt2img","positive_prompt":"a cat","negative_prompt":"blurry","width":64,"height":64,"seed":5,"cfg_scale":7.5,"steps":2,
        "clip_skip":1,"scheduler":"dpmpp_2m_k","model":{"key":"1","name":"dream"},"loras":[]}
        """)]
    [InlineData("Easy Diffusion|a cat <lora:ink:1>||Steps: 21, Sampler: euler_a, CFG scale: 8.5, Seed: 7, Size: 640x512", "parameters", """
        {"prompt":"a cat","num_inference_steps":21,"guidance_scale":8.5,"seed":7,"sampler_name":"euler_a","width":640,"height":512,"use_lora_model":"ink"}
        """)]
    [InlineData("NovelAI|a cat|blurry|Steps: 28, Sampler: euler_ancestral, CFG scale: 11, Seed: 5, Size: 64x64, Clip skip: 2, ENSD: 31337", "parameters", """
        {"Software":"NovelAI","Description":"a cat",
        "Comment":"{\"steps\":28,\"sampler\":\"k_euler_ancestral\",\"seed\":5,\"scale\":11.0,\"uc\":\"blurry\",\"height\":64,\"width\":64}"}
        """)]
    [InlineData("Midjourney|a cat on a roof|dogs|ar: 3:2, Seed: 42, Job ID: 01234567", "Description",
        "a cat on a roof --ar 3:2 --seed 42 --no dogs Job ID: 01234567")]
    [InlineData("nothing", "parameters", """{"prompt":"a cat"}""")]
    [InlineData("nothing", "Comment", "a cat")]
    public void Each_program_is_read(string told, string key, string text) => Assert.Equal(told, Told(Read(key, text)));

    /// <summary>LoRAs that a program keeps beside the prompt are called by tags in it, unless it calls them already.</summary>
    [Theory]
    [InlineData("a cat <lora:ink:0.8>", "parameters", """
        {"sui_image_params":{"prompt":"a cat <lora:ink:0.8>","steps":2,"loras":["sub/ink"],"loraweights":["0.8"]}}
        """)]
    [InlineData("a cat <lora:ink:0.8> <lora:b:1>", "parameters", """
        {"sui_image_params":{"prompt":"a cat","steps":2,"loras":["sub/ink.safetensors","b","off"],"loraweights":[0.8,"1",0]}}
        """)]
    [InlineData("a cat <lora:ink:0.1> <lora:b:1>", "parameters", """
        {"prompt":"a cat","base_model":"m","steps":2,"loras":[["ink.safetensors",0.1],["None",1.0],["b.safetensors",1]]}
        """)]
    [InlineData("a cat <lora:ink:0.5>", "Comment", """
        {"Prompt":"a cat","Base Model":"m","Performance":"Speed","LoRA 1":"ink.safetensors : 0.5"}
        """)]
    [InlineData("a cat <lora:ink:0.7>", "invokeai_metadata", """
        {"positive_prompt":"a cat","steps":2,"loras":[{"model":{"name":"ink"},"weight":0.7},{"model":{"name":"a:b"},"weight":1}]}
        """)]
    [InlineData("a cat <lora:ink:0.6>", "invokeai_metadata", """{"positive_prompt":"a cat","steps":2,"loras":[{"lora":{"model_name":"ink"},"weight":0.6}]}""")]
    [InlineData("a cat <lora:ink:0.6> <lora:b:0.2>", "parameters", """
        {"prompt":"a cat","num_inference_steps":2,"use_lora_model":["ink","b"],"lora_alpha":[0.6,"0.2"]}
        """)]
    public void Loras_beside_the_prompt_are_called_in_it(string prompt, string key, string text)
    {
        var told = Read(key, text)!;
        Assert.Equal(prompt, told.Text.Prompt);
        Assert.DoesNotContain(told.NotUnderstood, setting => setting.Key.Contains("lora", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("size and seed and sampler and guidance scale", "parameters", """{"prompt":"a cat","base_model":"m","steps":2}""")]
    [InlineData("size", "parameters", """{"sui_image_params":{"prompt":"a cat","steps":2,"seed":5,"cfgscale":7}}""")]
    [InlineData("", "parameters", "a cat\nSteps: 2, Sampler: Euler, Seed: 5, Size: 64x64")]
    [InlineData("size", "parameters", "a cat\nSteps: 2, Sampler: Euler, Seed: 5")]
    public void What_a_picture_does_not_tell_is_known(string untold, string key, string text) =>
        Assert.Equal(untold, string.Join(" and ", Read(key, text)!.Untold));

    /// <summary>Programs and people write the names of settings small, large or as they please; a prompt that speaks of steps stays one.</summary>
    [Theory]
    [InlineData("a cat|blurry|Steps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64",
        "a cat\nnegative prompt: blurry\nsteps: 2, sampler: Euler a, cfg scale: 7, seed: 5, size: 64x64")]
    [InlineData("a cat||Steps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, Clip skip: 2",
        "a cat\nSTEPS: 2, SAMPLER: Euler a, Cfg Scale: 7, SEED: 5, size: 64x64, Clip Skip: 2")]
    [InlineData("a cat|blurry|Steps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64",
        "a cat, negative prompt: blurry, steps: 2, sampler: Euler a, cfg scale: 7, seed: 5, size: 64x64")]
    [InlineData("a cat||Steps: 2, Sampler: Euler, CFG scale: 4, Seed: 5, ADM Guidance: (1.5, 0.8, 0.3), Sharpness: 2",
        "a cat\nSteps: 2, Sampler: Euler, CFG scale: 4, Seed: 5, ADM Guidance: (1.5, 0.8, 0.3), Sharpness: 2")]
    [InlineData("a cat||Steps: 2, Sampler: Euler, CFG scale: 4, Seed: 5, Weights: (1.5, x), Sharpness: 2",
        "a cat\nSteps: 2, Sampler: Euler, CFG scale: 4, Seed: 5, Weights: \"(1.5, x)\", Sharpness: 2")]
    public void Names_are_read_as_they_are_written(string told, string text) => Assert.EndsWith("|" + told, Told(Read("parameters", text)));

    [Theory]
    [InlineData("three steps: a cat, a dog, mood: sad, colour: red")]
    [InlineData("steps: 3, colour: red, mood: sad")]
    public void Words_of_a_prompt_are_no_settings(string text) => Assert.Null(Read("parameters", text));

    [Theory]
    [InlineData("Forge", "Version: f2.0.1v1.10.1-previous-669-gdfdcbab6")]
    [InlineData("stable-diffusion.cpp", "RNG: cuda, Sampler: euler_a karras, Version: stable-diffusion.cpp")]
    [InlineData("Fooocus", "Scheduler: karras, Version: Fooocus v2.5.0")]
    [InlineData("SD.Next", "App: SD.Next, Version: abcdef1")]
    [InlineData("AUTOMATIC1111", "Version: v1.10.1")]
    public void Programs_that_write_its_text_are_told_apart(string program, string end)
    {
        var told = Read("parameters", "a cat\nNegative prompt: x\nSteps: 20, CFG scale: 7, Seed: 5, Size: 64x64, " + end)!;
        Assert.Equal((program, true), (told.Program, told.IsInfotext));
        Assert.Empty(told.NotUnderstood);
        if (end.Contains("karras")) Assert.Equal("karras", SamplerInfo.Resolve(told.ToRequest().Sampler!).Schedule?.Name ?? told.ToRequest().Schedule);
    }

    /// <summary>A graph may be made to keep a reader busy: every node doubles the words of the one before, or all lead in a circle.</summary>
    [Fact]
    public void Words_that_double_in_every_node_are_bounded()
    {
        var nodes = Enumerable.Range(0, 60).Select(i => $$$"""
            "{{{i}}}":{"class_type":"StringConcatenate","inputs":{"string_a":["{{{i + 1}}}",0],"string_b":["{{{i + 1}}}",0]}}
            """);
        var told = Read("prompt", $$$$"""
            {"s":{"class_type":"KSampler","inputs":{"steps":2,"sampler_name":"euler","seed":1,"positive":["0",0]}},{{{{string.Join(',', nodes)}}}},
            "60":{"class_type":"PrimitiveString","inputs":{"value":"a cat"}}}
            """);
        Assert.InRange(told!.Text.Prompt.Length, 0, 1000);
    }
}
