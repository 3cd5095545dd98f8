namespace Easel.Weights.Lora;

/// <summary>What the makes of adapters compute. Changes are matrices here, [outputs, inputs · kernel · kernel], so that it makes no difference whether a 1x1
/// convolution is stored as a linear layer or the other way round.</summary>
internal static class AdapterMath
{
    // 2^-23, which LyCORIS adds to norms that it divides by.
    private const double Epsilon = 1.1920928955078125e-07;

    /// <summary>[outputs, inputs] or [outputs, inputs, kernel, kernel].</summary>
    public static long[]? LoraShape(AdapterParts parts)
    {
        var (down, up, mid) = (parts.Shape("lora_down"), parts.Shape("lora_up"), parts.Shape("lora_mid"));
        if (down is not { Length: 2 or 4 } || up is not { Length: 2 or 4 } || mid is null && parts.Has("lora_mid")) return null;
        var fits = mid is null
            ? Elements(up) == up[0] * down[0]
            : mid.Length == 4 && mid[0] == up[1] && mid[1] == down[0] && Elements(down) == down[0] * down[1] && Elements(up) == up[0] * up[1];
        return fits ? [up[0], down[1], .. (mid ?? down)[2..]] : null;
    }

    /// <summary>up · down; with a convolution between the two the Tucker decomposition of a convolution.</summary>
    public static Tensor Lora(AdapterValues v, int? rank)
    {
        var (down, up) = (v["lora_down"].flatten(1), v["lora_up"].flatten(1));
        if (v.Has("lora_mid")) return Tucker(v["lora_mid"], up, down);
        return rank < down.shape[0] ? up.narrow(1, 0, rank.Value).matmul(down.narrow(0, 0, rank.Value)) : up.matmul(down);
    }

    public static long[]? LohaShape(AdapterParts parts)
    {
        long[]? shape = null;
        foreach (var half in (string[])["1", "2"])
        {
            if (parts.Shape($"hada_w{half}_a") is not [var first, var second] || parts.Shape($"hada_w{half}_b") is not [var rank, var inputs]) return null;
            long[] own = [second == rank ? first : 0, inputs];
            if (parts.Has("hada_t" + half))
                own = parts.Shape("hada_t" + half) is [var a, var b, var high, var wide] && (a, b) == (first, rank) ? [second, inputs, high, wide] : [0];
            if (own[0] == 0 || shape is not null && !own.SequenceEqual(shape)) return null;
            shape = own;
        }
        return shape;
    }

    /// <summary>One of the two matrices whose product element by element is LoHa's change.</summary>
    public static Tensor LohaHalf(AdapterValues v, string half)
    {
        var (a, b) = (v[$"hada_w{half}_a"], v[$"hada_w{half}_b"]);
        return v.Has("hada_t" + half) ? Tucker(v["hada_t" + half], a.t(), b) : a.matmul(b);
    }

    public static long[]? LokrShape(AdapterParts parts)
    {
        var first = Whole("lokr_w1", null);
        var second = Whole("lokr_w2", parts.Has("lokr_t2") ? parts.Shape("lokr_t2") ?? [] : null);
        return first is [var a, var b] && second is not null ? [a * second[0], b * second[1], .. second[2..]] : null;

        long[]? Whole(string part, long[]? core)
        {
            if (parts.Has(part)) return parts.Shape(part) is { Length: 2 or 4 } whole ? whole : null;
            if (parts.Shape(part + "_a") is not { Length: 2 or 4 } left || parts.Shape(part + "_b") is not { Length: 2 or 4 } right) return null;
            if (core is null) return Elements(left) == left[0] * right[0] ? [left[0], .. right[1..]] : null;
            return left.Length == 2 && right.Length == 2 && core.Length == 4 && core[0] == left[0] && core[1] == right[0] ? [left[1], right[1], .. core[2..]]
                : null;
        }
    }

    /// <summary>The larger factor of LoKr's Kronecker product.</summary>
    public static Tensor LokrSecond(AdapterValues v) =>
        v.Has("lokr_t2") && !v.Has("lokr_w2") ? Tucker(v["lokr_t2"], v["lokr_w2_a"].t(), v["lokr_w2_b"]).contiguous() : v.Whole("lokr_w2");

