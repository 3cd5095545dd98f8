using System.Globalization;
using System.Text.RegularExpressions;
using Easel.Weights.Formats;

namespace Easel.Weights.Names;

/// <summary>The names under which ESRGAN's network is stored: those of BasicSR, which are ours, and two older sets.</summary>
internal static partial class EsrganKeys
{
    /// <summary>The tensors of a file under BasicSR's names.</summary>
    public static StateDict Read(TensorFile file)
    {
        // In the oldest layout everything is numbered, and the last two convolutions are known by being the last.
        var numbered = file.Tensors.Keys.Select(key => Numbered().Match(key)).Where(m => m.Success);
        var numbers = numbered.Select(m => Number(m.Groups[1])).Where(n => n > 1).Distinct().Order().ToList();
        var trunk = file.Tensors.Keys.Select(key => TrunkEnd().Match(key)).FirstOrDefault(m => m.Success)?.Groups[1].Value;

        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys) tensors.Add(OurName(key, numbers, trunk), new Slot(file, key));
        return tensors;
    }

    private static string OurName(string key, List<int> numbers, string? trunk)
    {
        if (key.StartsWith("model.0.", StringComparison.Ordinal)) return "conv_first." + key["model.0.".Length..];
        if (trunk is not null && key.StartsWith($"model.1.sub.{trunk}.", StringComparison.Ordinal)) return "conv_body." + key[$"model.1.sub.{trunk}.".Length..];
        if (Numbered().Match(key) is { Success: true } numbered && numbers.IndexOf(Number(numbered.Groups[1])) is >= 0 and var index)
        {
            var name = index == numbers.Count - 1 ? "conv_last" : index == numbers.Count - 2 ? "conv_hr" : $"conv_up{index + 1}";
            return $"{name}.{numbered.Groups[2].Value}";
        }

        key = OldBlock().Replace(key, "body.$1.rdb$2.conv$3.");
        // The names of xinntao/ESRGAN, between the two.
        key = MiddleBlock().Replace(key, "body.$1.rdb$2.");
        return key.Replace("trunk_conv.", "conv_body.").Replace("upconv", "conv_up").Replace("HRconv.", "conv_hr.");
    }

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^model\.(\d{1,4})\.(weight|bias)$")]
    private static partial Regex Numbered();

    [GeneratedRegex(@"^model\.1\.sub\.(\d+)\.weight$")]
    private static partial Regex TrunkEnd();

    [GeneratedRegex(@"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.")]
    private static partial Regex OldBlock();

    [GeneratedRegex(@"^RRDB_trunk\.(\d+)\.RDB(\d)\.")]
    private static partial Regex MiddleBlock();
}
