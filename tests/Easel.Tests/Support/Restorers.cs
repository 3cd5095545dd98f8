using System.Text;

namespace Easel.Tests.Support;

/// <summary>What face restorers are known by, and no more: files with the names and shapes of the real ones' tensors, all zero, that cannot be run.</summary>
internal static class Restorers
{
    public static string WriteGfpgan(string path) => Write(path,
    [
        ("conv_body_first.weight", [2, 3, 1, 1]), ("stylegan_decoder.constant_input.weight", [1, 4, 4, 4]),
        ("stylegan_decoder.style_conv1.modulated_conv.modulation.weight", [4, 4]), ("condition_scale.0.2.weight", [2, 2, 3, 3]), ("final_linear.bias", [64]),
        .. Enumerable.Range(0, 7).SelectMany(i => ((string, long[])[])
            [($"conv_body_down.{i}.conv2.weight", [2, 2, 3, 3]), ($"stylegan_decoder.style_convs.{2 * i}.modulated_conv.weight", [1, 4, 4, 3, 3])]),
    ]);

    public static string WriteCodeFormer(string path) => Write(path,
    [
        ("encoder.blocks.0.weight", [32, 3, 3, 3]), ("quantize.embedding.weight", [4, 8]), ("position_emb", [256, 16]),
        ("ft_layers.0.linear1.weight", [32, 16]), ("idx_pred_layer.1.weight", [4, 16]),
        .. Enumerable.Range(0, 6).Select(level => ($"encoder.blocks.{1 + 3 * level}.conv1.weight", (long[])[32, 32, 3, 3])),
    ]);

    private static string Write(string path, IReadOnlyList<(string Name, long[] Shape)> tensors)
    {
        var (entries, end) = (new List<string>(), 0L);
        foreach (var (name, shape) in tensors)
        {
            var begin = end;
            end += 2 * shape.Aggregate(1L, (product, side) => product * side);
            entries.Add($"\"{name}\":{{\"dtype\":\"F16\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{begin},{end}]}}");
        }
        var header = Encoding.UTF8.GetBytes("{" + string.Join(',', entries) + "}");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[end]]);
        return path;
    }
}
