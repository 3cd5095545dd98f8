using Easel.Server.Storage;

namespace Easel.Server.Jobs;

/// <summary>An axis as it is asked for.</summary>
/// <param name="Axis">What changes: "steps", "Prompt S/R", "Model".</param>
/// <param name="Values">Its values: "10, 20, 30", "10-30 (+5)", "10-30 [3]", "*" for all where there are few.</param>
public sealed record GridAxisOrder([property: JsonRequired] string Axis, [property: JsonRequired] string Values);

/// <summary>A grid as it is asked for.</summary>
public sealed record GridOrder
{
    /// <summary>What changes from column to column; null for nothing.</summary>
    public GridAxisOrder? X { get; init; }

    /// <summary>What changes from row to row; null for nothing.</summary>
    public GridAxisOrder? Y { get; init; }

    /// <summary>What changes from sheet to sheet; null for nothing.</summary>
    public GridAxisOrder? Z { get; init; }

    /// <summary>In place of axes: the prompt's parts between bars, in all combinations. Default false.</summary>
    public bool PromptMatrix { get; init; }

    /// <summary>Whether the axes' values are written on the sheet. Default true.</summary>
    public bool Legend { get; init; } = true;

    /// <summary>White pixels between two pictures, 0 to 500. Default 0.</summary>
    public int Margin { get; init; }

    /// <summary>Whether each layer, a value of Z, is kept as a sheet of its own too. Default false.</summary>
    public bool SubSheets { get; init; }

    /// <summary>The name of a model in the library; null for the default one.</summary>
    public string? Model { get; init; }

    /// <summary>The name of another autoencoder in the library; null for the model's own.</summary>
    public string? Vae { get; init; }

    /// <summary>In which form the pictures and the sheet are kept; null for PNG with the settings inside.</summary>
    public KeptForm? File { get; init; }

    /// <summary>What is drawn, but for what the axes change.</summary>
    public GenerationRequest Request { get; init; } = new();

    /// <summary>The grid.</summary>
    /// <exception cref="InvalidRequestException">There is nothing to change, or an axis cannot be read.</exception>
    internal PictureGrid Grid()
    {
        GridAxis?[] axes = [.. new[] { X, Y, Z }.Select(axis => axis is null ? null : GridAxis.Parse(axis.Axis, axis.Values))];
        var hasAxes = axes.Any(axis => axis is not null && axis != GridAxis.Nothing);
        if (PromptMatrix && hasAxes) throw new InvalidRequestException("PromptMatrix", "A grid has axes or the parts of a prompt; ask for one of the two.");
        if (PromptMatrix) return PictureGrid.OfPromptMatrix(Request.Prompt);
        return hasAxes ? new PictureGrid(axes[0] ?? GridAxis.Nothing, axes[1], axes[2])
            : throw new InvalidRequestException("Grid", "A grid needs an axis: say in x what changes, and its values.");
    }
}
