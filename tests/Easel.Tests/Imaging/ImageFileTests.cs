using System.Buffers.Binary;
using Easel.Imaging;
using Easel.Tests.Support;

namespace Easel.Tests.Imaging;

/// <summary>Guards reading and writing of picture files: every format and orientation, and a sentence for whatever cannot be read or written.</summary>
public sealed class ImageFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("easel-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("palette-transparent.png")]
    [InlineData("gray1.png")]
    [InlineData("gray-alpha.png")]
    [InlineData("rgba.png")]
    [InlineData("two-frames.gif")]
    [InlineData("picture.bmp")]
    [InlineData("lossless.webp")]
    public void Reads_what_Pillow_reads_laid_on_white(string name)
    {
        var (expected, actual) = (Pictures.Pillow().Rgb($"file.{name}"), ImageFile.Load(Golden(name)));
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.All(expected.Pixels.Zip(actual.Pixels), p => Assert.InRange(p.First - p.Second, -1, 1));
        if (name is "gray1.png" or "two-frames.gif" or "picture.bmp") Pictures.Same(expected, actual);
    }

    [Fact]
    public void Opacity_comes_apart_from_the_colours()
    {
        var (image, alpha) = ImageFile.LoadWithAlpha(Golden("rgba.png"));
        Pictures.Same(Pictures.Pillow().Rgb("source").Crop(new ImageRegion(0, 0, 13, 9)), image);
        Assert.Equal(Enumerable.Range(0, 117).Select(i => (byte)(i * 2)), alpha!.Pixels);
        Assert.Null(ImageFile.LoadWithAlpha(Golden("picture.bmp")).Alpha);
    }

    [Fact]
    public void A_mask_is_brightness_or_opacity()
    {
        Assert.Equal(Enumerable.Range(0, 117).Select(i => (byte)(i * 2)), ImageFile.LoadMask(Golden("rgba.png")).Pixels);
        Assert.Equal(ImageFile.Load(Golden("picture.bmp")).ToGray().Pixels, ImageFile.LoadMask(Golden("picture.bmp")).Pixels);
    }

    [Theory]
    [InlineData("gray16.png")]
    [InlineData("gray16-interlaced.png")]
    [InlineData("gray16-alpha.png")]
    public void Depth_maps_keep_16_bits(string name)
    {
        var expected = Pictures.Pillow()["depth"].data<long>().ToArray().Select(v => (ushort)v);
        Assert.Equal(expected, ImageFile.LoadGray16(Golden(name)).Values);
        Assert.Equal(expected.Select(v => (byte)(v >> 8)), ImageFile.LoadWithAlpha(Golden(name)).Image.ToGray().Pixels);
    }

    [Fact]
    public void Other_pictures_become_depth_by_brightness() =>
        Assert.Equal(ImageFile.Load(Golden("picture.bmp")).ToGray().Pixels.Select(v => (ushort)(v * 257)), ImageFile.LoadGray16(Golden("picture.bmp")).Values);

    [Theory]
    [InlineData(ImageFormat.Png, true)]
    [InlineData(ImageFormat.Png, false)]
    [InlineData(ImageFormat.Jpeg, true)]
    [InlineData(ImageFormat.Jpeg, false)]
    [InlineData(ImageFormat.WebP, true)]
    [InlineData(ImageFormat.WebP, false)]
    public void All_eight_orientations_are_turned_upright(ImageFormat format, bool little)
    {
        var goldens = Pictures.Pillow();
        var plain = ImageFile.Encode(goldens.Rgb("upright.1"), format, lossless: true);
        var stored = Load(plain);
        for (var orientation = 1; orientation <= 8; orientation++)
        {
            var exif = Orientation(orientation, little);
            var file = format switch
            {
                ImageFormat.Png => WithChunk(plain, "eXIf", exif),
                ImageFormat.Jpeg => JpegFile.WithExif(plain, exif),
                _ => WebPFile.WithExif(plain, exif, 3, 2),
            };
            var upright = Load(file);
            if (format != ImageFormat.Jpeg) Pictures.Same(goldens.Rgb($"upright.{orientation}"), upright);
            // JPEG changes the colours; what it turned must be what it stored.
            var places = Enumerable.Range(0, 6).Select(i => (byte)i).SelectMany(i => new[] { i, i, i }).ToArray();
            var order = ImageDecoder.Upright(places, 3, 2, 3, orientation);
            for (var i = 0; i < 6; i++) Assert.Equal(stored.Pixels.AsSpan(order[i * 3] * 3, 3), upright.Pixels.AsSpan(i * 3, 3));
        }
        Pictures.Same(stored, Load(JpegOrSame(format, plain, Orientation(9, little))));
    }

    [Fact]
    public void Depth_maps_are_turned_upright()
    {
        var file = WithChunk(File.ReadAllBytes(Golden("gray16.png")), "eXIf", Orientation(6, little: true));
        var depth = ImageFile.LoadGray16(new MemoryStream(file), "memory");
        Assert.Equal((9, 13), (depth.Width, depth.Height));
        Assert.Equal(ImageFile.LoadGray16(Golden("gray16.png")).Values[8 * 13], depth.Values[0]);
    }

    [Fact]
    public void Exact_formats_round_trip_exactly_and_lossy_ones_nearly()
    {
        var (noise, soft) = (Pictures.Noise(67, 33), Pictures.Gradient(200, 120));
        Pictures.Same(noise, Load(ImageFile.Encode(noise, ImageFormat.Png)));
        Pictures.Same(noise, Load(ImageFile.Encode(noise, ImageFormat.WebP, lossless: true)));
        Pictures.Near(soft, Load(ImageFile.Encode(soft, ImageFormat.Jpeg)), 1.5);
        Pictures.Near(soft, Load(ImageFile.Encode(soft, ImageFormat.WebP)), 3);
        Assert.True(ImageFile.Encode(soft, ImageFormat.Jpeg, quality: 30).Length < ImageFile.Encode(soft, ImageFormat.Jpeg, quality: 95).Length);
        Assert.True(ImageFile.Encode(soft, ImageFormat.WebP, quality: 30).Length < ImageFile.Encode(soft, ImageFormat.WebP, quality: 95).Length);
    }

    [Fact]
    public void Files_are_saved_by_their_extension_and_read_by_their_content()
    {
        var image = Pictures.Gradient(64, 48);
        foreach (var name in (string[])["a.png", "b.JPG", "c.jpeg", "d.webp"])
        {
            var path = Path.Combine(folder, name);
            ImageFile.Save(path, image);
            File.Move(path, path + ".xyz");
            Pictures.Near(image, ImageFile.Load(path + ".xyz"), 3);
        }
        Assert.Equal(4, Directory.GetFiles(folder).Length);
        var refused = Assert.Throws<EaselException>(() => ImageFile.Save(Path.Combine(folder, "a.tiff"), image));
        Assert.Contains(".png, .jpg, .jpeg, .webp", refused.Message);
    }

    [Fact]
    public void TrySave_never_overwrites_and_Save_does()
    {
        var path = Path.Combine(folder, "a.png");
        Assert.True(ImageFile.TrySave(path, Pictures.Noise(4, 4, 1)));
        Assert.False(ImageFile.TrySave(path, Pictures.Noise(4, 4, 2)));
        Pictures.Same(Pictures.Noise(4, 4, 1), ImageFile.Load(path));
        ImageFile.Save(path, Pictures.Noise(4, 4, 2));
        Pictures.Same(Pictures.Noise(4, 4, 2), ImageFile.Load(path));
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void Of_many_that_save_under_one_name_exactly_one_succeeds()
    {
        var path = Path.Combine(folder, "a.png");
        var wins = 0;
        Parallel.For(0, 16, i =>
        {
            if (ImageFile.TrySave(path, Pictures.Noise(8, 8, i))) Interlocked.Increment(ref wins);
        });
        Assert.Equal(1, wins);
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void What_cannot_be_written_is_said_and_leaves_nothing_behind()
    {
        var image = Pictures.Noise(4, 4);
        Directory.CreateDirectory(Path.Combine(folder, "taken.png", "inner"));
        Assert.Contains("taken.png", Assert.Throws<EaselException>(() => ImageFile.Save(Path.Combine(folder, "taken.png"), image)).Message);
        Assert.Contains("missing", Assert.Throws<EaselException>(() => ImageFile.Save(Path.Combine(folder, "missing", "a.png"), image)).Message);
        Assert.Throws<EaselException>(() => ImageFile.Save(Path.Combine(folder, new string('x', 300) + ".png"), image));
        Assert.Empty(Directory.GetFiles(folder));
        Assert.Throws<InvalidRequestException>(() => ImageFile.Encode(image, ImageFormat.Jpeg, quality: 0));
        Assert.Throws<EaselException>(() => ImageFile.Encode(image, (ImageFormat)9));
        Assert.Throws<EaselException>(() => ImageFile.Encode(new RgbImage(16384, 1), ImageFormat.WebP));
    }

    [Fact]
    public void What_is_no_picture_is_said()
    {
        Assert.Contains("no picture", Assert.Throws<EaselException>(() => ImageFile.Load(Path.Combine(folder, "none.png"))).Message);
        Assert.Contains("folder", Assert.Throws<EaselException>(() => ImageFile.Load(folder)).Message);
        Assert.Contains("empty", Assert.Throws<EaselException>(() => Load([])).Message);
        Assert.Contains("not a picture", Assert.Throws<EaselException>(() => Load("hello, world"u8.ToArray())).Message);
        Assert.Contains("not a picture", Assert.Throws<EaselException>(() => ImageFile.ReadMetadata(new MemoryStream([1, 2, 3]), "x")).Message);
    }

    [Theory]
    [InlineData("text-latin.png", 300)]
    [InlineData("comment.jpg", 850)]
    [InlineData("comment.webp", 100)]
    [InlineData("two-frames.gif", 500)]
    [InlineData("picture.bmp", 400)]
    [InlineData("gray16.png", 250)]
    public void Truncated_files_are_refused_at_every_length(string name, int until)
    {
        var file = File.ReadAllBytes(Golden(name));
        for (var length = 0; length < until; length += 7)
        {
            var message = Assert.Throws<EaselException>(() => ImageFile.Load(new MemoryStream(file[..length]), "the file")).Message;
            if (length > 0) Assert.Contains("the file", message);
            Assert.Throws<EaselException>(() => ImageFile.LoadGray16(new MemoryStream(file[..length]), "the file"));
        }
    }

    [Fact]
    public void Pixel_bombs_are_refused_before_they_are_decoded()
    {
        foreach (var (width, height) in ((int, int)[])[(100_000, 100_000), (16385, 1), (1, 16385), (int.MaxValue, int.MaxValue)])
        {
            var header = new byte[13];
            BinaryPrimitives.WriteInt32BigEndian(header, width);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
            foreach (var (depth, colour) in ((byte, byte)[])[(8, 2), (16, 0)])
            {
                (header[8], header[9]) = (depth, colour);
                var png = PngWithHeader(header);
                var before = GC.GetAllocatedBytesForCurrentThread();
                Assert.Throws<EaselException>(() => Load(png));
                Assert.Throws<EaselException>(() => ImageFile.LoadGray16(new MemoryStream(png), "bomb"));
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
            }
        }

        // The size in a JPEG's frame header, and in a GIF's and a BMP's.
        var jpeg = ImageFile.Encode(Pictures.Gradient(16, 16), ImageFormat.Jpeg);
        var frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        jpeg.AsSpan(frame + 5, 4).Fill(0xFF);
        Assert.Throws<EaselException>(() => Load(jpeg));
        var gif = File.ReadAllBytes(Golden("two-frames.gif"));
        gif.AsSpan(6, 4).Fill(0xFF);
        Assert.Throws<EaselException>(() => Load(gif));
        var bmp = File.ReadAllBytes(Golden("picture.bmp"));
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), 1 << 30);
        Assert.Throws<EaselException>(() => Load(bmp));
    }

    [Fact]
    public void Damaged_pixels_are_refused_or_read_but_nothing_else_happens()
    {
        var random = new Random(3);
        string[] names = ["text-latin.png", "comment.jpg", "comment.webp", "two-frames.gif", "picture.bmp", "gray16.png", "palette-transparent.png"];
        foreach (var name in names)
        {
            var file = File.ReadAllBytes(Golden(name));
            for (var i = 0; i < 150; i++)
            {
                var damaged = (byte[])file.Clone();
                for (var n = random.Next(1, 4); n > 0; n--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
                try
                {
                    Load(damaged);
                    ImageFile.LoadGray16(new MemoryStream(damaged), "damaged");
                }
                catch (EaselException)
                {
                    // A sentence is what is asked for.
                }
            }
        }
    }

    private static string Golden(string name) => Goldens.Path($"imaging/{name}");

    private static RgbImage Load(byte[] file) => ImageFile.Load(new MemoryStream(file), "memory");

    private static byte[] JpegOrSame(ImageFormat format, byte[] file, byte[] exif) => format == ImageFormat.Jpeg ? JpegFile.WithExif(file, exif) : file;

    /// <summary>The smallest EXIF block: one directory with one entry.</summary>
    private static byte[] Orientation(int value, bool little) => little
        ? [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (byte)value, 0, 0, 0, 0, 0, 0, 0]
        : [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)value, 0, 0, 0, 0, 0, 0];

    internal static byte[] Chunk(string type, byte[] data)
    {
        var chunk = new byte[data.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        for (var i = 0; i < 4; i++) chunk[4 + i] = (byte)type[i];
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), System.IO.Hashing.Crc32.HashToUInt32(chunk.AsSpan(4, data.Length + 4)));
        return chunk;
    }

    internal static byte[] WithChunk(byte[] png, string type, byte[] data) => [.. png[..33], .. Chunk(type, data), .. png[33..]];

    private static byte[] PngWithHeader(byte[] header) =>
        [.. PngFile.Signature, .. Chunk("IHDR", header), .. Chunk("IDAT", [0x78, 0x9C, 3, 0, 0, 0, 0, 1]), .. Chunk("IEND", [])];

    [Fact]
    public void SizeIsToldByTheHeaderAndRefusedByIt()
    {
        var file = ImageFile.Encode(new RgbImage(30, 20), ImageFormat.Png);
        Assert.Equal((30, 20), ImageFile.SizeOf(new MemoryStream(file), "a picture"));
        // A header that claims 16384 x 16384 over the pixels of 30 x 20: within the sides that are read, beyond the pixels.
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), 16384);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), 16384);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), System.IO.Hashing.Crc32.HashToUInt32(file.AsSpan(12, 17)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var read in (Action<Stream>[])[stream => ImageFile.Load(stream, "x"), stream => ImageFile.LoadMask(stream, "x"),
            stream => ImageFile.LoadWithAlpha(stream, "x"), stream => ImageFile.LoadGray16(stream, "x"), stream => ImageFile.SizeOf(stream, "x")])
            Assert.Contains("268435456 in all", Assert.Throws<EaselException>(() => read(new MemoryStream(file))).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }
}
