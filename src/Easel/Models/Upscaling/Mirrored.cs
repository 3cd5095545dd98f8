namespace Easel.Models.Upscaling;

/// <summary>Pictures continued beyond their edges by their mirror image, as far as is asked for: of a picture that is smaller than that, the mirror image is
/// mirrored again.</summary>
internal static class Mirrored
{
    /// <summary>Continued to the right and to the bottom until the sides are multiples of a number.</summary>
    public static Tensor To(Tensor x, int multiple)
    {
        var (bottom, right) = (Missing(x.shape[2]), Missing(x.shape[3]));
        return Around(x, 0, right, 0, bottom);

        int Missing(long length) => (int)((multiple - length % multiple) % multiple);
    }

    /// <summary>Continued by so many pixels at each edge.</summary>
    /// <returns>A new handle in any case.</returns>
    public static Tensor Around(Tensor x, int left, int right, int top, int bottom)
    {
        using var scope = NewDisposeScope();
        return Along(Along(x, 2, top, bottom), 3, left, right).MoveToOuterDisposeScope();
    }

    private static Tensor Along(Tensor x, int dimension, int before, int after)
    {
        if (before + after == 0) return x.alias();
        var last = (int)x.shape[dimension] - 1;
        var places = Enumerable.Range(-before, last + 1 + before + after).Select(i =>
        {
            if (last == 0) return 0L;
            var place = Math.Abs(i) % (2 * last);
            return place > last ? 2L * last - place : place;
        });
        return x.index_select(dimension, tensor(places.ToArray(), device: x.device));
    }
}
