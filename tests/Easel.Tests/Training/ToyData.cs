using System.Text.Json;
using Easel.Imaging;
using Easel.Training.Data;

namespace Easel.Tests.Training;

/// <summary>A data set of two drawings, and a word that is in no caption, that needs no package.</summary>
internal static class ToyData
{
    /// <summary>Writes it into a folder: a red disc and a blue square.</summary>
    public static TrainingSet Make(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "pictures"));
        Drawing[] drawings =
        [
            Paint("disc", (255, 20, 20), (x, y) => x * x + y * y < 70 * 70),
            Paint("square", (20, 20, 255), (x, y) => Math.Abs(x) < 60 && Math.Abs(y) < 60),
        ];
        File.WriteAllLines(Drawing.ListPath(folder), drawings.Select(drawing => JsonSerializer.Serialize(drawing)));
        File.WriteAllLines(Meanings.PathIn(folder), ["circle\tdisc"]);
        return TrainingSet.Load(folder, Drawing.List(folder, 2, null));

        Drawing Paint(string name, (byte Red, byte Green, byte Blue) colour, Func<int, int, bool> covers)
        {
            var picture = new RgbImage(Drawing.Side, Drawing.Side);
            for (var i = 0; i < Drawing.Side * Drawing.Side; i++)
                if (covers(i % Drawing.Side - Drawing.Side / 2, i / Drawing.Side - Drawing.Side / 2))
                    (picture.Pixels[3 * i], picture.Pixels[3 * i + 1], picture.Pixels[3 * i + 2]) = colour;
            var file = $"pictures/{name}.png";
            ImageFile.Save(Path.Combine(folder, file), picture);
            return new Drawing { Concept = name, Rank = 0, Names = [name, "shape"], CanMirror = true, Source = "toy", Style = "flat", File = file };
        }
    }
}
