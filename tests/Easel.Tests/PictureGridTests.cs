using Easel.Imaging;

namespace Easel.Tests;

/// <summary>Guards plots and prompt matrices: which values an axis has, what is drawn at each place, and how the sheet lies.</summary>
public sealed class PictureGridTests
{
    private static readonly GenerationRequest Cat = new() { Prompt = "a red cat, a hat", NegativePrompt = "red dog", Seed = 7 };

    [Theory]
    [InlineData("steps", "10,20, 30", "Steps: 10|Steps: 20|Steps: 30")]
    [InlineData("Steps", "1-4", "Steps: 1|Steps: 2|Steps: 3|Steps: 4")]
    [InlineData("--steps", "10-20 (+5)", "Steps: 10|Steps: 15|Steps: 20")]
    [InlineData("number of steps", "20-10 (-5)", "Steps: 20|Steps: 15|Steps: 10")]
    [InlineData("steps", "1-10 [5]", "Steps: 1|Steps: 3|Steps: 5|Steps: 7|Steps: 10")]
    [InlineData("CFG Scale", "1-2 (+0.1), 7", "Guidance: 1|Guidance: 1.1|Guidance: 1.2|Guidance: 1.3|Guidance: 1.4|Guidance: 1.5|Guidance: 1.6|Guidance: 1.7"
        + "|Guidance: 1.8|Guidance: 1.9|Guidance: 2|Guidance: 7")]
    [InlineData("cfg_scale", "0-1 [3]", "Guidance: 0|Guidance: 0.5|Guidance: 1")]
    [InlineData("sampler", "euler_a, DPM++ 2M", "Euler a|DPM++ 2M")]
    [InlineData("tiling", "*", "Tiling: True|Tiling: False")]
    [InlineData("fast", "*", "Fast: exact|Fast: light|Fast: medium|Fast: strong")]
    [InlineData("Prompt S/R", "red, blue, \"green, dark\"", "red|blue|green, dark")]
    [InlineData("Model", "a/b.safetensors, c", "b.safetensors|c")]
    [InlineData("size", "64x128, 128 x 64", "64 x 128|128 x 64")]
    [InlineData("nothing", "", "")]
    public void AnAxisIsReadAsPeopleTypeIt(string name, string values, string labels) =>
        Assert.Equal(labels, string.Join('|', GridAxis.Parse(name, values).Labels));

    [Theory]
    [InlineData("colour", "red", "no axis \"colour\"")]
    [InlineData("steps", "", "no values")]
    [InlineData("steps", "ten", "\"ten\"")]
    [InlineData("steps", "0", "from 1 to 1000")]
    [InlineData("steps", "1-10 (-2)", "no values or more than")]
    [InlineData("steps", "1-10 [0]", "1 to 1000 values")]
    [InlineData("sampler", "eulr", "eulr")]
    [InlineData("size", "64", "512x768")]
    [InlineData("width", "65", "multiple of 8")]
    [InlineData("Prompt order", "a,b,c,d,e,f,g", "7 parts")]
    [InlineData("batch size", "1,2", "no axis")]
    public void WhatIsNoAxisIsRefused(string name, string values, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<InvalidRequestException>(() => GridAxis.Parse(name, values)).Message);

    [Fact]
    public void EveryNameOfAnAxisIsOne()
    {
        foreach (var name in GridAxis.Names)
        {
            var value = GridAxis.ChoicesOf(name)?[0] ?? (name == GridAxis.Size ? "64x64" : "1");
            if (name.StartsWith("Seed from", StringComparison.Ordinal)) continue; // a width without a height is refused, which is right
            if (Knobs.All.FirstOrDefault(knob => knob.Label == name) is { Range: var (least, _) }) value = Math.Ceiling(Math.Max(least, 0)).ToString("0");
            Assert.NotEmpty(GridAxis.Parse(name, value).Labels);
        }
    }

