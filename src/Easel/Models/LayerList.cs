namespace Easel.Models;

/// <summary>Runs numbered lists of layers.</summary>
internal static class LayerList
{
    /// <summary>Calls the layers one after another and lets each one's input go as soon as its output is there, so that only two pictures are held however long
    /// the list.</summary>
    public static Tensor RunInOrder<T>(this ModuleList<T> layers, Tensor input) where T : Module<Tensor, Tensor>
    {
        var x = input.alias(); // the caller keeps its own
        foreach (var layer in layers)
        {
            using var before = x;
            x = layer.call(before);
        }
        return x;
    }
}
