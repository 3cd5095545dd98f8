using System.Buffers.Binary;
using System.IO.Compression;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>
/// Damages model files in every way that chance and malice know, the same way for the same seed. Shared with the fuzzing program, tests/Easel.Fuzz.
/// </summary>
internal sealed class Mutations
{
    private const int LargestSeed = 8000, LargestTouched = 1 << 20;

    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
        long.MaxValue, 1UL << 61, 1UL << 62, 1UL << 63, ulong.MaxValue,
    ];

    private static readonly byte[] Opcodes =
    [
        .. "().0123INKMJLFGSTUVXBCadeghijlopqrstu}]bcQPR"u8, 0x80, 0x81, 0x82, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B,
        0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    ];

    private static readonly string[] Words =
    [
        "-1", "0", "1e3", "1.5", "9223372036854775807", "9223372036854775808", "18446744073709551616",
        "[", "]", "{", "}", "\"", ",", ":", "null", "\\ud800", "\"F16\"", "\"U64\"", "[[[[",
    ];

    private readonly Random _random;
    private readonly List<byte[]> _seeds;
    private readonly List<byte[]> _sound;

    /// <summary>Begins with the small files among the goldens.</summary>
    public Mutations(string goldens, int seed)
    {
        _random = new Random(seed);
        var folders = new[] { Path.Combine(goldens, "sd1-formats"), Path.Combine(goldens, "malicious") };
        var files = folders.SelectMany(Directory.GetFiles).Order(StringComparer.Ordinal).Where(file => Path.GetExtension(file) is ".ckpt" or ".safetensors");
        _seeds = [SmallGguf(), .. files.Select(File.ReadAllBytes).Where(bytes => bytes.Length is > 0 and <= LargestSeed)];
        // Most cases start from files that open and hold much to get wrong; the rest from the others.
        _sound = [.. _seeds.Where(bytes => bytes.Length > 1400), _seeds[0]];
        _sound.AddRange([.. _sound.Where(bytes => bytes[0] == 'P').Select(Deflated)]);
        _sound.AddRange(files.Where(file => file.Contains("st_ok") || file.Contains("benign")).Select(File.ReadAllBytes));
    }

    /// <summary>A GGUF file with a value of each kind and tensors of three types.</summary>
    internal static byte[] SmallGguf(uint type = 8, int blockSize = 32, int blockBytes = 34)
    {
        using var bytes = new MemoryStream();
        using var file = new BinaryWriter(bytes);
        file.Write("GGUF"u8);
        file.Write(3u);
        file.Write(3UL);
        file.Write(5UL);
        Key("general.alignment", 4);
        file.Write(32u);
        Key("a text", 8);
        Text("of a few bytes");
        Key("a list", 9);
        file.Write(8u);
        file.Write(2UL);
        Text("one");
        Text("two");
        Key("a number", 12);
        file.Write(0.5);
        Key("comfy.gguf.orig_shape.folded.weight", 9);
        file.Write(5u);
        file.Write(2UL);
        file.Write(8);
        file.Write(32);
        Tensor("folded.weight", 12, 0, 256);
        Tensor("plain.weight", 1, 160, 4, 3, 3, 2);
        Tensor("block.weight", type, 320, (ulong)(2 * blockSize), 2);
        while (bytes.Length % 32 != 0) file.Write((byte)0);
        file.Write(new byte[320 + 4 * blockBytes]);
        return bytes.ToArray();

        void Text(string text)
        {
            file.Write((ulong)text.Length);
            file.Write(System.Text.Encoding.ASCII.GetBytes(text));
        }

        void Key(string key, uint type)
        {
            Text(key);
            file.Write(type);
        }

        void Tensor(string name, uint type, ulong start, params ulong[] sides)
        {
            Text(name);
            file.Write((uint)sides.Length);
            foreach (var side in sides) file.Write(side);
            file.Write(type);
            file.Write(start);
        }
    }

    /// <summary>The next damaged file.</summary>
    public byte[] Next()
    {
        var from = _random.Next(8) == 0 ? _seeds : _sound;
        var bytes = from[_random.Next(from.Count)].ToList();
        for (var times = _random.Next(4) == 0 ? _random.Next(1, 7) : 1; times > 0 && bytes.Count > 0; times--) Damage(bytes);
        return [.. bytes];
    }

    /// <summary>
    /// Opens a file and touches all it says it has. Returns whether it opened; any exception but the one for bad files is a fault of the reader.
    /// </summary>
    public static bool Survives(string path)
    {
        try
        {
            using var file = TensorFile.Open(path);
            foreach (var (name, info) in file.Tensors)
            {
                using var scope = NewDisposeScope();
                try
                {
                    var tensor = file.View(name);
                    if (!tensor.shape.SequenceEqual(info.Shape) || tensor.dtype != info.DType)
                        throw new InvalidOperationException($"{name} is not what was announced");
                    if (info.ElementCount <= LargestTouched) _ = tensor.clone();
                }
                catch (CheckpointException)
                {
                    // A damaged entry, or a type without tensors, is found when it is wanted.
                }
            }
            return true;
        }
        catch (CheckpointException error) when (error.Message.StartsWith('\'') && error.Message.EndsWith('.') && error.Message.Length < 1000)
        {
            return false;
        }
    }

    private void Damage(List<byte> bytes)
    {
        var at = _random.Next(bytes.Count);
        switch (_random.Next(12))
        {
            case 0: bytes[at] ^= (byte)(1 << _random.Next(8)); break;
            case 1: bytes[at] = (byte)_random.Next(256); break;
            case 2 or 3: bytes[at] = Opcodes[_random.Next(Opcodes.Length)]; break;
            case 4: bytes.Insert(at, Opcodes[_random.Next(Opcodes.Length)]); break;
            case 5: bytes.RemoveRange(at, Math.Min(_random.Next(1, 9), bytes.Count - at)); break;
            case 6: bytes.InsertRange(at, Piece(bytes)); break;
            case 7: Overwrite(bytes, at, Piece(_seeds[_random.Next(_seeds.Count)])); break;
            case 8 or 9: Overwrite(bytes, at, Number()); break;
            case 10: Overwrite(bytes, at, System.Text.Encoding.ASCII.GetBytes(Words[_random.Next(Words.Length)])); break;
            default: if (_random.Next(8) == 0) bytes.RemoveRange(at, bytes.Count - at); else bytes[at] += (byte)_random.Next(-3, 4); break;
        }
    }

    private byte[] Number()
    {
        var number = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(number, Numbers[_random.Next(Numbers.Length)] + (ulong)_random.Next(-1, 2));
        return number[..(1 << _random.Next(4))];
    }

    private byte[] Piece(IReadOnlyList<byte> bytes)
    {
        var at = _random.Next(bytes.Count);
        return [.. bytes.Skip(at).Take(_random.Next(1, 60))];
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (var i = 0; i < with.Length && at + i < bytes.Count; i++) bytes[at + i] = with[i];
    }

    /// <summary>The same zip with every entry compressed.</summary>
    public static byte[] Deflated(byte[] zip)
    {
        var packed = new MemoryStream();
        using (var from = TryOpen(zip))
        using (var to = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var entry in from?.Entries ?? [])
            {
                using var source = entry.Open();
                using var target = to.CreateEntry(entry.FullName, CompressionLevel.SmallestSize).Open();
                source.CopyTo(target);
            }
        return packed.ToArray();
    }

    private static ZipArchive? TryOpen(byte[] zip)
    {
        try
        {
            return new ZipArchive(new MemoryStream(zip));
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
