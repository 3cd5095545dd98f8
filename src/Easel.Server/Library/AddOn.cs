namespace Easel.Server.Library;

/// <summary>A LoRA or an embedding, with what its file and those beside it tell of its use.</summary>
internal sealed record AddOn(string Name, string Path, bool IsLora)
{
    /// <summary>The family of models that it is for; null where nothing tells.</summary>
    public string? For { get; init; }

    /// <summary>Words that it was trained to be called by.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>What its maker or its owner notes; null for nothing.</summary>
    public string? Notes { get; init; }

    /// <summary>The weight that its owner likes; null for none.</summary>
    public double? Weight { get; init; }

    /// <summary>A picture beside it; null for none.</summary>
    public string? Picture { get; init; }

    /// <summary>Why it cannot be used; null where it can.</summary>
    public string? Problem { get; init; }

    /// <summary>Whether it goes with a model, as far as can be told.</summary>
    public bool Fits(ModelEntry? model) => For is null || model?.Family is not { } family || family.StartsWith(For, StringComparison.Ordinal);
}