    public static long[]? GloraShape(AdapterParts parts)
    {
        if (parts.Shape("a1") is not { Length: 2 or 4 } a1 || parts.Shape("a2") is not { Length: 2 or 4 } a2
            || LoraShape(parts, "b1", "b2", "bm") is not { } shape) return null;
        var fits = Elements(a1) == a1[0] * a1[1] && Elements(a2) == a2[0] * a2[1] && a1[0] == a2[1] && a1[1] == a2[0];
        return fits && (a1[0] == shape[1] || a1[1] == shape[1]) ? shape : null;
    }

    /// <summary>W · A + B, each a product of two. LyCORIS once had the first and second of each the other way round; which it is the shapes tell.</summary>
    public static Tensor Glora(AdapterValues v, Tensor weight, double scale, double strength)
    {
        var (outputs, inputs) = (weight.shape[0], weight.shape[1]);
        var (a1, a2, b1, b2) = (v["a1"].flatten(1), v["a2"].flatten(1), v["b1"].flatten(1), v["b2"].flatten(1));
        var (aUp, aDown) = a1.shape[0] == inputs ? (a1, a2) : (a2, a1);
        var (bUp, bDown) = b1.shape[0] == outputs ? (b1, b2) : (b2, b1);
        var b = v.Has("bm") ? Tucker(v["bm"], bUp, bDown) : bUp.matmul(bDown);
        var turned = weight.reshape(outputs, inputs, -1).transpose(1, 2).matmul(aUp).matmul(aDown).transpose(1, 2);
        return (b.reshape(weight.shape) + turned.reshape(weight.shape)) * (scale * strength);
    }

    public static long[]? OftShape(AdapterParts parts) =>
        parts.Shape("oft_blocks") is [var count, var side, var same] && side == same && IsRescale(parts, count * side) ? [count * side, -1] : null;

    public static long[]? BoftShape(AdapterParts parts) =>
        parts.Shape("oft_blocks") is [var steps and < 32, var count, var side, var same] && side == same && side % 2 == 0
            && count * side % (side << (int)(steps - 1)) == 0 && IsRescale(parts, count * side) ? [count * side, -1] : null;

    /// <summary>Blocks of the outputs, turned.</summary>
    public static Tensor Oft(AdapterValues v, Tensor weight, double scale, double strength)
    {
        var turns = Between(Turns(v, weight.shape[0]), strength);
        var turned = turns.transpose(1, 2).matmul(weight.reshape(turns.shape[0], turns.shape[1], -1));
        return Rescaled(v, turned.reshape(weight.shape)) - weight;
    }

    /// <summary>The same several times over, each time with other outputs together, as a butterfly has them.</summary>
    public static Tensor Boft(AdapterValues v, Tensor weight, double scale, double strength)
    {
        var turns = Between(Turns(v, weight.shape[0]), strength);
        var (side, rest) = (turns.shape[2], weight.numel() / weight.shape[0]);
        var turned = weight.reshape(-1, rest);
        for (var i = 0; i < turns.shape[0]; i++)
        {
            var apart = side / 2 << i;
            turned = turned.reshape(-1, 2, apart, rest).transpose(1, 2).reshape(-1, side, rest);
            turned = turns[i].matmul(turned).reshape(-1, apart, 2, rest).transpose(1, 2).reshape(-1, rest);
        }
        return Rescaled(v, turned.reshape(weight.shape)) - weight;
    }

