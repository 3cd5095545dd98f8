using Easel.Tests.Weights;
using Easel.Training;
using Easel.Training.Data;
using Easel.Training.Evaluation;

namespace Easel.Tests.Training;

/// <summary>Guards what is trained on and what is measured with: packing, composing, painting, the fixed prompts, and that the judge sees what is
/// there.</summary>
public sealed class SceneTests
{
    [Fact]
    public void ADrawingIsPackedWithoutVisibleLoss()
    {
        var pixels = new byte[4 * SpriteCodec.Pixels];
        for (var i = 0; i < SpriteCodec.Pixels; i++) // more colours than a palette has
            (pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2], pixels[4 * i + 3]) = ((byte)(i % 256), (byte)(i / 256), 128, 255);
        var packed = SpriteCodec.Pack(pixels);
        var unpacked = SpriteCodec.Unpack(packed, 0, packed.Length);
        var apart = pixels.Zip(unpacked).Select(pair => Math.Abs(pair.First - pair.Second)).ToList();
        Assert.True(apart.Average() < 4, apart.Average().ToString("F2"));
        Assert.True(apart.Max() < 32, apart.Max().ToString("F2"));
        // few colours are kept as they are, but for the last bits
        var few = SpriteCodec.Pack(ToyData.Pixels(0));
        Assert.True(few.Length < 3000, few.Length.ToString());
        Assert.All(ToyData.Pixels(0).Zip(SpriteCodec.Unpack(few, 0, few.Length)), pair => Assert.InRange(pair.First - pair.Second, -4, 4));
    }

    [Fact]
    public void APackIsReadAsItWasWritten()
    {
        using var folder = new TemporaryFolder();
        var pack = ToyData.Make(folder.Path("toy.data"));
        var maker = new SceneMaker(ToyData.Drawings, ["quickly", "very"], new HashSet<(string, string)>(), seed: 0);
        var words = new Words(pack.Tokens);
        for (var i = 0; i < pack.SceneCount; i++)
        {
            var (wanted, read) = (maker.At(i), pack.SceneAt(i));
            Assert.Equal(wanted.Things, read.Things);
            Assert.Equal(wanted.Ground, read.Ground);
            Assert.Equal(words.NumbersOf(wanted.Caption), pack.CaptionOf(i).ToArray().Select(number => (long)number));
        }
        Assert.Equal(ToyData.Drawings.Select(drawing => drawing.Concept), pack.Drawings.Select(drawing => drawing.Concept));
        Assert.Equal("disc", pack.Meanings["circle"]);
        Assert.Equal(["quickly", "very"], pack.Fillers);
        File.WriteAllBytes(folder.Path("toy.data"), [1, 2, 3]);
        Assert.ThrowsAny<EaselException>(() => Pack.Open(folder.Path("toy.data")));
    }

    [Fact]
    public void CaptionsSayWhatWasComposed()
    {
        var maker = new SceneMaker(ToyData.Drawings, ["quickly", "very"], new HashSet<(string, string)> { ("disc", "ring"), ("ring", "disc") }, seed: 3);
        var scenes = Enumerable.Range(0, 3000).Select(i => maker.At(i)).ToList();
        Assert.Equal(scenes[17].Caption, maker.At(17).Caption);
        Assert.True(scenes.Select(scene => scene.Caption).Distinct().Count() > 1500);
        foreach (var scene in scenes)
        {
            var things = scene.Things.Where(thing => !ToyData.Drawings[thing.Drawing].IsGround).ToList();
            var names = things.Select(thing => ToyData.Drawings[thing.Drawing].Concept).Distinct().ToList();
            Assert.All(names, name => Assert.Contains(name, scene.Caption));
            Assert.False(names.Contains("disc") && names.Contains("ring"), "a pair that is held out");
            foreach (var thing in things.Where(thing => thing.Recolour > 0))
                Assert.Contains(ToyData.Drawings[thing.Drawing].Recolours[thing.Recolour], scene.Caption);
            if (names is [_] && things.Count > 1)
                Assert.True(new[] { "two", "three", "four", "2", "3", "4", "pair" }.Any(scene.Caption.Contains), scene.Caption);
            if (things.Count == 2 && names.Count == 2)
            {
                var (first, second) = scene.Caption.IndexOf(names[0], StringComparison.Ordinal) < scene.Caption.IndexOf(names[1], StringComparison.Ordinal)
                    ? (things[0], things[1]) : (things[1], things[0]);
                var (x, y) = (first.Left + first.Size / 2 - second.Left - second.Size / 2, first.Top + first.Size / 2 - second.Top - second.Size / 2);
                if (scene.Caption.Contains("left of")) Assert.True(x < -60, scene.Caption);
                if (scene.Caption.Contains("right of")) Assert.True(x > 60, scene.Caption);
                if (scene.Caption.Contains(" above ") || scene.Caption.Contains(" on top of ")) Assert.True(y < -40, scene.Caption);
                if (scene.Caption.Contains(" below ") || scene.Caption.Contains(" under ")) Assert.True(y > 40, scene.Caption);
            }
        }
    }

    [Fact]
    public void APartOfASceneIsThatPartOfTheWhole()
    {
        using var folder = new TemporaryFolder();
        var pack = ToyData.Make(folder.Path("toy.data"));
        for (var i = 0; i < 8; i++)
        {
            var (whole, part) = (new float[3 * 256 * 256], new float[3 * 64 * 64]);
            pack.Renderer.Paint(pack.SceneAt(i), 0, 0, 256, whole);
            pack.Renderer.Paint(pack.SceneAt(i), 96, 72, 64, part);
            for (var c = 0; c < 3; c++)
                for (var y = 0; y < 64; y++)
                    Assert.True(part.AsSpan((c * 64 + y) * 64, 64).SequenceEqual(whole.AsSpan((c * 256 + y + 72) * 256 + 96, 64)));
        }
    }

    [Fact]
    public void TheFixedPromptsAreWhole()
    {
        Assert.Equal(200, FixedPrompts.First.Count);
        Assert.Equal(200, FixedPrompts.Pairs.Count);
        Assert.Equal(60, FixedPrompts.Counts.Count);
        Assert.Equal(200, FixedPrompts.First.Select(prompt => prompt.Prompt).Distinct().Count());
        Assert.Equal(200, FixedPrompts.Pairs.Select(pair => pair.Prompt).Distinct().Count());
        Assert.Equal(60, FixedPrompts.Counts.Select(count => count.Prompt).Distinct().Count());
        Assert.All(FixedPrompts.Pairs, pair => Assert.Contains(pair.Way, new[] { "left", "right", "above", "under", "on", "and" }));
        Assert.All(FixedPrompts.Pairs, pair => Assert.Contains(pair.One.Name, pair.Prompt));
        Assert.All(FixedPrompts.First.SelectMany(prompt => prompt.Shows).Where(name => name.StartsWith(Grounds.Mark, StringComparison.Ordinal)),
            name => Assert.Contains(Grounds.All, ground => Grounds.Mark + ground.Name == name));
    }

    [Fact]
    public void TheJudgeSeesWhatIsThereAndHowItStands()
    {
        using var folder = new TemporaryFolder();
        var pack = ToyData.Make(folder.Path("toy.data"));
        var picture = Judge.Picture(pack, new Scene((255, 255, 255), [new Laid(0, 12, 76, 104, false, 0), new Laid(1, 140, 76, 104, false, 0)], ""));
        var segments = new Segments(picture);
        Assert.Equal(2, segments.Parts.Count);
        Assert.Equal(["blue", "red"], segments.Parts.Select(segments.ColourOf).Order());
        Assert.Equal(["blue", "red"], segments.Places().Where(place => place.Right - place.Left < 32).Select(segments.ColourOf).Distinct().Order());
        Assert.Equal("red", Looks.MainColour(Judge.Picture(pack, new Scene((200, 220, 250), [new Laid(0, 30, 30, 190, false, 0)], ""))));

        var judge = new Judge(pack);
        Assert.Equal((true, true, true), judge.Pair(picture, new Asked("disc", "red"), "left", new Asked("square", "blue")));
        Assert.Equal((true, true, false), judge.Pair(picture, new Asked("disc", "red"), "right", new Asked("square", "blue")));
        Assert.True(judge.Counts(picture, 2, "disc"));
        Assert.False(judge.Counts(picture, 3, "disc"));
    }

    [Fact]
    public void EveryGroundIsDrawnTheSameEachTime()
    {
        foreach (var ground in Grounds.All)
        {
            Assert.Equal(Grounds.Svg(ground, 1), Grounds.Svg(ground, 1));
            Assert.NotEqual(Grounds.Svg(ground, 1), Grounds.Svg(ground, 2));
            _ = System.Xml.Linq.XDocument.Parse(Grounds.Svg(ground, 3)); // well formed
        }
    }
}
