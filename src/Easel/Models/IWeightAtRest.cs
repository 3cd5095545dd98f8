namespace Easel.Models;

/// <summary>A layer's weight between the times that the layer runs: somewhere else than in memory, or in fewer bits.</summary>
internal interface IWeightAtRest : IDisposable
{
    /// <summary>Whether a part of it is woken for a part of the price.</summary>
    bool Divides { get; }

    /// <summary>The weight for the layer to compute with, in <paramref name="type"/> or whatever it is kept in; the caller's own.</summary>
    Tensor Wake(ScalarType type);

    /// <summary>What some of the outputs are computed with.</summary>
    /// <inheritdoc cref="Wake(ScalarType)"/>
    Tensor Wake(ScalarType type, long first, long count);

    /// <summary>Whether it is read output by output in a type, so that it need not be woken before it is laid out for the processor.</summary>
    bool ReadsAs(ScalarType type);

    /// <summary>What some of the outputs are made with, [count, k, k, inputs] or [count, inputs], written to memory. Called by several threads at
    /// once.</summary>
    /// <param name="type">One that it is read as.</param>
    unsafe void Read(ScalarType type, long first, int count, void* to);
}

/// <summary>Lays a weight to rest.</summary>
/// <param name="values">Gives its values as the file has them, or as they were changed; a new tensor each time.</param>
internal delegate IWeightAtRest LayToRest(Func<Tensor> values);
