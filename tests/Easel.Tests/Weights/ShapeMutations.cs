using System.Text;
using System.Text.Json;
using Easel.Models;
using Easel.Weights;

namespace Easel.Tests.Weights;

/// <summary>
/// Sound files of tensors whose names and shapes are those of networks that steer a UNet, damaged: what reads a network's shape off them must answer with the
/// network or with a sentence. Shared with the fuzzing program, tests/Easel.Fuzz.
/// </summary>
internal sealed class ShapeMutations(int seed)
{
    private static readonly string[] Names =
    [
        "control_model.input_hint_block.0.weight", "control_model.input_hint_block.2.weight", "control_model.input_blocks.0.0.weight",
        "control_model.input_blocks.1.0.in_layers.2.weight", "control_model.input_blocks.2.0.op.weight", "control_model.zero_convs.0.0.weight",
        "control_model.middle_block.1.proj_in.weight", "control_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight",
        "controlnet_cond_embedding.conv_in.weight", "controlnet_cond_embedding.blocks.0.weight", "controlnet_cond_embedding.blocks.1.weight",
        "conv_in.weight", "down_blocks.0.resnets.0.conv1.weight", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight",
        "mid_block.attentions.0.proj_in.weight", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", "add_embedding.linear_1.weight",
        "task_embedding", "control_add_embedding.linear_1.weight", "transformer_layes.0.attn.in_proj_weight",
        "adapter.conv_in.weight", "adapter.body.0.resnets.0.block1.weight", "adapter.body.0.in_conv.weight", "adapter.body.0.out_conv.weight",
        "body.0.block1.weight", "body.1.block1.weight", "body.2.in_conv.weight", "body.0.body.0.block1.weight", "body.0.in_conv.weight",
        "image_proj.proj.weight", "image_proj.norm.weight", "image_proj.latents", "image_proj.proj_in.weight", "image_proj.proj.0.weight",
        "image_proj.layers.0.0.to_q.weight", "image_proj.layers.0.1.1.weight", "ip_adapter.1.to_k_ip.weight", "ip_adapter.3.to_k_ip.weight",
    ];

    /// <summary>Networks that fit: a T2I-Adapter and an IP-Adapter.</summary>
    private static readonly Dictionary<string, int[]>[] Sound =
    [
        new()
        {
            ["adapter.conv_in.weight"] = [32, 64, 3, 3],
            ["adapter.body.0.resnets.0.block1.weight"] = [32, 32, 3, 3],
            ["adapter.body.1.in_conv.weight"] = [64, 32, 1, 1],
            ["adapter.body.1.resnets.0.block1.weight"] = [64, 64, 3, 3],
        },
        new(((int[])[32, 64, 64, 64, 32, 32, 64]).Select((width, i) => KeyValuePair.Create($"ip_adapter.{2 * i + 1}.to_k_ip.weight", (int[])[width, 32]))
            .Append(KeyValuePair.Create("image_proj.proj.weight", (int[])[128, 16]))),
    ];

    private readonly Random _random = new(seed);
    private static readonly UNet Small = new(new UNetConfig
    {
        InChannels = 4,
        OutChannels = 4,
        Channels = [32, 64],
        Attention = [new(1, 4, true), new(1, 4, true)],
        MiddleAttention = new(1, 4, true),
        BlocksPerLevel = 1,
        ContextWidth = 32,
        LinearProjections = false,
    });

    /// <summary>The next file.</summary>
    public byte[] Next()
    {
        var (first, sound) = (_random.Next(Names.Length), Sound[_random.Next(Sound.Length)]);
        var tensors = _random.Next(3) > 0 ? sound.Where(_ => _random.Next(12) > 0).GroupBy(tensor => _random.Next(12) > 0 ? tensor.Key : Damaged(tensor.Key))
            .ToDictionary(same => same.Key, same => _random.Next(12) > 0 ? same.First().Value : Shape())
            : Enumerable.Range(0, _random.Next(1, 16)).Select(i => Names[(first + _random.Next(-10, 10) + Names.Length) % Names.Length])
            .Select(Damaged).Distinct().ToDictionary(name => name, _ => Shape());
        var (header, end) = (new StringBuilder("{"), 0L);
        foreach (var (name, shape) in tensors)
        {
            var bytes = shape.Aggregate(2L, (product, side) => product * side);
            header.Append(JsonSerializer.Serialize(name));
            header.Append($":{{\"dtype\":\"F16\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{end},{end + bytes}]}},");
            end += bytes;
        }
        var text = Encoding.UTF8.GetBytes(header.ToString().TrimEnd(',') + "}");
        return [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. new byte[end]];
    }

    /// <summary>Opens a file as a network that steers. Returns whether it is one that fits; any exception but the one for bad files is a fault of what reads
    /// shapes.</summary>
    public static bool Survives(string path)
    {
        try
        {
            using var file = ControlFile.Open(path, Small, "the model is small");
            return true;
        }
        catch (CheckpointException error) when (error.Message.EndsWith('.') && error.Message.Length < 2000)
        {
            return false;
        }
    }

    private string Damaged(string name) => _random.Next(6) switch
    {
        0 => name.Replace(".0.", $".{_random.Next(3)}."),
        1 => name.Replace("1", _random.Next(2) == 0 ? "7" : "99999999999"),
        _ => name,
    } + (_random.Next(40) == 0 ? "x" : "");

    private int[] Shape() => [.. Enumerable.Range(0, _random.Next(4) == 0 ? _random.Next(5) : 4).Select(_ => _random.Next(8) switch
    {
        0 => 0,
        1 => 1,
        2 => 3,
        3 => 32,
        4 => 64,
        5 => _random.Next(70),
        _ => 4,
    })];
}
