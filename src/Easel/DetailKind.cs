namespace Easel;

/// <summary>What is found in each finished picture and drawn anew at the model's own size, so that what was small becomes fine.</summary>
public enum DetailKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Faces.</summary>
    Faces,
}
