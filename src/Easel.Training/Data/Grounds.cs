using System.Text;

namespace Easel.Training.Data;

/// <summary>A kind of landscape that things stand in, drawn by Easel itself as SVG, each time a little otherwise.</summary>
/// <param name="Name">What it is: "beach".</param>
/// <param name="Phrases">How a caption says that something is there: "on a beach".</param>
/// <param name="Alone">How a caption calls it with nothing on it: "a beach".</param>
/// <param name="Floats">Whether things are in the middle of it and stand on nothing.</param>
/// <param name="Draw">Its body, in a square of 256.</param>
internal sealed record Ground(string Name, IReadOnlyList<string> Phrases, IReadOnlyList<string> Alone, bool Floats, Func<Brush, string> Draw);

/// <summary>All grounds.</summary>
internal static class Grounds
{
    public const string Mark = "ground ";
    public const int Variants = 16; // drawings of each

    public static IReadOnlyList<Ground> All { get; } =
    [
        new("beach", ["on a beach", "at the beach", "on the sand by the sea", "on the shore"],
            ["a beach", "a sandy beach", "the seaside", "a beach in summer"], false,
            b => b.Sky("#7ec8f5", "#d6f0ff") + b.Sun(40, 90, "#fff3b0") + b.Clouds(2) + b.Band(118, 256, "#2f9fd0", "#5cc3df") + b.Waves(120, 165, "#bfe9f5", 5)
                + b.Ground(168, "#f3dca2", "#e2c07d", 10) + b.Dots(185, 250, "#d1ab63", 14)),
        new("sunset", ["at sunset", "in the evening sun", "at dusk", "in front of a sunset"],
            ["a sunset", "a sunset over the sea", "a sunset over the ocean", "the evening sky", "sundown"], false,
            b => b.Sky(b.Pick("#40306f", "#5a2d6e", "#2f3f7d"), b.Pick("#ff9a4d", "#ffb65c", "#ff7e5f"))
                + Brush.Disc(b.In(90, 166), 150, b.In(26, 40), "#ffe08a")
                + b.Clouds(2, "#e77a6a", 30, 100) + b.Band(158, 256, "#7a3d6b", "#33264f") + b.Glints(164, 250, "#ffc46b", 12)),
        new("mountains", ["in the mountains", "in front of mountains", "on a mountain"], ["mountains", "a mountain landscape", "snowy mountains",
            "the alps"], false,
            b => b.Sky("#8fcaf0", "#e4f4ff") + b.Clouds(2) + b.Peaks(180, 60, 110, "#8a94ab", "#ffffff", 4) + b.Peaks(200, 100, 150, "#66758f", "#f2f6fb", 4)
                + b.Ground(190, "#7cbc62", "#559a48", 14)),
        new("city at night", ["in a city at night", "in the city", "downtown at night"], ["a city at night", "a city skyline at night",
            "the lights of a city"], false,
            b => b.Sky("#0d1330", "#2b2f63") + b.Stars(20) + b.Houses(226, 50, 150, ["#1d2347", "#262d57", "#171c3a"], "#ffd86b")
                + b.Band(224, 256, "#1a1a26", "#111118")),
        new("city", ["in a city by day", "in town", "on a street"], ["a city", "a skyline", "a town by day", "skyscrapers"], false,
            b => b.Sky("#8ecbf2", "#e7f5ff") + b.Clouds(2) + b.Houses(220, 50, 140, ["#a9b7c9", "#c7b39f", "#8fa3bb", "#d4c6ae"], "#eef6ff")
                + b.Band(218, 256, "#8b8f98", "#6f737c")),
        new("starry sky", ["under a starry sky", "under the stars", "under the milky way"],
            ["a starry sky", "the night sky", "stars at night", "a sky full of stars"], false,
            b => b.Sky("#070b2b", "#243a78") + b.Stars(70) + b.Ground(226, "#0e1a2d", "#0a1220", 12)),
        new("night", ["at night", "in the night", "in the moonlight"], ["a night", "a moonlit night", "the moon at night"], false,
            b => b.Sky("#0f1738", "#33457f") + b.Stars(25) + b.Moon() + b.Ground(190, "#22405a", "#152a3d", 16)),
        new("forest", ["in a forest", "in the woods", "among the trees"], ["a forest", "the woods", "a green forest", "a forest path"], false,
            b => b.Sky("#bfe3c0", "#e9f6d8") + b.Firs(170, "#7fb386", 60, 90, 7) + b.Firs(205, "#3f7d52", 90, 140, 6)
                + b.Ground(200, "#6aa653", "#4a843d", 10)),
        new("meadow", ["in a meadow", "in a field", "on the grass", "in a garden", "on a hill"],
            ["a meadow", "a green field", "a flower meadow", "a garden", "green hills"], false,
            b => b.Sky("#86cdf5", "#e3f5ff") + b.Sun(30, 70, "#ffe98a") + b.Clouds(2) + b.Ground(150, "#9ed36f", "#7fbf57", 26)
                + b.Ground(180, "#7cc45a", "#549f3f", 18)
                + b.Flowers(195, 250, 14)),
        new("snow", ["in the snow", "in winter", "on the snow"], ["snow", "a snowy landscape", "winter", "a snow field"], false,
            b => b.Sky("#a9c6e3", "#e6eff8") + b.Firs(185, "#7d9fb0", 40, 80, 5) + b.Ground(175, "#ffffff", "#dbe8f4", 18) + b.Flakes(40)),
        new("desert", ["in the desert", "in a desert", "on a dune"], ["a desert", "sand dunes", "the sahara"], false,
            b => b.Sky("#f7c873", "#fdeec4") + b.Sun(40, 80, "#fff6cf") + b.Ground(150, "#e5b266", "#d39a4d", 34) + b.Ground(185, "#edc07b", "#c98d43", 24)),
        new("sea", ["on the sea", "on the ocean", "on the water", "on a lake"], ["the sea", "the ocean", "a lake", "waves on the sea"], false,
            b => b.Sky("#8fd0f7", "#e4f6ff") + b.Clouds(3) + b.Band(150, 256, "#2b8fc4", "#14578c") + b.Waves(156, 250, "#8fd0ea", 10)),
        new("underwater", ["under water", "in the sea", "at the bottom of the sea"], ["the bottom of the sea", "an underwater world", "a coral reef"], true,
            b => b.Sky("#3fb4dc", "#0b4f86") + b.Bubbles(16) + b.Ground(222, "#e0cc93", "#bfa568", 8) + b.Weeds(226, ["#2f9b6b", "#e0657a", "#f0a14a"], 7)),
        new("space", ["in space", "in outer space", "among the stars"], ["outer space", "space", "a galaxy", "the universe"], true,
            b => b.Sky("#0a0820", "#231545") + b.Nebula() + b.Stars(60) + Brush.Disc(b.In(30, 226), b.In(30, 80), b.In(10, 24),
                b.Pick("#d98f5a", "#7fa6e0", "#c9b06a"))),
        new("sky", ["in the sky", "above the clouds", "in the air"], ["the sky", "a blue sky", "clouds in the sky"], true,
            b => b.Sky("#4aa8ec", "#cfeeff") + b.Clouds(5, "#ffffff", 30, 230)),
        new("rain", ["in the rain", "on a rainy day"], ["a rainy day", "rain over the hills", "rainy weather"], false,
            b => b.Sky("#6f8296", "#aebccb") + b.Clouds(4, "#8c9bad", 20, 70) + b.Ground(196, "#6f9a68", "#557f52", 14) + b.Drops(40)),
        new("room", ["in a room", "indoors", "at home"], ["a room", "an empty room", "a living room"], false,
            b => b.Sky(b.Pick("#f3e3cf", "#dce9ef", "#e7dff0", "#e3eeda"), b.Pick("#ead3b8", "#c9dde6", "#d8cde6")) + b.Window()
                + b.Band(196, 256, "#c08f5f", "#a06f45")
                + b.Band(192, 198, "#fbf6ee", "#efe7da")),
        new("lighthouse", ["by a lighthouse", "in front of a lighthouse"], ["a lighthouse", "a lighthouse by the sea", "a lighthouse at dusk",
            "a lighthouse on a rock"], false,
            b => b.Sky(b.Pick("#7ec8f5", "#4b4a86", "#86b8e8"), b.Pick("#fbe3c2", "#ff9d6b", "#e8f6ff")) + b.Band(170, 256, "#2b7fb4", "#1c5586")
                + b.Waves(176, 250, "#8cc6e2", 5)
                + b.Lighthouse()),
        new("waterfall", ["by a waterfall", "in front of a waterfall"], ["a waterfall", "a waterfall in the jungle", "a river with a waterfall"], false,
            b => b.Sky("#9ed8f2", "#e2f5ee") + b.Firs(110, "#5b9a63", 40, 70, 7) + b.Waterfall()),
    ];

