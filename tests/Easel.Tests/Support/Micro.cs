using Easel.Models;
using Easel.Weights;
using Easel.Weights.Lora;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Tests.Support;

/// <summary>The micro SD 1 model of tests/goldens/sd1-formats, loaded; its files stay open.</summary>
internal sealed class Micro : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-micro").FullName;

    public Micro(ScalarType type = ScalarType.Float32)
    {
        // Its heads are not those of a real model; the files beside it say how many it has.
        var path = Path.Combine(_folder, "micro.safetensors");
        File.CreateSymbolicLink(path, Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"));
        foreach (var name in (string[])["config.yaml", "text_config.json"]) File.Copy(Goldens.Path("sd1-formats/" + name), Path.Combine(_folder, name));

        Checkpoint = Checkpoint.Open(path);
        UNet = new UNet(Checkpoint.UNet);
        Checkpoint.UNetTensors.Load(UNet, "UNet", type, CPU);
        Text = new ClipTextModel(Checkpoint.Texts[0].Config);
        Checkpoint.Texts[0].Tensors.Load(Text, "text encoder", type, CPU);
    }

    public Checkpoint Checkpoint { get; }
    public UNet UNet { get; }
    public ClipTextModel Text { get; }

    /// <summary>A network's parameter by its whole name.</summary>
    public static Tensor Parameter(TorchSharp.torch.nn.Module network, string name) => network.named_parameters().Single(p => p.name == name).parameter;

    /// <summary>What merges LoRAs into it.</summary>
    public LoraMerge Loras() => new(new LoraTargets(
    [
        new NetworkSlot("UNet", UNet, Checkpoint.UNetTensors, loraNames: UNetNames.Original(UNet.Config)),
        new NetworkSlot("text encoder", Text, Checkpoint.Texts[0].Tensors, loraNames: new NameTable()),
    ], Checkpoint.Family.Name));

    public void Dispose()
    {
        UNet.Dispose();
        Text.Dispose();
        Checkpoint.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
