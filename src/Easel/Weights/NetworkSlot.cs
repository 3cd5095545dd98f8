using Easel.Models;
using Easel.Runtime;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A network of a model, and where its weights come from.</summary>
/// <param name="name">How to call it: "UNet".</param> <param name="tensors">Its weights in their files, which stay open.</param>
/// <param name="servesBeforeDrawing">Whether its part is done before drawing begins, so that it may leave memory then.</param>
/// <param name="loraNames">Its layers' names as LoRAs write them, where they are not ours; null where LoRAs do not reach the network.</param>
internal sealed class NetworkSlot(string name, Module module, StateDict tensors, bool servesBeforeDrawing = false, NameTable? loraNames = null)
    : IDisposable
{
    public string Name => name;

    public Module Module => module;

    public StateDict Tensors => tensors;

    public bool ServesBeforeDrawing => servesBeforeDrawing;

    public NameTable? LoraNames => loraNames;

    /// <summary>Whether it works beside the UNet, at every step, so that both are in memory together.</summary>
    public bool Steers { get; init; }

    public long Values { get; } = tensors.ParameterCount;

    public int TensorCount { get; } = module.parameters().Count();

    public bool IsInMemory { get; private set; }

    /// <summary>How many times the weights were read.</summary>
    public int Loads { get; private set; }

    /// <summary>Whether most of its weights are read whenever their layers run, and only the rest is in memory.</summary>
    public bool IsStreamed { get; private set; }

    /// <summary>Bytes of the weights that are in memory.</summary>
    public double BytesInMemory { get; private set; }

    /// <summary>Reads the weights.</summary>
    /// <param name="streams">Whether they rest in the file.</param>
    /// <inheritdoc cref="StateDict.Load"/>
    public void Load(NumberFormat format, Device device, Action? onTensor, bool packs, bool streams = false)
    {
        var rests = streams ? RestingWeights.InFile : RestingWeights.Of(format);
        tensors.Load(module, name, format.Run, device, onTensor, packs, rests);
        (IsInMemory, IsStreamed) = (true, streams);
        Loads++;
        BytesInMemory = RestingWeights.BytesPerValue(format) * (streams ? Values - RestableWeights.Of(module).Values : Values);
    }

    public void Unload()
    {
        foreach (var layer in module.modules().OfType<Layer>()) layer.Unload();
        (IsInMemory, BytesInMemory) = (false, 0);
    }

    public void Dispose() => module.Dispose();
}
