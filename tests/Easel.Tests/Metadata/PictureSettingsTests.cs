using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Tests.Metadata;

/// <summary>Guards what is read from the pictures of other programs. The texts are written by hand after the programs' own formats.</summary>
public class PictureSettingsTests
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

    private static PictureSettings Expected(string program) => new(program, new Infotext
    {
        Prompt = "a glass bottle",
        NegativePrompt = "watermark",
        Settings =
        [
            new("Steps", "21"), new("Sampler", "dpmpp_2m"), new("Schedule type", "karras"), new("CFG scale", "8.5"), new("Seed", "156680208700286"),
            new("Size", "640x512"), new("Model", "v1-5"),
        ],
    });

    [Fact]
    public void ComfyGraphIsFollowedFromItsSampler() =>
        Assert.Equal(Expected("ComfyUI").WithLoras([("x", null)]), PictureSettings.Read(With("prompt", Graph)));

    [Fact]
    public void InvokeMetadataIsRead() => Assert.Equal(Expected("InvokeAI"), PictureSettings.Read(With("invokeai_metadata", """
        {"positive_prompt":"a glass bottle","negative_prompt":"watermark","steps":21,"scheduler":"dpmpp_2m_k","cfg_scale":8.5,"seed":156680208700286,
        "width":640,"height":512,
        "model":{"name":"v1-5","base":"sd-1"}}
        """)));

    [Fact]
    public void OlderInvokeMetadataIsRead()
    {
        var read = PictureSettings.Read(With("sd-metadata", """
            {"model_weights":"v1-5","image":{"prompt":[{"prompt":"a glass bottle","weight":1.0}],"steps":21,"cfg_scale":8.5,"sampler":"k_lms","seed":7,
            "width":640,"height":512}}
            """))!;
        Assert.Equal(("InvokeAI", "a glass bottle", "21", "lms", "7", "v1-5"),
            (read.Program, read.Text.Prompt, read.Text["Steps"], read.Text["Sampler"], read.Text["Seed"], read.Text["Model"]));
    }

    [Fact]
    public void EasyDiffusionsTextsAreRead()
    {
        var read = PictureSettings.Read(new ImageMetadata((string?)null)
        {
            Others =
            [
                new("prompt", "a glass bottle"), new("negative_prompt", "watermark"), new("num_inference_steps", "21"), new("guidance_scale", "8.5"),
                new("seed", "156680208700286"),
                new("sampler_name", "dpmpp_2m"), new("scheduler_name", "karras"), new("width", "640"), new("height", "512"),
                new("use_stable_diffusion_model", "v1-5.safetensors"),
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
        var read = PictureSettings.Read(With(key, text));
        Assert.Equal("", read?.Text.Prompt ?? "");
    }

    private static ImageMetadata With(string key, string text) => new((string?)null) { Others = [new(key, text)] };
}
