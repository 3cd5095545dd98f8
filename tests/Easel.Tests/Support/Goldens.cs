using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using static TorchSharp.torch;

namespace Easel.Tests.Support;

/// <summary>The reference data of tests/goldens; each folder's README says how it was made.</summary>
internal static class Goldens
{
    private static readonly string Root = typeof(Goldens).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Goldens").Value!;

    private static readonly ConcurrentDictionary<string, Lazy<string>> Copies = new();

    /// <summary>The full path of a golden file.</summary>
    public static string Path(string name) => System.IO.Path.GetFullPath(System.IO.Path.Combine(Root, name));

    /// <summary>A golden JSON file.</summary>
    public static JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(Path(name))).RootElement;

    /// <summary>
    /// The unpacked path of a golden stored as .gz. The copy lies with the test's own build output, in a folder named by the packed file's bytes: another file
    /// of the same name is another copy, and all test runs of a checkout share it.
    /// </summary>
    public static string Unpacked(string name) => Copies.GetOrAdd(name, _ => new Lazy<string>(() => Unpack(name))).Value;

    private static string Unpack(string name)
    {
        var packed = File.ReadAllBytes(Path(name + ".gz"));
        var key = Convert.ToHexStringLower(SHA256.HashData(packed))[..16];
        var folder = System.IO.Path.Combine(AppContext.BaseDirectory, "goldens", key);
        var file = System.IO.Path.Combine(folder, System.IO.Path.GetFileName(name));
        if (File.Exists(file)) return file;

        Directory.CreateDirectory(folder);
        var beside = file + "." + Guid.NewGuid().ToString("N"); // other test processes may unpack it too
        using (var from = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress))
        using (var to = File.Create(beside)) from.CopyTo(to);
        File.Move(beside, file, overwrite: true);
        return file;
    }

    /// <summary>All tensors of a golden bundle. Read here without the library's own reader, so that a fault in that reader cannot hide.</summary>
    public static Dictionary<string, Tensor> Tensors(string name)
    {
        var file = File.ReadAllBytes(Path(name));
        var header = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in JsonDocument.Parse(file.AsMemory(8, header)).RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__") continue;
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()).ToArray();
            var range = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(n => n.GetInt32()).ToArray();
            var type = entry.Value.GetProperty("dtype").GetString() switch
            {
                "F64" => ScalarType.Float64,
                "F32" => ScalarType.Float32,
                "F16" => ScalarType.Float16,
                "BF16" => ScalarType.BFloat16,
                "I64" => ScalarType.Int64,
                "I32" => ScalarType.Int32,
                "I16" => ScalarType.Int16,
                "I8" => ScalarType.Int8,
                "U8" => ScalarType.Byte,
                "BOOL" => ScalarType.Bool,
                var other => throw new NotSupportedException(other),
            };
            var tensor = empty(shape, dtype: type);
            if (tensor.numel() > 0) file.AsSpan(8 + header + range[0], range[1] - range[0]).CopyTo(tensor.bytes);
            tensors[entry.Name] = tensor;
        }
        return tensors;
    }
}