    /// <summary>A ground as a whole SVG, the same for the same number.</summary>
    public static string Svg(Ground ground, int variant) =>
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Drawing.Side}\" height=\"{Drawing.Side}\" viewBox=\"0 0 256 256\">"
            + ground.Draw(new Brush(new Random(StableHash.Of($"{ground.Name}/{variant}")))) + "</svg>";
}

/// <summary>Draws parts of landscapes.</summary>
internal sealed class Brush(Random random)
{
    private int _gradients;

    public double In(double least, double most) => Math.Round(least + (most - least) * random.NextDouble(), 1);
    public string Pick(params string[] of) => of[random.Next(of.Length)];

    public string Sky(string top, string bottom) => Band(0, 256, top, bottom);

    public string Band(double top, double bottom, string from, string to)
    {
        var id = $"g{_gradients++}";
        return Text($"<linearGradient id=\"{id}\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"{from}\"/><stop offset=\"1\" ")
            + Text($"stop-color=\"{to}\"/></linearGradient>")
            + Text($"<rect x=\"0\" y=\"{top}\" width=\"256\" height=\"{bottom - top}\" fill=\"url(#{id})\"/>");
    }

    public static string Disc(double x, double y, double radius, string colour) => Text($"<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\"/>");
    public string Sun(double least, double most, string colour) => Disc(random.Next(2) == 0 ? In(25, 70) : In(186, 231), In(least, most), In(14, 22), colour);