    [Fact]
    public void PlacesGoAlongTheColumnsFirst()
    {
        var grid = new PictureGrid(GridAxis.Parse("steps", "1,2"), GridAxis.Parse("guidance", "3,4"), GridAxis.Parse("Model", "a,b"));
        var cells = grid.Cells(new GridCell(Cat with { Seed = null }));
        Assert.Equal("1/3/a 2/3/a 1/4/a 2/4/a 1/3/b 2/3/b 1/4/b 2/4/b",
            string.Join(' ', cells.Select(cell => $"{cell.Request.Steps}/{cell.Request.GuidanceScale}/{cell.Model}")));
        Assert.NotNull(cells[0].Request.Seed);
        Assert.Single(cells.Select(cell => cell.Request.Seed).Distinct());
        Assert.Equal(8, grid.Sheet.Places);
        Assert.Equal("X/Y/Z plot|Steps|1,2|Guidance|3,4|Model|a,b", string.Join('|', grid.Told.Select(told => told.Value)));
    }

    [Fact]
    public void WordsAreReplacedAndReordered()
    {
        var replaced = new PictureGrid(GridAxis.Parse("Prompt S/R", "red,blue")).Cells(new GridCell(Cat));
        Assert.Equal(("a red cat, a hat", "a blue cat, a hat", "blue dog"),
            (replaced[0].Request.Prompt, replaced[1].Request.Prompt, replaced[1].Request.NegativePrompt));
        var ordered = new PictureGrid(GridAxis.Parse("Prompt order", "a hat, red cat")).Cells(new GridCell(Cat));
        Assert.Equal(["a a hat, red cat", "a red cat, a hat"], ordered.Select(cell => cell.Request.Prompt));
        Assert.Contains("\"green\"", Assert.Throws<InvalidRequestException>(() => new PictureGrid(GridAxis.Parse("Prompt S/R", "green,blue"))
            .Cells(new GridCell(Cat))).Message);
    }

    [Fact]
    public void RandomSeedsAreToldApart()
    {
        var axis = GridAxis.Parse("seed", "-1,-1,5");
        Assert.Equal("Seed: 5", axis.Labels[2]);
        Assert.NotEqual(axis.Labels[0], axis.Labels[1]);
        Assert.DoesNotContain("-1", axis.Labels[0], StringComparison.Ordinal);
    }

    [Fact]
    public void AMatrixHasEveryCombination()
    {
        var grid = PictureGrid.OfPromptMatrix("a house | at night | in [snow|rain], old", ownSeeds: true);
        var cells = grid.Cells(new GridCell(Cat));
        Assert.Equal(["a house", "a house, at night", "a house, in [snow|rain], old", "a house, at night, in [snow|rain], old"],
            cells.Select(cell => cell.Request.Prompt));
        Assert.Equal([7, 8, 9, 10], cells.Select(cell => cell.Request.Seed!.Value));
        Assert.Equal(["~~at night~~", "at night"], grid.Sheet.Columns);
        Assert.Equal(["~~in [snow|rain], old~~", "in [snow|rain], old"], grid.Sheet.Rows);
        var negative = PictureGrid.OfPromptMatrix("x|y", isNegative: true, atStart: true, joint: " ").Cells(new GridCell(Cat));
        Assert.Equal(("a red cat, a hat", "y x"), (negative[1].Request.Prompt, negative[1].Request.NegativePrompt));
        Assert.Contains("nothing to combine", Assert.Throws<InvalidRequestException>(() => PictureGrid.OfPromptMatrix("a house")).Message);
        Assert.Contains("9 parts", Assert.Throws<InvalidRequestException>(() => PictureGrid.OfPromptMatrix("a|1|2|3|4|5|6|7|8|9")).Message);
    }