    /// <summary>What DoRA ("Weight-Decomposed Low-Rank Adaptation", arXiv 2402.09353) adds to a weight: with its change the weight is brought to a learned
    /// length, row by row or column by column, whichever the lengths are for. The strength is that of the lengths, as in LyCORIS.</summary>
    /// <param name="change">What the adapter adds before, at its full strength; of the weight's shape.</param>
    public static Tensor Decomposed(AdapterValues v, Tensor weight, Tensor change, double strength)
    {
        var turned = weight + change;
        // PEFT's lengths are always those of rows, whatever their shape.
        var lengths = v.Has("dora_scale") ? v["dora_scale"] : v["lora_magnitude_vector"].reshape(-1, 1);
        if (lengths.dim() < 2) lengths = lengths.reshape(-1, 1);
        var ofColumns = lengths.shape[0] == 1;
        lengths = lengths.reshape([.. ofColumns ? (long[])[1, -1] : [-1, 1], .. Enumerable.Repeat(1L, (int)weight.dim() - 2)]);
        var over = Enumerable.Range(0, (int)weight.dim()).Where(axis => axis != (ofColumns ? 1 : 0)).Select(axis => (long)axis).ToArray();
        var norms = turned.square().sum(over, keepdim: true).sqrt() + Epsilon;
        return turned * ((lengths / norms - 1) * strength + 1) - weight;
    }

    /// <summary>Whether DoRA's lengths, if there are any, are for a weight of this shape.</summary>
    public static bool LengthsFit(AdapterParts parts, long[] weight) =>
        parts.Has("dora_scale") ? parts.Shape("dora_scale") is { } s && (s[0] == 1 && s.Length > 1 ? Elements(s) == weight[1] : Elements(s) == weight[0])
            : !parts.Has("lora_magnitude_vector") || parts.Shape("lora_magnitude_vector") is { } m && Elements(m) == weight[0];

    private static long[]? LoraShape(AdapterParts parts, string first, string second, string mid)
    {
        if (parts.Shape(first) is not { Length: 2 or 4 } up || parts.Shape(second) is not { Length: 2 or 4 } down) return null;
        if (parts.Has(mid)) return parts.Shape(mid) is { Length: 4 } core && core[0] == up[1] && core[1] == down[0] ? [up[0], down[1], .. core[2..]] : null;
        if (Elements(up) == up[0] * down[0]) return [up[0], .. down[1..]];
        return Elements(down) == down[0] * up[0] ? [down[0], .. up[1..]] : null;
    }

    /// <summary>[n, side, side] or [m, n, side, side]: orthogonal matrices by Cayley's parametrisation, alpha bounding how far they turn.</summary>
    private static Tensor Turns(AdapterValues v, long outputs)
    {
        var blocks = v["oft_blocks"];
        var skew = blocks - blocks.transpose(-1, -2);
        var (bound, norm) = ((v.Parts.Number("alpha") ?? 0) * outputs, skew.norm().item<float>() + 1e-8);
        if (bound > 0 && norm > bound) skew = skew * bound / norm;
        if (!skew.isfinite().all().item<bool>()) throw new CheckpointException($"{v.Parts.File.Path} is damaged: it holds numbers that are none.");
        var one = eye(skew.shape[^1], device: skew.device);
        try
        {
            return (one + skew).matmul(linalg.inv(one - skew));
        }
        catch (System.Runtime.InteropServices.ExternalException)
        {
            // Of numbers so large that the one is lost beside them.
            throw new CheckpointException($"{v.Parts.File.Path} is damaged: its numbers turn nothing that could be turned.");
        }
    }

    private static Tensor Between(Tensor turns, double strength) => turns * strength + eye(turns.shape[^1], device: turns.device) * (1 - strength);

    private static Tensor Rescaled(AdapterValues v, Tensor turned) =>
        v.Has("rescale") ? turned * v["rescale"].reshape([-1, .. Enumerable.Repeat(1L, (int)turned.dim() - 1)]) : turned;

    private static bool IsRescale(AdapterParts parts, long outputs) =>
        !parts.Has("rescale") || parts.Shape("rescale") is { } shape && Elements(shape) == outputs;

    /// <summary>[outputs, inputs, kernel, kernel] of a core [a, b, kernel, kernel] and matrices [outputs, a] and [b, inputs], as a matrix.</summary>
    private static Tensor Tucker(Tensor core, Tensor outputs, Tensor inputs) => einsum("nmkl,in,mj->ijkl", core, outputs, inputs).flatten(1);

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, side) => product * side);
}
