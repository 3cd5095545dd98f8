using Easel.Imaging;
using Easel.Training.Data;

namespace Easel.Training.Evaluation;

/// <summary>The drawings that a model was trained on, to find those nearest to a picture.</summary>
internal sealed class Neighbours
{
    private readonly List<(string Concept, float[] Features)> _known = [];

    /// <summary>Takes the drawings in, each in several places and sizes on white.</summary>
    public Neighbours(string folder, IReadOnlyList<Drawing> drawings)
    {
        Parallel.For(0, drawings.Count, i =>
        {
            var drawing = drawings[i];
            var rgba = TransparentPng.Pixels(Path.Combine(folder, drawing.File));
            var variants = Variant.Of(rgba, drawing.CanMirror, TrainingSet.StableHash(drawing.File)).Where(v => v.Ground is null && !v.MustSayColour)
                .Select(v => Looks.Of(v.Pixels)).ToList();
            lock (_known) _known.AddRange(variants.Select(features => (drawing.Concept, features)));
        });
    }

    /// <summary>The concepts nearest to a picture, nearest first, each once.</summary>
    public IReadOnlyList<string> Of(RgbImage picture, int count)
    {
        var features = Looks.Of(picture);
        return [.. _known.Select(known => (known.Concept, Distance: Looks.Distance(known.Features, features)))
            .GroupBy(known => known.Concept).Select(group => (group.Key, Distance: group.Min(known => known.Distance)))
                .OrderBy(group => group.Distance).Take(count).Select(group => group.Key)];
    }
}
