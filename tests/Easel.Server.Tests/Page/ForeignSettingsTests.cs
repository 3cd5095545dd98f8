using Easel.Imaging;
using Easel.Server.Page;

namespace Easel.Server.Tests.Page;

/// <summary>Guards what is read from the pictures of other programs. The texts are written by hand after the programs' own formats.</summary>
public class ForeignSettingsTests
{
    private const string Graph = """
        {"3":{"class_type":"KSampler","inputs":{"seed":156680208700286,"steps":21,"cfg":8.5,"sampler_name":"dpmpp_2m","scheduler":"karras","denoise":1,
        "model":["10",0],"positive":["6",0],"negative":["7",0],"latent_image":["5",0]}},
        "4":{"class_type":"CheckpointLoaderSimple","inputs":{"ckpt_name":"folder\\v1-5.safetensors"}},
        "10":{"class_type":"LoraLoader","inputs":{"lora_name":"x.safetensors","model":["4",0],"clip":["4",1]}},
        "5":{"class_type":"EmptyLatentImage","inputs":{"width":640,"height":512,"batch_size":1}},
        "6":{"class_type":"CLIPTextEncode","inputs":{"text":"a glass bottle","clip":["10",1]}},
        "7":{"class_type":"CLIPTextEncode","inputs":{"text":["8",0],"clip":["10",1]}},"8":{"class_type":"Note","inputs":{"text":"watermark"}}}
        """;

    private static ForeignSettings Expected(string program) => new()
    {
        Program = program,
        Prompt = "a glass bottle",
        NegativePrompt = "watermark",
        Steps = 21,
        Sampler = "dpmpp_2m",
        Schedule = "karras",
        Guidance = 8.5,
        Seed = 156680208700286,
        Width = 640,
        Height = 512,
        Model = "v1-5",
    };

    [Fact]
    public void ComfyGraphIsFollowedFromItsSampler() => Assert.Equal(Expected("ComfyUI"), ForeignSettings.Read(With("prompt", Graph)));

    [Fact]
    public void InvokeMetadataIsRead() => Assert.Equal(Expected("InvokeAI"), ForeignSettings.Read(With("invokeai_metadata", """
        {"positive_prompt":"a glass bottle","negative_prompt":"watermark","steps":21,"scheduler":"dpmpp_2m_k","cfg_scale":8.5,"seed":156680208700286,"width":640,"height":512,
        "model":{"name":"v1-5","base":"sd-1"}}
        """)));

    [Fact]
    public void OlderInvokeMetadataIsRead()
    {
        var read = ForeignSettings.Read(With("sd-metadata", """
            {"model_weights":"v1-5","image":{"prompt":[{"prompt":"a glass bottle","weight":1.0}],"steps":21,"cfg_scale":8.5,"sampler":"k_lms","seed":7,"width":640,"height":512}}
            """))!;
        Assert.Equal(("InvokeAI", "a glass bottle", 21, "lms", 7L, "v1-5"), (read.Program, read.Prompt, read.Steps, read.Sampler, read.Seed, read.Model));
    }

    [Fact]
    public void EasyDiffusionsTextsAreRead()
    {
        var read = ForeignSettings.Read(new ImageMetadata((string?)null)
        {
            Others =
            [
                new("prompt", "a glass bottle"), new("negative_prompt", "watermark"), new("num_inference_steps", "21"), new("guidance_scale", "8.5"), new("seed", "156680208700286"),
                new("sampler_name", "dpmpp_2m"), new("scheduler_name", "karras"), new("width", "640"), new("height", "512"), new("use_stable_diffusion_model", "v1-5.safetensors"),
            ],
        });
        Assert.Equal(Expected("Easy Diffusion"), read);
    }

    [Theory]
    [InlineData("prompt", "{")]
    [InlineData("prompt", "a sentence")]
    [InlineData("prompt", "[1]")]
    // Leads in a circle.
    [InlineData("prompt", """{"1":{"class_type":"KSampler","inputs":{"positive":["1",0],"negative":[1,0],"model":["1",0]}}}""")]
    [InlineData("invokeai_metadata", "null")]
    [InlineData("sd-metadata", """{"image":{"prompt":[5]}}""")]
    [InlineData("Comment", "{}")]
    public void ATextThatIsNoneOfTheseHarmsNothing(string key, string text)
    {
        var read = ForeignSettings.Read(With(key, text));
        Assert.Null(read?.Prompt);
    }

    [Fact]
    public void AnUnknownSamplerIsToldAndTheRestIsTaken()
    {
        var settings = new PageSettings { Turned = { ["Sampler"] = "euler" } };
        var remark = new ForeignSettings { Program = "ComfyUI", Prompt = "a", Sampler = "exp_heun_2_x0", Steps = 9, Seed = 3, Width = 513, Height = 515 }.ApplyTo(settings);
        Assert.Contains("exp_heun_2_x0", remark);
        var request = settings.Request;
        Assert.Equal(("euler", 9, 3L, true, 512, 512), (request.Sampler, request.Steps, request.Seed, settings.SeedIsLocked, request.Width, request.Height));
    }

    private static ImageMetadata With(string key, string text) => new((string?)null) { Others = [new(key, text)] };
}
