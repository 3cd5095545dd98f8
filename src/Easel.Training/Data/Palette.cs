using System.Runtime.InteropServices;

namespace Easel.Training.Data;

/// <summary>The colours that stand best for all of a picture: boxes of alike colours are split where they differ most, then each colour is the mean of what is
/// nearest to it.</summary>
internal sealed class Palette
{
    private const int Rounds = 3; // of "nearest, then mean"

    private readonly Dictionary<int, byte> _numbers; // of each colour of the picture

    private Palette(IReadOnlyList<byte[]> colours, Dictionary<int, byte> numbers) => (Colours, _numbers) = (colours, numbers);

    public IReadOnlyList<byte[]> Colours { get; }

    public byte NumberOf(ReadOnlySpan<byte> pixel) => _numbers[Key(pixel)];

    public static Palette Of(ReadOnlySpan<byte> pixels, int most)
    {
        var counts = new Dictionary<int, int>();
        for (var i = 0; i < pixels.Length; i += 4) CollectionsMarshal.GetValueRefOrAddDefault(counts, Key(pixels.Slice(i, 4)), out _)++;
        var entries = counts.OrderBy(pair => pair.Key).Select(pair => new Entry(pair.Key, Split(pair.Key), pair.Value)).ToArray();
        var centres = entries.Length <= most ? [.. entries.Select(entry => entry.Value)] : Centres(entries, most);
        var numbers = new Dictionary<int, byte>(entries.Length);
        foreach (var entry in entries) numbers.Add(entry.Key, (byte)Nearest(centres, entry.Value));
        return new Palette([.. centres.Select(centre => centre.Select(value => (byte)Math.Clamp(MathF.Round(value), 0, 255)).ToArray())], numbers);
    }

    private static List<float[]> Centres(Entry[] entries, int most)
    {
        var boxes = new PriorityQueue<(int From, int To, int Axis, float Mean), double>();
        var whole = new List<(int From, int To)>();
        Add(0, entries.Length);
        while (boxes.Count > 0 && boxes.Count + whole.Count < most)
        {
            var (from, to, axis, mean) = boxes.Dequeue();
            var part = entries.AsSpan(from, to - from);
            part.Sort((one, other) => one.Value[axis].CompareTo(other.Value[axis]));
            var cut = 0;
            while (cut < part.Length - 1 && part[cut].Value[axis] <= mean) cut++;
            if (cut == 0) cut = 1;
            Add(from, from + cut);
            Add(from + cut, to);
        }
        whole.AddRange(boxes.UnorderedItems.Select(item => (item.Element.From, item.Element.To)));
        var centres = whole.OrderBy(box => box.From).Select(box => Mean(entries.AsSpan(box.From, box.To - box.From))).ToList();
        for (var round = 0; round < Rounds; round++)
        {
            var sums = new double[centres.Count, 5];
            foreach (var entry in entries)
            {
                var nearest = Nearest(centres, entry.Value);
                for (var c = 0; c < 4; c++) sums[nearest, c] += (double)entry.Value[c] * entry.Count;
                sums[nearest, 4] += entry.Count;
            }
            for (var i = 0; i < centres.Count; i++)
                if (sums[i, 4] > 0)
                    for (var c = 0; c < 4; c++) centres[i][c] = (float)(sums[i, c] / sums[i, 4]);
        }
        return centres;

        void Add(int from, int to)
        {
            if (to - from < 2)
            {
                whole.Add((from, to));
                return;
            }
            var part = entries.AsSpan(from, to - from);
            var mean = Mean(part);
            Span<double> spread = stackalloc double[4];
            spread.Clear();
            foreach (var entry in part)
                for (var c = 0; c < 4; c++) spread[c] += (entry.Value[c] - mean[c]) * (double)(entry.Value[c] - mean[c]) * entry.Count;
            var axis = 0;
            for (var c = 1; c < 4; c++)
                if (spread[c] > spread[axis]) axis = c;
            boxes.Enqueue((from, to, axis, mean[axis]), -spread[axis]);
        }
    }

    private static float[] Mean(ReadOnlySpan<Entry> entries)
    {
        var sums = new double[4];
        var all = 0.0;
        foreach (var entry in entries)
        {
            for (var c = 0; c < 4; c++) sums[c] += (double)entry.Value[c] * entry.Count;
            all += entry.Count;
        }
        return [.. sums.Select(sum => (float)(sum / all))];
    }

    private static int Nearest(IReadOnlyList<float[]> centres, float[] value)
    {
        var (best, least) = (0, float.MaxValue);
        for (var i = 0; i < centres.Count; i++)
        {
            var centre = centres[i];
            float r = centre[0] - value[0], g = centre[1] - value[1], b = centre[2] - value[2], a = centre[3] - value[3];
            var distance = r * r + g * g + b * b + a * a;
            if (distance < least) (best, least) = (i, distance);
        }
        return best;
    }

    /// <summary>A colour of the picture, a little coarser than a byte for each channel: more than that nobody sees.</summary>
    private static int Key(ReadOnlySpan<byte> pixel) => (pixel[0] >> 2) | ((pixel[1] >> 2) << 6) | ((pixel[2] >> 2) << 12) | ((pixel[3] >> 3) << 18);

    private static float[] Split(int key) =>
        [Wide(key & 63, 63), Wide((key >> 6) & 63, 63), Wide((key >> 12) & 63, 63), Wide((key >> 18) & 31, 31)];

    private static float Wide(int value, int most) => value * 255f / most;

    private sealed record Entry(int Key, float[] Value, int Count);
}
