using Easel.Models;

namespace Easel.Pipeline;

/// <summary>The vector by which a network is told of a picture as a whole: what the text encoders say of the prompt, and numbers such as the picture's size,
/// each as sines and cosines (generative-models, sgm/modules/encoders/modules.py, ConcatTimestepEmbedderND).</summary>
internal static class PictureVector
{
    /// <summary>[1, width], fp32; null where the family's network takes none.</summary>
    /// <param name="isNegative">Whether it goes with the negative prompt.</param>
    public static Tensor? For(ModelFamily family, Tensor? pooled, GenerationRequest request, Canvas canvas, bool isNegative)
    {
        if (pooled is null && family.Facts.Count == 0) return null;
        using var scope = NewDisposeScope();
        var numbers = family.Facts.SelectMany(fact => Numbers(fact, request, canvas, isNegative)).ToArray();
        var told = TimestepEmbedding.Sinusoids(tensor(numbers), ModelFamily.FactWidth).view(1, -1);
        return cat(pooled is null ? [told] : [pooled.cpu(), told], dim: 1).MoveToOuterDisposeScope();
    }

    private static float[] Numbers(PictureFact fact, GenerationRequest request, Canvas canvas, bool isNegative) => fact switch
    {
        PictureFact.OriginalSize when isNegative =>
            [request.NegativeOriginalHeight ?? request.OriginalHeight ?? canvas.Height, request.NegativeOriginalWidth ?? request.OriginalWidth ?? canvas.Width],
        PictureFact.OriginalSize => [request.OriginalHeight ?? canvas.Height, request.OriginalWidth ?? canvas.Width],
        PictureFact.Crop when isNegative => [request.NegativeCropTop ?? request.CropTop, request.NegativeCropLeft ?? request.CropLeft],
        PictureFact.Crop => [request.CropTop, request.CropLeft],
        PictureFact.TargetSize when isNegative =>
            [request.NegativeTargetHeight ?? request.TargetHeight ?? canvas.Height, request.NegativeTargetWidth ?? request.TargetWidth ?? canvas.Width],
        PictureFact.TargetSize => [request.TargetHeight ?? canvas.Height, request.TargetWidth ?? canvas.Width],
        _ => [(float)(isNegative ? request.NegativeAestheticScore : request.AestheticScore)],
    };
}
