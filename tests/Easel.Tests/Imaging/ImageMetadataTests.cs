using System.IO.Compression;
using System.Text;
using Easel.Imaging;
using Easel.Tests.Support;

namespace Easel.Tests.Imaging;

/// <summary>Guards that the text in pictures is found whoever wrote it, written so that others find it, and never trusted.</summary>
public sealed class ImageMetadataTests
{
    private static readonly string Latin = Goldens.Json("imaging/texts.json").GetProperty("latin").GetString()!;
    private static readonly string Wide = Goldens.Json("imaging/texts.json").GetProperty("unicode").GetString()!;

    [Fact]
    public void Reads_what_Pillow_and_piexif_wrote()
    {
        var plain = ImageFile.ReadMetadata(Golden("text-latin.png"));
        Assert.Equal(Latin, plain.Parameters);
        Assert.Equal([KeyValuePair.Create("Software", "somebody")], plain.Others);
        Assert.Equal(Wide, ImageFile.ReadMetadata(Golden("text-unicode.png")).Parameters);
        Assert.Equal(Wide, ImageFile.ReadMetadata(Golden("comment.jpg")).Parameters);
        Assert.Equal(Wide, ImageFile.ReadMetadata(Golden("comment.webp")).Parameters);

        var packed = ImageFile.ReadMetadata(Golden("text-packed.png"));
        Assert.Null(packed.Parameters);
        Assert.Equal(("{\"1\": {}}", Wide), (packed["prompt"], packed["workflow"]));
        Assert.Equal(ImageMetadata.None, ImageFile.ReadMetadata(Golden("picture.bmp")));
        Assert.Equal(ImageMetadata.None with { Others = packed.Others }, packed);
    }

    [Fact]
    public void Writes_the_chunks_that_Pillow_writes()
    {
        var bare = ImageFile.Encode(Pictures.Noise(8, 8), ImageFormat.Png);
        byte[] expected = [.. Encoding.Latin1.GetBytes("parameters"), 0, .. Encoding.Latin1.GetBytes(Latin)];
        Assert.Equal(ImageFileTests.WithChunk(bare, "tEXt", expected), PngFile.WithText(bare, new ImageMetadata(Latin)));
        expected = [.. Encoding.Latin1.GetBytes("parameters"), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(Wide)];
        Assert.Equal(ImageFileTests.WithChunk(bare, "iTXt", expected), PngFile.WithText(bare, new ImageMetadata(Wide)));
    }

    [Theory]
    [InlineData(ImageFormat.Png)]
    [InlineData(ImageFormat.Jpeg)]
    [InlineData(ImageFormat.WebP)]
    public void Every_text_comes_back_and_the_pixels_stay(ImageFormat format)
    {
        var image = Pictures.Gradient(33, 21);
        var plain = Load(ImageFile.Encode(image, format, lossless: true));
        string[] texts = ["x", Latin, Wide, "ÿ\u0080", "a\nb\r\nc\t\"\\", new string('雪', 9000), "ein Satz auf Deutsch, äöü", "日本語だけ"];
        foreach (var text in texts)
        {
            var metadata = new ImageMetadata(text) { Others = [new("Software", "Easel"), new("Artist", "nö")] };
            var file = ImageFile.Encode(image, format, metadata, lossless: true);
            var read = Read(file);
            Assert.Equal(text, read.Parameters);
            Assert.Equal(metadata.Others, read.Others);
            Pictures.Same(plain, Load(file));
        }
        var others = new ImageMetadata((string?)null) { Others = [new("Software", "E")] };
        Assert.Equal(("E", null), (Read(ImageFile.Encode(image, format, others))["Software"], Read(ImageFile.Encode(image, format, others)).Parameters));
        Assert.Equal(ImageFile.Encode(image, format), ImageFile.Encode(image, format, ImageMetadata.None));
    }

