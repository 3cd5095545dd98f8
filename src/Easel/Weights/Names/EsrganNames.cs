namespace Easel.Weights.Names;

/// <summary>The names under which ESRGAN's network is stored: those of BasicSR, which are ours, and two older sets.</summary>
internal static class EsrganNames
{
    private const string OldBlocks = "model.1.sub.", MiddleBlocks = "RRDB_trunk.";

    /// <summary>The table for a network whose tensors have these names.</summary>
    public static NameTable Of(IReadOnlyCollection<string> names)
    {
        // xinntao/ESRGAN, between the two.
        List<NameRow> rows =
        [
            new("model.0", "conv_first"), new("trunk_conv", "conv_body"), new("upconv1", "conv_up1"), new("upconv2", "conv_up2"), new("HRconv", "conv_hr"),
            new("conv_first.1", "conv_first"), // SwinIR's, behind pixels that are stacked as channels
        ];
        for (var block = 0; block < Math.Max(NameTable.Count(names, OldBlocks), NameTable.Count(names, MiddleBlocks)); block++)
        {
            for (var dense = 1; dense <= 3; dense++)
            {
                rows.Add(new($"{MiddleBlocks}{block}.RDB{dense}", $"body.{block}.rdb{dense}"));
                for (var i = 1; i <= 5; i++) rows.Add(new($"{OldBlocks}{block}.RDB{dense}.conv{i}.0", $"body.{block}.rdb{dense}.conv{i}"));
            }
            // In the oldest layout everything is numbered; a convolution among the blocks is the one behind them.
            if (names.Contains($"{OldBlocks}{block}.weight")) rows.Add(new($"{OldBlocks}{block}", "conv_body"));
        }

        // Its last two convolutions are known by being the last.
        var numbers = names.Where(name => name.Split('.') is ["model", _, "weight" or "bias"])
            .Select(name => NameTable.Number(name.AsSpan("model.".Length)) ?? 0).Where(number => number > 1).Distinct().Order().ToList();
        for (var i = 0; i < numbers.Count; i++)
            rows.Add(new($"model.{numbers[i]}", i == numbers.Count - 1 ? "conv_last" : i == numbers.Count - 2 ? "conv_hr" : $"conv_up{i + 1}"));
        return new NameTable(rows);
    }
}
