using System.Text;
using Easel.Server.Library;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards what the page tells of LoRAs before anything is drawn, and how it changes their tags.</summary>
public sealed class AddOnTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a cat", "x", 0.8, "a cat <lora:x:0.8>")]
    [InlineData("a <lora:x:1> cat", "x", 0.5, "a <lora:x:0.5> cat")]
    [InlineData("a <lora:x> cat", "x", 0.5, "a <lora:x:0.5> cat")]
    [InlineData("a <lora:x:1:te=0.5> cat", "x", 0.25, "a <lora:x:0.25:te=0.5> cat")]
    [InlineData("a <lora:x:1> cat <lora:xy:2>", "x", null, "a cat <lora:xy:2>")]
    public void ATagIsChangedAddedAndTakenOut(string prompt, string name, double? weight, string changed) =>
        Assert.Equal(changed, AddOns.With(prompt, name, weight));

    [Fact]
    public void AMissingLoraIsToldAndWhatAFileTellsIsRead()
    {
        Lora("style", """{"modelspec.trigger_phrase":"in the style of x","ss_output_name":"other name"}""");
        File.WriteAllText(_folder.Path("style.json"), """{"activation text":"xstyle","preferred weight":0.7,"notes":"mine"}""");
        var addOns = new AddOns(new ServerOptions { Load = new LoadOptions { LoraFolders = [_folder.Path()] } });
        var lora = Assert.Single(addOns.Loras);
        Assert.Equal(("style", "mine", 0.7), (lora.Name, lora.Notes, lora.Weight));
        Assert.Equal(["xstyle"], lora.Words);
        Assert.Null(lora.Problem);
        Assert.Empty(addOns.Wrong("a cat <lora:style:1>", null));
        Assert.Empty(addOns.Wrong("a cat <lora:other name:1>", null));
        Assert.Contains("There is no LoRA \"none\"; there are style.", addOns.Wrong("a cat <lora:none:1>", null));
    }

    [Fact]
    public void ALoraOfAnotherFamilyIsTold()
    {
        Lora("large", "{}", context: 2048);
        var addOns = new AddOns(new ServerOptions { Load = new LoadOptions { LoraFolders = [_folder.Path()] } });
        var model = new ModelEntry
        {
            Name = "m",
            Path = "m",
            Model = new ModelInfo
            {
                Family = "Stable Diffusion 1",
                Defaults = new(1, 1, "euler", null, 512),
                Watermark = Imaging.WatermarkMark.StableDiffusion1
            },
        };
        Assert.Equal("The LoRA large is for Stable Diffusion XL, and m is Stable Diffusion 1.", Assert.Single(addOns.Wrong("<lora:large:1>", model)));
    }

    /// <summary>A LoRA of one layer of cross-attention.</summary>
    private void Lora(string name, string metadata, int context = 768)
    {
        const string Layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
        var (down, up) = (2 * context * 4, 2 * 320 * 4);
        var header = Encoding.UTF8.GetBytes($$$"""
            {"__metadata__":{{{metadata}}},
             "{{{Layer}}}.lora_down.weight":{"dtype":"F32","shape":[2,{{{context}}}],"data_offsets":[0,{{{down}}}]},
             "{{{Layer}}}.lora_up.weight":{"dtype":"F32","shape":[320,2],"data_offsets":[{{{down}}},{{{down + up}}}]} }
            """);
        using var file = File.Create(_folder.Path(name + ".safetensors"));
        file.Write(BitConverter.GetBytes((long)header.Length));
        file.Write(header);
        file.Write(new byte[down + up]);
    }
}
