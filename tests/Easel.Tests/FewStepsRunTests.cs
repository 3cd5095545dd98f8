using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Tests;

/// <summary>Guards that a model or a LoRA made for few steps decides how is drawn, unless somebody else does, and that it is said.</summary>
public sealed class FewStepsRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void TheModelsOwnWayIsTaken()
    {
        var model = ModelFile.Read(Model("micro_lightning_4step")).Model!;
        Assert.Equal("Lightning", model.FewSteps);
        Assert.Equal(new ModelDefaults(4, 1, "euler", "trailing", 512), model.Defaults);
        Assert.Null(ModelFile.Read(Model("micro")).Model!.FewSteps);
    }

    [Fact]
    public void ALoraForFewStepsDecidesAndFewFindsIt()
    {
        Lora("lcm-lora-micro");
        using var generator = ImageGenerator.Load(Model("micro"), new LoadOptions { Precision = Precision.Full, LoraFolders = [_folder.Path("loras")] });
        var request = new GenerationRequest { Prompt = "a cat", Width = 64, Height = 64, Seed = 1, Few = 2 };
        var few = generator.Generate(request);
        var drawn = few.Images[0];
        Assert.Equal((2, "lcm", 1.0), (drawn.Request.Steps, drawn.Request.Sampler, drawn.Request.GuidanceScale));
        Assert.Contains("The LoRA lcm-lora-micro is of the kind LCM, made for few steps: 2 of lcm at guidance 1.", few.Remarks);
        Assert.False(generator.Plan(request).IsGuided);

        // Called by the prompt it decides likewise, and less where more is asked for; both ways are one picture.
        var called = generator.Generate(request with { Prompt = "a cat <lora:lcm-lora-micro:1>", Few = null, Steps = 2 });
        Assert.Equal(drawn.Image.Pixels, called.Images[0].Image.Pixels);
    }

    [Fact]
    public void WithoutSuchALoraOneSentenceSaysSo()
    {
        using var generator = ImageGenerator.Load(Model("micro"), new LoadOptions { Precision = Precision.Full, LoraFolders = [_folder.Path("loras")] });
        Directory.CreateDirectory(_folder.Path("loras"));
        var refused = Assert.Throws<InvalidRequestException>(() => generator.Generate(new GenerationRequest { Prompt = "a cat", Few = 4 }));
        Assert.Equal(nameof(GenerationRequest.Few), refused.Field);
        Assert.Contains("there is none in", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string Model(string name)
    {
        var path = _folder.Path(name + ".safetensors");
        if (File.Exists(path)) return path;
        File.CreateSymbolicLink(path, Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"));
        foreach (var beside in (string[])["config.yaml", "text_config.json"])
            if (!File.Exists(_folder.Path(beside))) File.Copy(Goldens.Path("sd1-formats/" + beside), _folder.Path(beside));
        return path;
    }

    private void Lora(string name)
    {
        Directory.CreateDirectory(_folder.Path("loras"));
        File.Copy(Goldens.Path("layouts/lora-kohya.fp16.safetensors"), _folder.Path("loras", name + ".safetensors"));
    }
}