    public string Moon()
    {
        var (x, y, r) = (random.Next(2) == 0 ? In(40, 80) : In(176, 216), In(40, 70), In(16, 26));
        return Disc(x, y, r, "#f6eec2") + (random.Next(2) == 0 ? Disc(x + r * 0.45, y - r * 0.2, r * 0.85, "#16204a") : "");
    }

    public string Clouds(int count, string colour = "#ffffff", double least = 25, double most = 85) => Many(count, () =>
    {
        var (x, y, s) = (In(20, 236), In(least, most), In(0.7, 1.3));
        return Text($"<g fill=\"{colour}\" opacity=\"0.9\"><ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{26 * s}\" ry=\"{9 * s}\"/><circle cx=\"{x - 8 * s}\" ")
            + Text($"cy=\"{y - 6 * s}\" r=\"{10 * s}\"/>")
            + Text($"<circle cx=\"{x + 8 * s}\" cy=\"{y - 5 * s}\" r=\"{8 * s}\"/></g>");
    });

    public string Stars(int count) => Many(count, () => Disc(In(0, 256), In(0, 215), In(0.7, 2.2), Pick("#ffffff", "#fff3c4", "#d9e6ff")));
    public string Dots(double top, double bottom, string colour, int count) => Many(count, () => Disc(In(0, 256), In(top, bottom), In(0.8, 2), colour));
    public string Flakes(int count) => Many(count, () => Disc(In(0, 256), In(0, 256), In(1, 2.6), "#ffffff"));
    public string Bubbles(int count) =>
        Many(count, () => Text($"<circle cx=\"{In(0, 256)}\" cy=\"{In(10, 210)}\" r=\"{In(2, 6)}\" fill=\"none\" stroke=\"#c9f0ff\" stroke-width=\"1.4\"/>"));

    public string Glints(double top, double bottom, string colour, int count) => Many(count, () =>
    {
        var y = In(top, bottom);
        return Text($"<rect x=\"{In(70, 180) - (y - top) * 0.3}\" y=\"{y}\" width=\"{In(14, 40)}\" height=\"2.4\" rx=\"1.2\" fill=\"{colour}\"/>");
    });

