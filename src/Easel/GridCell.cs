namespace Easel;

/// <summary>One place of a <see cref="PictureGrid"/>: what is drawn there.</summary>
/// <param name="Request">The request.</param>
/// <param name="Model">The model's name, where an axis names one; null for the one that draws the rest.</param>
/// <param name="Vae">The autoencoder's name, where an axis names one; null as before.</param>
public sealed record GridCell(GenerationRequest Request, string? Model = null, string? Vae = null);
