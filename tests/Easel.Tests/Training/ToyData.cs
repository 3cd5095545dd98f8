using Easel.Training.Data;

namespace Easel.Tests.Training;

/// <summary>A data set of four drawings and a landscape, and a word that is in no caption, that needs no package.</summary>
internal static class ToyData
{
    private static readonly (string Name, byte Red, byte Green, byte Blue, Func<int, int, bool> Covers)[] Shapes =
    [
        ("disc", 255, 20, 20, (x, y) => x * x + y * y < 100 * 100),
        ("square", 20, 20, 255, (x, y) => Math.Abs(x) < 90 && Math.Abs(y) < 90),
        ("bar", 20, 160, 40, (x, y) => Math.Abs(x) < 110 && Math.Abs(y) < 30),
        ("ring", 130, 40, 190, (x, y) => x * x + y * y is > 60 * 60 and < 105 * 105),
    ];

    public static IReadOnlyList<Drawing> Drawings { get; } = [.. Enumerable.Range(0, Shapes.Length + 1).Select(Listed)];

    /// <summary>Writes it and opens it.</summary>
    public static Pack Make(string path, int scenes = 48)
    {
        var maker = new SceneMaker(Drawings, ["quickly", "very"], new HashSet<(string, string)>(), seed: 0);
        Pack.Write(path, Drawings, Pixels, [.. Enumerable.Range(0, scenes).Select(i => maker.At(i))], new Dictionary<string, string> { ["circle"] = "disc" },
            ["quickly", "very"]);
        return Pack.Open(path);
    }

    /// <summary>A drawing's pixels: red, green and blue times opacity, and opacity.</summary>
    public static byte[] Pixels(int number)
    {
        var pixels = new byte[4 * SpriteCodec.Pixels];
        for (var i = 0; i < SpriteCodec.Pixels; i++)
        {
            var (x, y) = (i % Drawing.Side - Drawing.Side / 2, i / Drawing.Side - Drawing.Side / 2);
            var (red, green, blue) = number == Shapes.Length ? ((byte)(y < 40 ? 120 : 240), (byte)(y < 40 ? 200 : 220), (byte)(y < 40 ? 250 : 160))
                : (Shapes[number].Red, Shapes[number].Green, Shapes[number].Blue);
            if (number < Shapes.Length && !Shapes[number].Covers(x, y)) continue;
            (pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2], pixels[4 * i + 3]) = (red, green, blue, 255);
        }
        return pixels;
    }

    private static Drawing Listed(int number)
    {
        var isGround = number == Shapes.Length;
        var pixels = Pixels(number);
        var (colour, ways) = Recolouring.Of(pixels);
        var name = isGround ? "ground beach" : Shapes[number].Name;
        return new Drawing
        {
            Concept = name,
            Rank = number,
            Names = isGround ? [name] : [name, name + " shape"],
            IsMass = isGround,
            CanMirror = true,
            Source = "toy",
            Style = isGround ? null : "flat",
            Unasked = 0.5,
            Box = DataStep.BoxOf(pixels),
            Colour = isGround ? null : colour,
            Recolours = isGround ? new Dictionary<int, string>() : ways,
        };
    }
}
