namespace Easel.Imaging.Hints;

/// <summary>Keeps the lines of a hint one pixel wide when it is resized.</summary>
internal static class EdgeThinning
{
    // What is taken away in thinning, and in pruning: 1 is white, 0 black, anything else either. Each stands for its four quarter turns.
    private static readonly string[] Thin = ["000?1?111", "?00110?1?"], Spurs = ["000010??0", "0000100??"];

    /// <summary>Whether most of what is white in a hint of two colours is thinner than three pixels.</summary>
    public static bool IsOfLines(RgbImage hint)
    {
        var (white, thin) = (0, 0);
        var gray = hint.ToGray();
        var eroded = Extreme(gray, least: true);
        var opened = Extreme(eroded, least: false);
        for (var i = 0; i < gray.Pixels.Length; i++)
        {
            if (gray.Pixels[i] > 127) white++;
            if (opened.Pixels[i] < gray.Pixels[i]) thin++;
        }
        return 2 * thin > white;
    }

    /// <summary>White above and black below the level that parts a picture's bytes best ("A Threshold Selection Method from Gray-Level Histograms", N. Otsu,
    /// 1979).</summary>
    public static GrayImage Split(GrayImage gray)
    {
        var histogram = new double[256];
        foreach (var value in gray.Pixels) histogram[value]++;
        var (all, mean) = (gray.Pixels.Length, histogram.Select((count, value) => count * value).Sum() / gray.Pixels.Length);
        var (below, sum, best, level) = (0.0, 0.0, 0.0, 0);
        for (var value = 0; value < 256; value++)
        {
            below += histogram[value] / all;
            sum += value * histogram[value] / all;
            if (below <= 1e-9 || below >= 1 - 1e-9) continue;
            var apart = (mean * below - sum) * (mean * below - sum) / (below * (1 - below));
            if (apart > best) (best, level) = (apart, value);
        }
        var made = new GrayImage(gray.Width, gray.Height);
        for (var i = 0; i < made.Pixels.Length; i++) made.Pixels[i] = (byte)(gray.Pixels[i] > level ? 255 : 0);
        return made;
    }

    /// <summary>The crests of a blurred picture of lines, thinned to one pixel.</summary>
    /// <param name="prunes">Whether the ends of spurs are taken away, as where a picture has grown.</param>
    public static GrayImage Thinned(GrayImage gray, bool prunes)
    {
        var lines = Split(Crests(gray));
        for (var round = 0; round < 32 && Remove(lines, Thin); round++) { }
        if (prunes) Remove(lines, Spurs);
        return lines;
    }

    /// <summary>What is not darker than its neighbours along any of the four directions.</summary>
    private static GrayImage Crests(GrayImage gray)
    {
        var made = new GrayImage(gray.Width, gray.Height);
        for (var at = 0; at < gray.Pixels.Length; at++)
        {
            var (x, y, own) = (at % gray.Width, at / gray.Width, gray.Pixels[at]);
            bool Is(int dx, int dy) => own >= At(gray, x - dx, y - dy) && own >= At(gray, x + dx, y + dy);
            if (Is(1, 0) || Is(0, 1) || Is(1, 1) || Is(1, -1)) made.Pixels[at] = own;
        }
        return made;
    }

    private static bool Remove(GrayImage lines, string[] patterns)
    {
        var any = false;
        for (var turn = 0; turn < 4; turn++)
        {
            foreach (var pattern in patterns)
            {
                var turned = Turned(pattern, turn);
                var found = Enumerable.Range(0, lines.Pixels.Length).Where(at => lines.Pixels[at] != 0 && Fits(lines, at, turned)).ToList();
                foreach (var at in found) lines.Pixels[at] = 0;
                any |= found.Count > 0;
            }
        }
        return any;
    }

    private static bool Fits(GrayImage lines, int at, string pattern)
    {
        var (x, y) = (at % lines.Width, at / lines.Width);
        for (var i = 0; i < 9; i++)
            if (pattern[i] != '?' && At(lines, x + i % 3 - 1, y + i / 3 - 1) > 127 != (pattern[i] == '1')) return false;
        return true;
    }

    private static string Turned(string pattern, int turns)
    {
        for (; turns > 0; turns--) pattern = string.Concat(Enumerable.Range(0, 9).Select(i => pattern[i % 3 * 3 + 2 - i / 3]));
        return pattern;
    }

    private static int At(GrayImage gray, int x, int y) => x < 0 || y < 0 || x >= gray.Width || y >= gray.Height ? 0 : gray.Pixels[y * gray.Width + x];

    private static GrayImage Extreme(GrayImage gray, bool least)
    {
        var made = new GrayImage(gray.Width, gray.Height);
        for (var y = 0; y < gray.Height; y++)
        {
            for (var x = 0; x < gray.Width; x++)
            {
                var found = gray.Pixels[y * gray.Width + x];
                for (var v = Math.Max(0, y - 1); v <= Math.Min(gray.Height - 1, y + 1); v++)
                    for (var u = Math.Max(0, x - 1); u <= Math.Min(gray.Width - 1, x + 1); u++)
                        found = least ? Math.Min(found, gray.Pixels[v * gray.Width + u]) : Math.Max(found, gray.Pixels[v * gray.Width + u]);
                made.Pixels[y * gray.Width + x] = found;
            }
        }
        return made;
    }
}
