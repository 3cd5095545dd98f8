using Easel.Kernels;

namespace Easel.Models;

/// <summary>A layer whose parameters come from a checkpoint. It is built without memory (on the meta device: shapes only), and <see cref="Assign"/> gives each
/// parameter its values one at a time, so that loading a model never holds it twice and never fills weights with random numbers first. A weight may rest
/// while its layer does not run, in fewer bits or in its file (<see cref="IWeightAtRest"/>).</summary>
internal abstract class Layer : Module<Tensor, Tensor>
{
    private protected Layer(string name) : base(name) { }

    /// <summary>Whether a weight, when it is assigned, is laid out for the processor (<see cref="OneDnn"/>) in place of being kept as it is: several times as
    /// fast, for inference on a CPU only. To be set before the weights come.</summary>
    internal bool Packs { get; set; }

    /// <summary>The number format and the place of the values last assigned.</summary>
    internal (ScalarType Type, Device Device) Placement { get; private set; } = (ScalarType.Float32, META);

    /// <summary>Weights with fewer values than this are kept as they are.</summary>
    private const long LeastRestable = 4096;

    /// <summary>Values of a resting weight that are woken at once, in whole multiples of so many outputs: the largest weights of all would for a moment take
    /// hundreds of megabytes, and parts that are much smaller would cost more time than their work.</summary>
    private const long WokenAtOnce = 8 << 20, LeastOutputs = 64;

    private IWeightAtRest? _rest;
    private bool _isHeld;
    private (long First, long Count)? _part;

    /// <summary>The weight that may rest while the layer does not run; null where there is none worth it.</summary>
    private protected virtual Parameter? Restable => null;

    /// <summary>What is added to each output; null for nothing.</summary>
    private protected virtual Parameter? Added => null;

    /// <summary>What is added to each of the outputs that are being computed.</summary>
    private protected Tensor? Addend => _part is var (first, count) ? Added?.narrow(0, first, count) : Added;

    /// <summary>Outputs that are being computed.</summary>
    private protected long Outputs => _part?.Count ?? Restable!.shape[0];

    /// <summary>Values of that weight.</summary>
    internal long RestableValues => Restable is { } weight && weight.numel() >= LeastRestable ? weight.numel() : 0;

    /// <summary>How the weight rests while the layer does not run; null where it does not.</summary>
    internal LayToRest? Rests { get; private set; }

    /// <summary>Gives a parameter its values.</summary>
    /// <param name="values">Where they come from, in whatever format and place; they are copied to the layer's where that is another.</param>
    /// <param name="rests">How the weight is to rest while the layer does not run, if it is one that can; null to have it ready always.</param>
    internal void Provide(string name, ScalarType type, Device device, Func<Tensor> values, LayToRest? rests)
    {
        if (rests is null || name != "weight" || RestableValues == 0)
        {
            Assign(name, Own(values, type, device));
            return;
        }
        var rest = rests(values);
        _rest?.Dispose();
        (_rest, Rests, Placement) = (rest, rests, (type, device));
    }

    /// <summary>Has the weight in memory until what is returned is disposed of. Within another call of it on the same layer it does nothing.</summary>
    internal Holding Hold()
    {
        if (_rest is not { } rest || _isHeld) return default;
        var shape = Restable!.shape;
        if (!PackAtRest(rest, shape, 0)) Assign("weight", Own(() => rest.Wake(Placement.Type), Placement.Type, Placement.Device));
        _isHeld = true;
        return new Holding(this);
    }

    /// <summary>Where a resting weight is large: what is computed with parts of it, woken in turn, joined. Null where it is not, or is awake.</summary>
    /// <param name="along">The dimension of the outputs.</param> <param name="compute">Computes the outputs of which the weight is awake.</param>
    private protected Tensor? InParts(int along, Func<Tensor> compute)
    {
        if (_isHeld || _rest is not { Divides: true } rest || Restable is not { } weight || weight.numel() <= WokenAtOnce) return null;
        var (outputs, shape) = (weight.shape[0], weight.shape);
        var atOnce = Math.Max(LeastOutputs, WokenAtOnce / (weight.numel() / outputs) / LeastOutputs * LeastOutputs);
        if (atOnce >= outputs) return null;
        using var scope = NewDisposeScope();
        var (type, device) = Placement;
        var made = new List<Tensor>();
        for (var first = 0L; first < outputs; first += atOnce)
        {
            var part = (First: first, Count: Math.Min(atOnce, outputs - first));
            if (!PackAtRest(rest, [part.Count, .. shape[1..]], part.First))
                Assign("weight", Own(() => rest.Wake(type, part.First, part.Count), type, device));
            (_isHeld, _part) = (true, part);
            try
            {
                made.Add(compute());
            }
            finally
            {
                _part = null;
                LetGo(shape);
            }
        }
        return cat(made, along).MoveToOuterDisposeScope();
    }