    [Fact]
    public void ASheetHasItsPicturesInTheirPlacesAndWordsBesideThem()
    {
        var sheet = new GridSheet { Columns = ["Steps: 10", "Steps: 20"], Rows = ["Größe ąę Ωж", "~~off~~"], Margin = 6 };
        RgbImage[] pictures = [Plain(64, 48, 10), Plain(64, 48, 20), Plain(32, 24, 30), Plain(64, 48, 40)];
        var drawn = sheet.Draw(64, 48, place => place == 3 ? null : pictures[place]);
        var (width, height) = sheet.SizeOf(64, 48);
        Assert.Equal((width, height), (drawn.Width, drawn.Height));
        var (left, top) = (drawn.Width - 2 * 64 - 6, drawn.Height - 2 * 48 - 6);
        Assert.True(left > 40 && top > 10, $"No room for labels: {left}, {top}");
        Assert.Equal((10, 20, 255), (At(left, top), At(left + 70, top), At(left + 65, top))); // the margin is white
        Assert.Equal((255, 30, 255), (At(left, top + 54), At(left + 16, top + 54 + 12), At(left + 70, top + 54))); // a smaller one in the middle, an empty one
        Assert.True(Dark(left, 0, 64, top) && Dark(left + 70, 0, 64, top) && Dark(0, top, left, 48), "Labels are missing.");
        Assert.False(Dark(0, 0, left, top), "Something stands in the corner.");
        Assert.Empty(sheet.Remarks());
        Assert.Equal((64 * 2, 48 * 2), ((int)(sheet with { HasLegend = false, Margin = 0 }).SizeOf(64, 48).Width,
            (int)(sheet with { HasLegend = false, Margin = 0 }).SizeOf(64, 48).Height));

        int At(int x, int y) => drawn.Pixels[3 * (y * drawn.Width + x)];
        bool Dark(int x, int y, int wide, int high) => Enumerable.Range(y, high).Any(row => Enumerable.Range(x, wide).Any(column => At(column, row) < 100));
    }

    [Fact]
    public void LayersLieSideBySideUnderTheirNames()
    {
        var sheet = new GridSheet { Columns = ["a", "b"], Layers = ["one", "two", "three"] };
        var (one, all) = (sheet.Layer(0).SizeOf(32, 32), sheet.SizeOf(32, 32));
        Assert.Equal(one.Height, all.Height);
        Assert.InRange(all.Width, 3 * one.Width, 3 * one.Width + 20);
        var seen = new List<int>();
        sheet.Draw(32, 32, place =>
        {
            seen.Add(place);
            return null;
        });
        Assert.Equal(Enumerable.Range(0, 6), seen);
    }

    [Fact]
    public void ASheetThatIsTooLargeIsRefusedWithItsSizes()
    {
        var sheet = new GridSheet { Columns = [.. Enumerable.Range(0, 20).Select(i => $"{i}")], Rows = [.. Enumerable.Range(0, 30).Select(i => $"{i}")] };
        var message = Assert.Throws<InvalidRequestException>(() => sheet.Validate(512, 512)).Message;
        Assert.Contains("20 x 30 pictures of 512 x 512", message);
        Assert.Contains("67108864 pixels", message);
        Assert.Contains("is 600", Assert.Throws<InvalidRequestException>(() => (sheet with { Margin = 600 }).Validate(8, 8)).Message);
        sheet.Validate(64, 64);
    }

    [Fact]
    public void LettersWithoutAFontAreToldOfOrDrawnByTheSystem()
    {
        var sheet = new GridSheet { Columns = ["\U000F0001 x"] }; // for private use, which no font has
        Assert.Contains("lacks \U000F0001", Assert.Single(sheet.Remarks()));
        Assert.Empty((sheet with { HasLegend = false }).Remarks());
        sheet.Draw(64, 64, _ => null);
    }

    private static RgbImage Plain(int width, int height, byte value)
    {
        var image = new RgbImage(width, height);
        image.Pixels.AsSpan().Fill(value);
        return image;
    }
}
