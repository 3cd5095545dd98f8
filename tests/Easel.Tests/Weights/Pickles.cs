using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Easel.Tests.Weights;

/// <summary>Writes pickles opcode by opcode, and the containers that PyTorch puts them in.</summary>
internal sealed class Pickles
{
    private readonly List<byte> _bytes = [0x80, 2];

    public static byte[] Of(Action<Pickles> write)
    {
        var pickle = new Pickles();
        write(pickle);
        pickle._bytes.Add((byte)'.');
        return [.. pickle._bytes];
    }

    /// <summary>A checkpoint in the zip form with storage 0 of eight bytes.</summary>
    public static byte[] Zip(Action<Pickles> write, params (string Name, byte[] Content)[] more)
    {
        var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            (string Name, byte[] Content)[] entries = [("a/data.pkl", Of(write)), ("a/data/0", [1, 2, 3, 4, 5, 6, 7, 8]), .. more];
            foreach (var (name, content) in entries)
            {
                using var stream = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                stream.Write(content);
            }
        }
        return zip.ToArray();
    }

    /// <summary>The form from before PyTorch 1.6, with storage 0 of eight bytes.</summary>
    public static byte[] Legacy(Action<Pickles> write, bool littleEndian = true)
    {
        var count = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(count, 8);
        return
        [
            .. Of(p => p.Raw(0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19)), .. Of(p => p.Raw((byte)'M', 0xE9, 3)),
            .. Of(p => p.Dict(("little_endian", () => p.Raw(littleEndian ? (byte)0x88 : (byte)0x89)))),
            .. Of(write), .. Of(p => p.Code("](").Text("0").Code("e")),
            .. count, 1, 2, 3, 4, 5, 6, 7, 8,
        ];
    }

    public Pickles Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public Pickles Code(string opcodes) => Raw(Encoding.Latin1.GetBytes(opcodes));

    public Pickles Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Raw([(byte)'X', .. BitConverter.GetBytes(bytes.Length), .. bytes]);
    }

    public Pickles Int(int number) => Raw([(byte)'J', .. BitConverter.GetBytes(number)]);

    public Pickles Name(string module, string name) => Code($"c{module}\n{name}\n");

    public Pickles Dict(params (string Key, Action Value)[] entries)
    {
        Code("}(");
        foreach (var (key, value) in entries)
        {
            Text(key);
            value();
        }
        return Code("u");
    }

    /// <summary>A tensor over storage 0.</summary>
    public Pickles Tensor(string storage = "ByteStorage", int count = 8, int offset = 0, int[]? shape = null, int[]? strides = null)
    {
        Name("torch._utils", "_rebuild_tensor_v2").Code("((").Text("storage").Name("torch", storage).Text("0").Text("cpu").Int(count).Code("tQ").Int(offset);
        Tuple(shape ?? [count]);
        return Tuple(strides ?? [1]).Raw(0x89).Name("collections", "OrderedDict").Code(")RtR");
    }

    private Pickles Tuple(int[] numbers)
    {
        Code("(");
        foreach (var number in numbers) Int(number);
        return Code("t");
    }
}
