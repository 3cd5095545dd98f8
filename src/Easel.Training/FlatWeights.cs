using Easel.Models;
using TorchSharp.Modules;

namespace Easel.Training;

/// <summary>
/// The weights of some networks in one long vector, of which each parameter is a view, and their gradients in another. The optimizer, the averaged weights
/// and a file then deal with a few vectors and not with hundreds of tensors.
/// </summary>
internal sealed class FlatWeights
{
    private readonly List<Slice> _slices = [];

    /// <summary>Gives the networks memory and their first values.</summary>
    /// <param name="networks">Networks without weights, under the names that go before their parameters'.</param>
    public FlatWeights(IReadOnlyList<(string Name, nn.Module Network)> networks, long seed)
    {
        // Tables and matrices first: weight decay is for them alone.
        var all = networks.SelectMany(n => n.Network.named_modules().Where(m => m.module is Layer)
            .SelectMany(m => ((Layer)m.module).named_parameters()
                .Select(p => (Name: $"{n.Name}.{m.name}", Layer: (Layer)m.module, Own: p.name, Shape: p.parameter.shape))))
            .OrderBy(p => p.Shape.Length < 2).ToList();
        (Count, Seed) = (all.Sum(p => Size(p.Shape)), seed);
        DecayedCount = all.Where(p => p.Shape.Length >= 2).Sum(p => Size(p.Shape));
        Values = zeros(Count).DetachFromDisposeScope();
        Gradients = zeros(Count).DetachFromDisposeScope();

        var offset = 0L;
        foreach (var (name, layer, own, shape) in all)
        {
            using var scope = NewDisposeScope();
            Parameter parameter;
            using (no_grad())
            {
                var view = Values.narrow(0, offset, Size(shape)).view(shape);
                layer.Assign(own, view.DetachFromDisposeScope());
                parameter = (Parameter)layer.named_parameters().Single(p => p.name == own).parameter;
            }
            parameter.requires_grad = true;
            parameter.grad = Gradients.narrow(0, offset, Size(shape)).view(shape).DetachFromDisposeScope();
            _slices.Add(new(name, layer, own, parameter, offset));
            offset += Size(shape);
        }
        Begin();
    }

    public long Count { get; }

    /// <summary>What the first values were drawn with.</summary>
    public long Seed { get; }

    /// <summary>How many of them, from the front, are weights of matrices and tables; the rest are biases and norms.</summary>
    public long DecayedCount { get; }

    /// <summary>The weights, [<see cref="Count"/>], fp32. The networks run on these very numbers.</summary>
    public Tensor Values { get; }

    /// <summary>The gradients that the backward pass has added up, [<see cref="Count"/>].</summary>
    public Tensor Gradients { get; }

    public IEnumerable<string> Names => _slices.Select(slice => slice.Name);

    /// <summary>Gives the weights their first values (again), which the seed decides.</summary>
    public void Begin()
    {
        using var guard = no_grad();
        using var generator = new Generator((ulong)Seed, CPU);
        foreach (var (slice, value) in _slices.Zip(Split(Values).Select(named => named.Value)))
            FirstValues.Fill(value, slice.LayerName, slice.Layer, slice.Own, generator);
    }

    /// <summary>The part of a vector (these weights, or averages of them) that belongs to each parameter, as views in the parameter's shape.</summary>
    public IEnumerable<(string Name, Tensor Value)> Split(Tensor vector) =>
        _slices.Select(slice => (slice.Name, vector.narrow(0, slice.Offset, Size(slice.Parameter.shape)).view(slice.Parameter.shape)));

    /// <summary>Runs something with other weights in the networks' place, then puts their own back.</summary>
    public void With(Tensor others, Action action)
    {
        using var guard = no_grad();
        using var own = Values.clone();
        Values.copy_(others);
        try
        {
            action();
        }
        finally
        {
            Values.copy_(own);
        }
    }

    private sealed record Slice(string LayerName, Layer Layer, string Own, Parameter Parameter, long Offset)
    {
        public string Name => $"{LayerName}.{Own}";
    }

    private static long Size(long[] shape) => shape.Aggregate(1L, (product, side) => product * side);
}