    public string Waves(double top, double bottom, string colour, int count) => Many(count, () =>
    {
        var (x, y, w) = (In(-10, 236), In(top, bottom), In(16, 40));
        return Text($"<path d=\"M{x} {y} q{w / 4} -5 {w / 2} 0 t{w / 2} 0\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linecap=\"round\"/>");
    });

    public string Drops(int count) => Many(count, () =>
    {
        var (x, y) = (In(0, 256), In(20, 250));
        return Text($"<line x1=\"{x}\" y1=\"{y}\" x2=\"{x - 4}\" y2=\"{y + 13}\" stroke=\"#d5e6f5\" stroke-width=\"1.8\"/>");
    });

    /// <summary>A floor with an uneven edge.</summary>
    public string Ground(double top, string from, string to, double unevenness)
    {
        var id = $"g{_gradients++}";
        return Text($"<linearGradient id=\"{id}\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"{from}\"/><stop offset=\"1\" ")
            + Text($"stop-color=\"{to}\"/></linearGradient>")
            + Text($"<path d=\"M0 {top + In(-0.5, 0.5) * unevenness} C80 {top - In(0, 1) * unevenness} 160 {top + In(0, 1) * unevenness} 256 ")
                + Text($"{top - In(-0.5, 0.5) * unevenness} V256 H0 Z\" fill=\"url(#{id})\"/>");
    }

    public string Peaks(double foot, double least, double most, string rock, string snow, int count) => Many(count, () =>
    {
        var (x, y) = (In(-10, 266), In(least, most));
        var half = (foot - y) * In(0.7, 1);
        var cap = (foot - y) * 0.28;
        return Text($"<path d=\"M{x - half} {foot} L{x} {y} L{x + half} {foot} Z\" fill=\"{rock}\"/>")
            + Text($"<path d=\"M{x - half * 0.28} {y + cap} L{x} {y} L{x + half * 0.28} {y + cap} L{x + half * 0.12} {y + cap * 0.75} L{x} {y + cap} ")
                + Text($"L{x - half * 0.12} {y + cap * 0.75} Z\" fill=\"{snow}\"/>");
    });

    public string Firs(double foot, string colour, double least, double most, int count) => Many(count, () =>
    {
        var (x, h) = (In(0, 256), In(least, most));
        var w = h * 0.28;
        return Text($"<rect x=\"{x - h * 0.04}\" y=\"{foot - h * 0.15}\" width=\"{h * 0.08}\" height=\"{h * 0.22}\" fill=\"#6b4a32\"/><path d=\"M{x - w} ")
            + Text($"{foot - h * 0.12} L{x} {foot - h} L{x + w} {foot - h * 0.12} Z\" fill=\"{colour}\"/>");
    });

