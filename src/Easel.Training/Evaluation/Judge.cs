using System.Collections.Concurrent;
using Easel.Imaging;
using Easel.Training.Data;

namespace Easel.Training.Evaluation;

/// <summary>
/// Says what a picture shows by the drawings nearest to each of its parts, by measures that no model was trained on (<see cref="Looks"/>). A thing asked for in
/// a colour is looked for among all drawings in that colour, so that shape must tell.
/// </summary>
internal sealed class Judge(Pack pack)
{
    private const int Near = 5; // a thing is there when it is among so many nearest concepts of a part
    private const int Window = 64;
    private const int Reference = 128; // side in which drawings are painted to be known again
    private const int BestKnown = 400; // among so many things one in a colour is looked for
    private const double Apart = 0.08; // of the picture: how far two things must lie apart to be left and right, or above and under

    private readonly ConcurrentDictionary<string, Lazy<IReadOnlyList<(string Concept, float[] Features)>>> _known = [];
    private readonly Lazy<IReadOnlyList<(string Concept, float[] Features)>> _grounds = new(() => [.. pack.Drawings.Index().Where(d => d.Item.IsGround)
        .Select(d => (d.Item.Concept, Looks.Of(Small(pack, new Laid(d.Index, 0, 0, Window, false, 0), (255, 255, 255)))))]);

    /// <summary>Whether a picture shows one of some things, or is one of some grounds.</summary>
    public bool Shows(RgbImage picture, IReadOnlyList<string> names)
    {
        var grounds = names.Where(name => name.StartsWith(Grounds.Mark, StringComparison.Ordinal)).ToList();
        if (grounds.Count > 0)
        {
            var features = Looks.Of(picture);
            if (grounds.Contains(_grounds.Value.MinBy(ground => Looks.Distance(ground.Features, features)).Concept)) return true;
        }
        var segments = new Segments(picture);
        var ranked = Ranked(segments, null);
        return names.Except(grounds).Any(name => Place(ranked, name) is not null);
    }

    /// <summary>What of a pair is right: both things there; of those asked for in a colour, all in it; how they stand.</summary>
    public (bool Both, bool? Colours, bool? Way) Pair(RgbImage picture, Asked one, string way, Asked other)
    {
        var segments = new Segments(picture);
        var places = (One: Place(Ranked(segments, one.Colour), one.Name), Other: Place(Ranked(segments, other.Colour), other.Name));
        if (places is not ({ } first, { } second) || first == second) return (false, one.Colour is null ? null : false, way == "and" ? null : false);
        bool? colours = one.Colour is null ? null : segments.ColourOf(first) == one.Colour && segments.ColourOf(second) == other.Colour;
        bool? stands = way switch
        {
            "left" => first.X < second.X - Apart,
            "right" => first.X > second.X + Apart,
            "above" or "on" => first.Y < second.Y - Apart,
            "under" => first.Y > second.Y + Apart,
            _ => null,
        };
        return (true, colours, stands);
    }

    /// <summary>Whether a picture falls into so many parts, and most of those are the thing.</summary>
    public bool Counts(RgbImage picture, int count, string name)
    {
        var segments = new Segments(picture);
        if (segments.Parts.Count != count) return false;
        var concepts = FixedPrompts.Concepts(pack.Drawings, name);
        return 2 * segments.Parts.Count(part => Nearest(segments.Cut(part), null).Any(concepts.Contains)) > count;
    }

    private List<(Segments.Box Box, IReadOnlyList<string> Nearest)> Ranked(Segments segments, string? colour) =>
        [.. segments.Places().Select(box => (box, Nearest(segments.Cut(box), colour)))];

    /// <summary>The part in which a thing is nearest to being the first; null where it is among the nearest of none.</summary>
    private Segments.Box? Place(List<(Segments.Box Box, IReadOnlyList<string> Nearest)> ranked, string name)
    {
        var concepts = FixedPrompts.Concepts(pack.Drawings, name);
        return ranked.Select(place => ((Segments.Box Box, int Rank)?)(place.Box, place.Nearest.Index().Where(one => concepts.Contains(one.Item))
            .Select(one => one.Index).DefaultIfEmpty(int.MaxValue).Min())).Where(place => place!.Value.Rank < int.MaxValue).OrderBy(place => place!.Value.Rank)
                .FirstOrDefault()?.Box;
    }

    /// <summary>The concepts nearest to a part, nearest first, each once.</summary>
    private IReadOnlyList<string> Nearest(RgbImage part, string? colour)
    {
        var features = Looks.Of(part);
        var known = _known.GetOrAdd(colour ?? "", _ => new(() => Known(colour))).Value;
        return [.. known.AsParallel().WithDegreeOfParallelism(Math.Max(1, Environment.ProcessorCount)).Select(one =>
            (one.Concept, Distance: Looks.Distance(one.Features, features)))
            .ToArray().GroupBy(one => one.Concept).Select(group => (group.Key, Distance: group.Min(one => one.Distance))).OrderBy(group => group.Distance)
                .Take(Near).Select(group => group.Key)];
    }

    /// <summary>All drawings, or all that are or can be made of a colour, cut as parts are.</summary>
    private (string Concept, float[] Features)[] Known(string? colour)
    {
        var wanted = pack.Drawings.Index().Where(d => !d.Item.IsGround && (colour is null || d.Item.Rank < BestKnown))
            .SelectMany(d => colour is null || d.Item.Colour == colour ? [(d.Index, Recolour: 0)]
                : d.Item.Recolours.Where(way => way.Value == colour).Select(way => way.Key).Order().Take(1).Select(way => (d.Index, Recolour: way))).ToList();
        var features = new (string, float[])[wanted.Count];
        Parallel.For(0, wanted.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            var segments = new Segments(Small(pack, new Laid(wanted[i].Index, 8, 8, Reference - 16, false, wanted[i].Recolour), (255, 255, 255), Reference));
            features[i] = (pack.Drawings[wanted[i].Index].Concept, segments.Parts.Count == 0 ? new float[Looks.Count] : Looks.Of(segments.Cut(segments.All)));
        });
        return features;
    }

    private static RgbImage Small(Pack pack, Laid thing, (byte, byte, byte) ground, int side = Window) => Picture(pack, new Scene(ground, [thing], ""), side);

    /// <summary>A scene as a picture.</summary>
    public static RgbImage Picture(Pack pack, Scene scene, int side = Scene.Side)
    {
        var values = new float[3 * side * side];
        pack.Renderer.Paint(scene, 0, 0, side, values);
        var picture = new RgbImage(side, side);
        for (var i = 0; i < side * side; i++)
            for (var c = 0; c < 3; c++) picture.Pixels[3 * i + c] = (byte)Math.Clamp(MathF.Round((values[c * side * side + i] + 1) * 127.5f), 0, 255);
        return picture;
    }
}