    [Fact]
    public void A_PNG_keeps_any_key_and_of_equal_keys_the_last_counts()
    {
        var metadata = new ImageMetadata("p")
        {
            Others = [new("workflow", "{}"), new("sd-metadata", Wide), new("Dream", "\"x\" -s 5"), new("empty", ""), new("workflow", "{2}")],
        };
        var read = Read(ImageFile.Encode(Pictures.Noise(4, 4), ImageFormat.Png, metadata));
        Assert.Equal([new("workflow", "{2}"), new("sd-metadata", Wide), new("Dream", "\"x\" -s 5"), new("empty", "")], read.Others);
    }

    [Fact]
    public void Comments_in_other_codes_are_read()
    {
        foreach (var (code, bytes, expected) in ((byte[], byte[], string)[])[
            ([.. "UNICODE\0"u8], Encoding.Unicode.GetBytes(Latin), Latin),
            ([.. "UNICODE\0"u8], [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Wide)], Wide),
            ([.. "UNICODE\0"u8], [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes(Wide)], Wide),
            ([.. "UNICODE\0"u8], Encoding.UTF8.GetBytes("a cat\nSteps: 2, grün"), "a cat\nSteps: 2, grün"),
            ([.. "UNICODE\0"u8], Encoding.Unicode.GetBytes("日本語の長い文章です"), "日本語の長い文章です"),
            ([.. "UNICODE\0"u8], Encoding.BigEndianUnicode.GetBytes("漢字"), "漢字"),
            ([.. "ASCII\0\0\0"u8], Encoding.ASCII.GetBytes("a cat\0"), "a cat"),
            ([0, 0, 0, 0, 0, 0, 0, 0], Encoding.UTF8.GetBytes(Wide), Wide),
            ([0, 0, 0, 0, 0, 0, 0, 0], Encoding.Latin1.GetBytes("grün"), "grün"),
            ([], Encoding.UTF8.GetBytes(Wide), Wide)])
        {
            // A block with a placeholder of the same length, into which the comment is laid.
            byte[] comment = [.. code, .. bytes];
            var block = Exif.Build(new ImageMetadata(new string('x', comment.Length / 2)));
            var at = block.AsSpan().IndexOf("UNICODE\0"u8);
            var filled = block[..at].Concat(comment).ToArray();
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(filled.AsSpan(at - 12), comment.Length);
            Assert.Equal(expected, Exif.Parse(filled).UserComment);
        }
    }

    [Fact]
    public void The_comment_segment_of_a_JPEG_is_read()
    {
        var jpeg = ImageFile.Encode(Pictures.Gradient(8, 8), ImageFormat.Jpeg);
        byte[] text = Encoding.UTF8.GetBytes(Wide);
        byte[] commented = [.. jpeg[..2], 0xFF, 0xFE, 0, (byte)(text.Length + 2), .. text, .. jpeg[2..]];
        Assert.Equal((Wide, Wide), (Read(commented).Parameters, Read(commented)["comment"]));
    }

    /// <summary>Wherever a program may have put it: in EXIF of any directory and type, in XMP, in a comment.</summary>
    [Fact]
    public void The_text_is_found_in_every_place_of_every_format()
    {
        var image = Pictures.Gradient(8, 8);
        var (png, webp) = (ImageFile.Encode(image, ImageFormat.Png), ImageFile.Encode(image, ImageFormat.WebP, new ImageMetadata("p")));
        var exif = Read(ImageFileTests.WithChunk(png, "eXIf", Exif.Build(new ImageMetadata(Wide) { Others = [new("Software", "E")] })));
        Assert.Equal((Wide, "E"), (exif.Parameters, exif["Software"]));

        // The user comment in the first directory, as bytes.
        byte[] comment = [.. "UNICODE\0"u8, .. Encoding.BigEndianUnicode.GetBytes(Latin)];
        var (high, low) = ((byte)(comment.Length >> 8), (byte)comment.Length);
        byte[] block = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x92, 0x86, 0, 1, 0, 0, high, low, 0, 0, 0, 26, 0, 0, 0, 0, .. comment];
        Assert.Equal(Latin, Read(JpegFile.WithExif(ImageFile.Encode(image, ImageFormat.Jpeg), block)).Parameters);

        byte[] xmp = Encoding.UTF8.GetBytes($"<x:xmpmeta><exif:UserComment>{Wide}</exif:UserComment></x:xmpmeta>");
        byte[] mark = [.. "http://ns.adobe.com/xap/1.0/\0"u8];
        var jpeg = ImageFile.Encode(image, ImageFormat.Jpeg);
        byte[] segment = [0xFF, 0xE1, 0, (byte)(mark.Length + xmp.Length + 2), .. mark, .. xmp];
        Assert.Contains(Wide, Read([.. jpeg[..2], .. segment, .. jpeg[2..]])["XML:com.adobe.xmp"]);
        Assert.Contains(Wide, Read([.. webp, .. "XMP "u8, (byte)xmp.Length, 0, 0, 0, .. xmp, .. new byte[xmp.Length % 2]])["XML:com.adobe.xmp"]);

        var gif = File.ReadAllBytes(Golden("two-frames.gif"));
        byte[] words = Encoding.UTF8.GetBytes(Wide);
        Assert.Equal(Wide, Read([.. gif[..^1], 0x21, 0xFE, 3, .. words[..3], (byte)(words.Length - 3), .. words[3..], 0, 0x3B]).Parameters);
    }

    /// <summary>An AVIF file by hand: its boxes and nothing to show. Its text is read, its pixels are refused in a sentence.</summary>
    [Fact]
    public void The_EXIF_of_an_AVIF_is_read()
    {
        static byte[] Box(string type, params byte[][] parts)
        {
            var body = parts.SelectMany(part => part).ToArray();
            return [0, 0, (byte)((body.Length + 8) >> 8), (byte)(body.Length + 8), .. Encoding.ASCII.GetBytes(type), .. body];
        }
        byte[] item = [0, 0, 0, 0, .. Exif.Build(new ImageMetadata(Wide))];
        byte[] four = [0, 0, 0, 0];
        var info = Box("iinf", [0, 0, 0, 0, 0, 2], Box("infe", [2, 0, 0, 0, 0, 1, 0, 0], "av01"u8.ToArray(), [0]),
            Box("infe", [2, 0, 0, 0, 0, 2, 0, 0], "Exif"u8.ToArray(), [0]));
        byte[] File(int at) =>
        [
            .. Box("ftyp", "avif"u8.ToArray(), four, "mif1"u8.ToArray()),
            .. Box("meta", four, Box("hdlr", new byte[25]), info, Box("iloc", [0, 0, 0, 0, 0x44, 0, 0, 2, 0, 1, 0, 0, 0, 1], four, four,
                [0, 2, 0, 0, 0, 1, 0, 0, (byte)(at >> 8), (byte)at, 0, 0, (byte)(item.Length >> 8), (byte)item.Length])),
            .. item,
        ];
        var file = File(File(0).Length - item.Length);
        Assert.Equal(Wide, Read(file).Parameters);
        Assert.Contains("only the text", Assert.Throws<EaselException>(() => Load(file)).Message);
        foreach (var length in Enumerable.Range(12, file.Length - 12)) _ = Read(file[..length]);
    }

    /// <summary>As NovelAI writes it: in the lowest bits of the opacity, column by column.</summary>
    [Fact]
    public void Text_hidden_in_the_opacity_is_found()
    {
        const int side = 64;
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(Encoding.UTF8.GetBytes(Wide));
        var (bits, length) = (packed.ToArray(), (int)packed.Length * 8);
        byte[] hidden = [.. "stealth_pngcomp"u8, 0, 0, (byte)(length >> 8), (byte)length, .. bits];
        using var picture = new SkiaSharp.SKBitmap(side, side, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul);
        for (var i = 0; i < side * side; i++)
        {
            var bit = i / 8 < hidden.Length ? hidden[i / 8] >> 7 - i % 8 & 1 : 0;
            picture.SetPixel(i / side, i % side, new SkiaSharp.SKColor(10, 20, 30, (byte)(254 | bit)));
        }
        using var data = picture.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        Assert.Equal(Wide, Read(data.ToArray()).Parameters);
    }

    [Fact]
    public void A_file_of_nothing_but_texts_is_refused()
    {
        var parts = Enumerable.Repeat(ImageFileTests.WithChunk(new byte[33], "tEXt", [(byte)'k', 0]).AsMemory(33), 1001);
        var png = ImageFile.Encode(Pictures.Noise(4, 4), ImageFormat.Png);
        byte[] many = [.. png[..33], .. parts.SelectMany(part => part.ToArray()), .. png[33..]];
        Assert.Contains("more than 1000 texts", Assert.Throws<EaselException>(() => Read(many)).Message);
    }

    [Fact]
    public void Damage_and_bombs_are_said()
    {
        var file = File.ReadAllBytes(Golden("text-latin.png"));
        var damaged = (byte[])file.Clone();
        damaged[60] ^= 1;
        Assert.Contains("checksum", Assert.Throws<EaselException>(() => Read(damaged)).Message);
        Assert.Contains("cut short", Assert.Throws<EaselException>(() => Read(file[..200])).Message);

        using var bomb = new MemoryStream();
        using (var zlib = new ZLibStream(bomb, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(new byte[17 << 20]);
        string Refusal(byte[] packed) =>
            Assert.Throws<EaselException>(() => Read(ImageFileTests.WithChunk(file, "zTXt", [(byte)'k', 0, 0, .. packed]))).Message;
        Assert.Contains("16 MB", Refusal(bomb.ToArray()));
        Assert.Contains("unpacked", Refusal([1, 2, 3]));
        Assert.Equal(Latin, Read(ImageFileTests.WithChunk(file, "iTXt", [1, 2, 3])).Parameters);

        var image = Pictures.Noise(4, 4);
        var large = new ImageMetadata(new string('x', 40_000));
        Assert.Contains("PNG or WebP", Assert.Throws<EaselException>(() => ImageFile.Encode(image, ImageFormat.Jpeg, large)).Message);
        Assert.Throws<EaselException>(() => ImageFile.Encode(image, ImageFormat.Png, new ImageMetadata("p") { Others = [new("", "x")] }));
        Assert.Throws<EaselException>(() => ImageFile.Encode(image, ImageFormat.Png, new ImageMetadata("p") { Others = [new("雪", "x")] }));
    }

    /// <summary>Thousands of damaged files, PNG chunks with their checksums made right again so that the damage is reached.</summary>
    [Theory]
    [InlineData("text-latin.png")]
    [InlineData("text-unicode.png")]
    [InlineData("text-packed.png")]
    [InlineData("comment.jpg")]
    [InlineData("comment.webp")]
    public void No_damage_brings_out_anything_but_a_sentence(string name)
    {
        var file = File.ReadAllBytes(Golden(name));
        var random = new Random(11);
        for (var i = 0; i < 2000; i++)
        {
            var damaged = (byte[])file.Clone();
            for (var n = random.Next(1, 6); n > 0; n--) damaged[random.Next(8, damaged.Length)] = (byte)(random.Next(3) == 0 ? 0xFF : random.Next(256));
            if (random.Next(5) == 0) damaged = damaged[..random.Next(damaged.Length)];
            if (name.EndsWith("png")) MendChecksums(damaged);
            try
            {
                _ = Read(damaged).Others.Count;
            }
            catch (EaselException)
            {
                // A sentence is what is asked for.
            }
        }
    }

    private static void MendChecksums(byte[] png)
    {
        for (var at = 8; at + 12 <= png.Length;)
        {
            var length = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at));
            if (length > png.Length - at - 12) return;
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(at + 8 + (int)length),
                System.IO.Hashing.Crc32.HashToUInt32(png.AsSpan(at + 4, (int)length + 4)));
            at += 12 + (int)length;
        }
    }

    private static string Golden(string name) => Goldens.Path($"imaging/{name}");

    private static ImageMetadata Read(byte[] file) => ImageFile.ReadMetadata(new MemoryStream(file), "memory");

    private static RgbImage Load(byte[] file) => ImageFile.Load(new MemoryStream(file), "memory");
}