    /// <summary>Lays outputs of a weight out for the processor straight from where it rests, if that can be.</summary>
    /// <param name="shape">That of the part.</param>
    private bool PackAtRest(IWeightAtRest rest, long[] shape, long first)
    {
        if (!Packs || !CanPack || !rest.ReadsAs(Placement.Type)) return false;
        Pack(new RestingRows(rest, Placement.Type, shape, first));
        return true;
    }

    private Tensor Own(Func<Tensor> values, ScalarType type, Device device)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode(); // views of a file are not ours to track
        var own = values().to(type, device);
        return (Packs && own.LiesChannelsLast() ? own : own.contiguous()).DetachFromDisposeScope(); // libtorch's layers round otherwise in another order
    }

    /// <summary>For how long a weight that rests otherwise is awake.</summary>
    internal readonly struct Holding(Layer? layer) : IDisposable
    {
        public void Dispose() => layer?.LetGo(layer.Restable!.shape);
    }

    private void LetGo(long[] shape)
    {
        _isHeld = false;
        if (Restable is { } weight && weight.device_type != TorchSharp.DeviceType.META) Replace("weight", Shaped(shape));
        Unpack();
    }

    /// <summary>Replaces a parameter by <paramref name="value"/>, which the layer then owns. Its shape must be the parameter's.</summary>
    internal void Assign(string name, Tensor value)
    {
        Placement = (value.dtype, value.device);
        if (Packs && CanPack && name == "weight") Pack(new TensorRows(value)); // the parameter stays without memory and tells the shape
        else Replace(name, new Parameter(value, requires_grad: false));
    }

    /// <summary>Lets the values go; what is left are the shapes, as before the first <see cref="Assign"/>.</summary>
    internal void Unload()
    {
        foreach (var (name, parameter) in named_parameters(recurse: false).ToList()) Replace(name, Shaped(parameter.shape));
        Unpack();
        _rest?.Dispose();
        (_rest, Rests, Placement) = (null, null, (ScalarType.Float32, META));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _rest?.Dispose();
        base.Dispose(disposing);
    }

    private void Replace(string name, Parameter parameter)
    {
        parameter.DetachFromDisposeScope();
        _internal_params[name].Dispose();
        _internal_params[name] = parameter;
        Adopt(name, parameter);
    }

    private protected virtual void Unpack() { }

    /// <summary>The layer's output added to <paramref name="residual"/>, which is the caller's to give away: where it saves a pass over memory the sum is
    /// written over it.</summary>
    internal virtual Tensor AddTo(Tensor residual, Tensor x)
    {
        using var scope = NewDisposeScope();
        return (residual + call(x)).MoveToOuterDisposeScope();
    }

    /// <summary>Points the layer's field at the new parameter.</summary>
    private protected abstract void Adopt(string name, Parameter value);

    /// <summary>Whether the layer has a packed form of its weight.</summary>
    private protected virtual bool CanPack => false;

    /// <summary>Keeps the weight in its packed form.</summary>
    /// <param name="rows">The weight, which is the layer's own from here on.</param>
    private protected virtual void Pack(IWeightRows rows) => throw new NotSupportedException();

    /// <summary>The parameter in the format of what flows through the layer.</summary>
    private protected static Tensor? As(Tensor? parameter, Tensor x) => parameter is null || parameter.dtype == x.dtype ? parameter : parameter.to(x.dtype);

    private protected static Parameter Shaped(params long[] shape)
    {
        var parameter = new Parameter(empty(shape, device: META), requires_grad: false);
        parameter.DetachFromDisposeScope(); // a model may be made while a run is on its way, and outlives it
        return parameter;
    }
}
