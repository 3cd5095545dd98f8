using Easel.Imaging;
using Easel.Tests.Support;

namespace Easel.Tests.Imaging;

/// <summary>Guards that watermarks are written as the original writes them, read as it reads them, and found without false alarms.</summary>
public sealed class WatermarkTests
{
    public static TheoryData<string, string, string, string, string> Items()
    {
        var data = new TheoryData<string, string, string, string, string>();
        foreach (var item in Goldens.Json("watermark/watermark.json").GetProperty("items").EnumerateArray())
        {
            string Text(string name) => item.GetProperty(name).GetString()!;
            if (File.Exists(Goldens.Path($"watermark/{Text("input")}")))
                data.Add(Text("input"), Text("output"), Text("watermark"), Text("decoded_bits"), Text("decoded_bits_of_unmarked_input"));
        }
        return data;
    }

    [Fact]
    public void Goldens_are_there() => Assert.Equal(6, Items().Count);

    [Theory]
    [MemberData(nameof(Items))]
    public void Equals_the_original(string input, string output, string text, string decoded, string decodedUnmarked)
    {
        var (unmarked, marked) = (Golden(input), Golden(output));
        var mark = WatermarkMark.FromText(text);
        Pictures.Same(marked, Watermark.Write(unmarked, mark));
        Assert.Equal(decoded, Bits(Watermark.Read(marked, mark.Bits.Count)));
        Assert.Equal(decodedUnmarked, Bits(Watermark.Read(unmarked, mark.Bits.Count)));

        Assert.Equal(text, Watermark.Detect(marked)?.Mark.Name);
        Assert.Null(Watermark.Detect(unmarked));
        var match = Watermark.Examine(marked)[0];
        Assert.Equal(decoded.Zip(Bits(mark.Bits)).Count(p => p.First == p.Second) / (double)decoded.Length, match.BitsMatching, 1e-12);
    }

    [Fact]
    public void The_mark_of_XL_equals_the_original()
    {
        var marked = Golden("out_1_XL.png");
        Pictures.Same(marked, Watermark.Write(Golden("in_1.png"), WatermarkMark.StableDiffusionXl));
        Assert.Equal(WatermarkMark.StableDiffusionXl, Watermark.Detect(marked)?.Mark);
    }

    [Fact]
    public void A_mark_of_ones_own_can_be_looked_for()
    {
        var mark = WatermarkMark.FromText("Easel");
        var marked = Watermark.Write(Pictures.Gradient(512, 512), mark);
        Assert.True(Watermark.Examine(marked, mark)[0].Found);
        Assert.Null(Watermark.Detect(marked));
    }

    [Fact]
    public void Is_found_after_JPEG_and_read_soft_where_the_majority_fails()
    {
        var marked = Watermark.Write(Pictures.Gradient(512, 512), WatermarkMark.StableDiffusion1);
        var jpeg = ImageFile.Load(new MemoryStream(ImageFile.Encode(marked, ImageFormat.Jpeg, quality: 92)), "memory");
        Assert.Equal("StableDiffusionV1", Watermark.Detect(jpeg)?.Mark.Name);
    }

    /// <summary>At the qualities that are written by default: the mark is found, or the settings in the file say that it was lost.</summary>
    [Theory]
    [InlineData(ImageFormat.Jpeg, 95)]
    [InlineData(ImageFormat.Jpeg, 80)]
    [InlineData(ImageFormat.WebP, 95)]
    [InlineData(ImageFormat.WebP, 80)]
    public void A_file_that_lost_it_says_so(ImageFormat format, int quality)
    {
        var lost = 0;
        foreach (var name in (string[])["out_1_SDV2.png", "out_1_StableDiffusionV1.png", "out_3_SDV2.png"])
        {
            var file = new MemoryStream(ImageFile.Encode(Golden(name), format, new ImageMetadata("a cat\nSteps: 20, Sampler: Euler a, Seed: 1"), quality));
            var says = ImageFile.ReadMetadata(file, "memory").Parameters!.EndsWith("Seed: 1, Watermark: lost", StringComparison.Ordinal);
            file.Position = 0;
            Assert.Equal(says, Watermark.Detect(ImageFile.Load(file, "memory")) is null);
            lost += says ? 1 : 0;
        }
        if (format == ImageFormat.Jpeg && quality >= 90) Assert.Equal(0, lost);
        var unmarked = new MemoryStream(ImageFile.Encode(Golden("in_3.png"), format, new ImageMetadata("a cat\nSteps: 20, Seed: 1"), quality));
        Assert.EndsWith("Seed: 1", ImageFile.ReadMetadata(unmarked, "memory").Parameters);
    }

    [Fact]
    public void Unmarked_pictures_raise_no_alarm()
    {
        for (var seed = 0; seed < 24; seed++)
        {
            var image = seed % 3 == 0 ? Pictures.Noise(256, 256 + seed, seed) : Texture(256 + seed * 3, 256, seed);
            Assert.All(Watermark.Examine(image), match => Assert.InRange(match.Score, -4.5, 4.5));
        }
    }

    [Fact]
    public void Flat_pictures_raise_no_alarm()
    {
        foreach (var value in (byte[])[0, 37, 128, 255])
        {
            var image = new RgbImage(256, 256);
            image.Pixels.AsSpan().Fill(value);
            Assert.Null(Watermark.Detect(image));
        }
    }

    [Fact]
    public void Small_pictures_are_refused_or_carry_nothing()
    {
        var small = new RgbImage(255, 257);
        Assert.False(Watermark.CanCarry(small));
        Assert.False(Watermark.CanCarry(new RgbImage(7, 20000)));
        Assert.True(Watermark.CanCarry(new RgbImage(128, 512)));
        Assert.Null(Watermark.Detect(small));
        Assert.Throws<EaselException>(() => Watermark.Write(small, WatermarkMark.StableDiffusion2));
        Assert.Throws<EaselException>(() => Watermark.Read(small, 32));
        Assert.Throws<EaselException>(() => Watermark.Read(new RgbImage(256, 256), 0));
        Assert.Throws<EaselException>(() => WatermarkMark.FromText(""));
        Assert.Throws<EaselException>(() => WatermarkMark.FromBits("x", "012"));
    }

    [Fact]
    public void Writing_takes_one_result_and_no_garbage_per_block()
    {
        var image = Pictures.Gradient(512, 512);
        Watermark.Write(image, WatermarkMark.StableDiffusion1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Watermark.Write(image, WatermarkMark.StableDiffusion1);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 512 * 512 * 6 + 20_000);
    }

    private static RgbImage Golden(string name) => ImageFile.Load(Goldens.Path($"watermark/{name}"));

    private static string Bits(IEnumerable<bool> bits) => string.Concat(bits.Select(bit => bit ? '1' : '0'));

    /// <summary>Coloured waves of many lengths.</summary>
    private static RgbImage Texture(int width, int height, int seed)
    {
        var random = new Random(seed);
        var waves = Enumerable.Range(0, 8)
            .Select(_ => (X: random.NextDouble() - 0.5, Y: random.NextDouble() - 0.5, Phase: random.NextDouble() * 6, Channel: random.Next(3))).ToArray();
        var image = new RgbImage(width, height);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                Span<double> sum = [128, 120, 110];
                foreach (var wave in waves)
                    sum[wave.Channel] += 35 * Math.Sin(x * wave.X * wave.X + y * wave.Y * wave.Y + wave.Phase);
                for (var c = 0; c < 3; c++) image.Pixels[(y * width + x) * 3 + c] = (byte)Math.Clamp(sum[c], 0, 255);
            }
        }
        return image;
    }
}