    public string Flowers(double top, double bottom, int count) => Many(count, () =>
    {
        var (x, y) = (In(4, 252), In(top, bottom));
        return Text($"<g fill=\"{Pick("#ff6f8f", "#ffd34d", "#ffffff", "#b98cf0")}\"><circle cx=\"{x - 2.6}\" cy=\"{y}\" r=\"2.4\"/><circle cx=\"{x + 2.6}\" ")
            + Text($"cy=\"{y}\" r=\"2.4\"/>")
            + Text($"<circle cx=\"{x}\" cy=\"{y - 2.6}\" r=\"2.4\"/><circle cx=\"{x}\" cy=\"{y + 2.6}\" r=\"2.4\"/></g><circle cx=\"{x}\" cy=\"{y}\" ")
                + Text($"r=\"1.8\" fill=\"#f2a500\"/>");
    });

    public string Weeds(double foot, string[] colours, int count) => Many(count, () =>
    {
        var (x, h) = (In(6, 250), In(24, 70));
        return Text($"<path d=\"M{x} {foot + 6} q-9 {-h / 3} 0 {-h / 2} t0 {-h / 2}\" fill=\"none\" stroke=\"{Pick(colours)}\" stroke-width=\"6\" ")
            + Text($"stroke-linecap=\"round\"/>");
    });

    public string Houses(double foot, double least, double most, string[] colours, string light)
    {
        var svg = new StringBuilder();
        for (var x = -6.0; x < 256;)
        {
            var (w, h) = (In(24, 46), In(least, most));
            svg.Append(Text($"<rect x=\"{x}\" y=\"{foot - h}\" width=\"{w}\" height=\"{h}\" fill=\"{Pick(colours)}\"/>"));
            for (var y = foot - h + 8; y < foot - 10; y += 13)
                for (var at = x + 5; at < x + w - 7; at += 10)
                    if (random.NextDouble() < 0.6) svg.Append(Text($"<rect x=\"{at}\" y=\"{y}\" width=\"5\" height=\"7\" fill=\"{light}\"/>"));
            x += w + In(0, 4);
        }
        return svg.ToString();
    }

    public string Window()
    {
        var x = random.Next(2) == 0 ? In(16, 40) : In(160, 180);
        return Text($"<rect x=\"{x}\" y=\"40\" width=\"58\" height=\"74\" fill=\"#bfe3f7\" stroke=\"#ffffff\" stroke-width=\"6\"/><path d=\"M{x + 29} 40 ")
            + Text($"V114 M{x} 77 H{x + 58}\" stroke=\"#ffffff\" stroke-width=\"4\"/>");
    }

    public string Nebula() => Many(4, () =>
        Text($"<ellipse cx=\"{In(40, 216)}\" cy=\"{In(60, 200)}\" rx=\"{In(40, 90)}\" ry=\"{In(18, 40)}\" fill=\"{Pick("#7b3fa8", "#3f58b8", "#b8478f")}\" ")
            + Text($"opacity=\"0.25\" transform=\"rotate({In(-40, 40)} 128 128)\"/>"));

    public string Lighthouse()
    {
        var (x, top, stripe) = (In(100, 156), In(34, 56), Pick("#d8383a", "#2c5aa8", "#d8383a"));
        var svg = new StringBuilder(Text($"<path d=\"M{x - 70} 224 q30 -36 {70 - 24} -34 h48 q30 4 60 34 Z\" fill=\"#77695c\"/>"));
        svg.Append(Text($"<path d=\"M{x - 24} 196 L{x - 14} {top + 28} H{x + 14} L{x + 24} 196 Z\" fill=\"#fbfbfb\"/>"));
        for (var i = 0; i < 3; i++)
        {
            var (y, h) = (top + 40 + i * 44.0, 20.0);
            var (a, b) = (14 + (y - top - 28) / (168 - top) * 10, 14 + (y + h - top - 28) / (168 - top) * 10);
            svg.Append(Text($"<path d=\"M{x - a} {y} H{x + a} L{x + b} {y + h} H{x - b} Z\" fill=\"{stripe}\"/>"));
        }
        svg.Append(Text($"<rect x=\"{x - 18}\" y=\"{top + 22}\" width=\"36\" height=\"7\" fill=\"#3d3f4a\"/><rect x=\"{x - 10}\" y=\"{top + 6}\" ")
            + Text($"width=\"20\" height=\"17\" fill=\"#ffe27a\"/>"));
        svg.Append(Text($"<path d=\"M{x - 14} {top + 7} L{x} {top - 9} L{x + 14} {top + 7} Z\" fill=\"{stripe}\"/>"));
        return svg.ToString();
    }

    public string Waterfall()
    {
        var (x, w) = (In(96, 130), In(34, 60));
        var svg = new StringBuilder(Text($"<path d=\"M0 92 Q60 {In(80, 96)} {x} 96 H{x + w} Q210 {In(80, 96)} 256 90 V210 H0 Z\" fill=\"#7d766b\"/>"));
        svg.Append(Text($"<rect x=\"{x}\" y=\"94\" width=\"{w}\" height=\"122\" fill=\"#d9f1fb\"/>"));
        svg.Append(Many(6, () => Text($"<rect x=\"{In(x, x + w - 4)}\" y=\"96\" width=\"3\" height=\"{In(60, 112)}\" fill=\"#8ccbe8\"/>")));
        svg.Append(Band(206, 256, "#5fb4d6", "#2f86b3"));
        svg.Append(Many(6, () => Disc(In(x - 10, x + w + 10), In(202, 216), In(6, 12), "#f3fbff")));
        return svg.ToString();
    }

    private static string Many(int count, Func<string> one)
    {
        var all = new StringBuilder();
        for (var i = 0; i < count; i++) all.Append(one());
        return all.ToString();
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
