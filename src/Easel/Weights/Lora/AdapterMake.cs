namespace Easel.Weights.Lora;

/// <summary>A make of adapter: by which tensors it is known, and what it makes of a parameter. One row a make; nothing else asks which it is.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Needs">The parts that it is known by; "a|b" for either.</param>
internal sealed record AdapterMake(string Name, params string[] Needs)
{
    /// <summary>The parameter it changes.</summary>
    public string Parameter { get; init; } = "weight";

    /// <summary>Parts that it may have besides.</summary>
    public string[] May { get; init; } = [];

    /// <summary>How many dimensions its first part has, where another make has a part of that name; 0 for any.</summary>
    public int Dimensions { get; init; }

    /// <summary>The shape of the change, -1 for a side that it does not tell, convolutions as matrices or as they are; null where the parts do not go
    /// together.</summary>
    public required Func<AdapterParts, long[]?> Shape { get; init; }

    /// <summary>What alpha is divided by; null where alpha does not scale.</summary>
    public Func<AdapterParts, long?> Rank { get; init; } = _ => null;

    /// <summary>Whether LyCORIS' own merge scales by alpha and rank a second time, see <see cref="LoraFile.IsBare"/>.</summary>
    public bool ScalesTwice { get; init; }

    /// <summary>What is added to the parameter, times its scale and the asked strength; null for a make that looks at the parameter.</summary>
    /// <remarks>The number is how many of the channels between count at most (AUTOMATIC1111's "dyn"); null for all.</remarks>
    public Func<AdapterValues, int?, Tensor>? Adds { get; init; }

    /// <summary>What is added to a parameter with these values, at a scale and an asked strength; null for a make that does not look at it.</summary>
    public Func<AdapterValues, Tensor, double, double, Tensor>? Turns { get; init; }

    /// <summary>Every part that belongs to it.</summary>
    public IEnumerable<string> Parts => Needs.SelectMany(need => need.Split('|')).Concat(May);

    public bool IsIn(AdapterParts parts) => Needs.All(need => need.Split('|').Any(parts.Has))
        && (Dimensions == 0 || parts.Shape(Needs[0])?.Length == Dimensions);

    /// <summary>The makes. LoRA: arXiv 2106.09685. LoCon, LoHa, LoKr, (IA)³ and the rest: "Navigating Text-To-Image Customization", arXiv 2309.14859, whose
    /// code (KohakuBlueleaf/LyCORIS 3) says what each tensor means. OFT: arXiv 2306.07280; BOFT: arXiv 2311.06243; GLoRA: arXiv 2306.07967.</summary>
    public static IReadOnlyList<AdapterMake> All { get; } =
    [
        new("LoRA", "lora_down", "lora_up")
        {
            May = ["lora_mid", .. Scaling, .. Magnitudes], Shape = AdapterMath.LoraShape, Rank = p => p.Shape("lora_down")?[0], Adds = AdapterMath.Lora,
        },
        new("LoHa", "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
        {
            May = ["hada_t1", "hada_t2", .. Scaling, .. Magnitudes], Shape = AdapterMath.LohaShape, Rank = p => p.Shape("hada_w1_b")?[0],
            ScalesTwice = true, Adds = (v, _) => AdapterMath.LohaHalf(v, "1") * AdapterMath.LohaHalf(v, "2"),
        },
        new("LoKr", "lokr_w1|lokr_w1_a", "lokr_w2|lokr_w2_a")
        {
            May = ["lokr_w1_b", "lokr_w2_b", "lokr_t2", .. Scaling, .. Magnitudes], Shape = AdapterMath.LokrShape,
            Rank = p => (p.Shape("lokr_w2_b") ?? p.Shape("lokr_w1_b"))?[0], ScalesTwice = true,
            Adds = (v, _) => kron(v.Whole("lokr_w1"), AdapterMath.LokrSecond(v)),
        },
        new("GLoRA", "a1", "a2", "b1", "b2")
        {
            May = ["bm", .. Scaling], Shape = AdapterMath.GloraShape, Rank = p => Math.Min(p.Shape("a2")?[0] ?? 0, p.Shape("a2")?[1] ?? 0),
            Turns = AdapterMath.Glora,
        },
        new("(IA)³", "on_input", "weight")
        {
            Shape = p => p.Shape("weight") is null ? null : p.Number("on_input") != 0 ? [-1, Count(p, "weight")] : [Count(p, "weight"), -1],
            Turns = (v, weight, _, strength) =>
            {
                long[] along = v.Parts.Number("on_input") != 0 ? [1, -1] : [-1, 1];
                return weight * (v["weight"].reshape([.. along, .. Enumerable.Repeat(1L, (int)weight.dim() - 2)]) * strength);
            },
        },
        new("OFT", "oft_blocks") { Dimensions = 3, May = ["rescale", "alpha"], Shape = AdapterMath.OftShape, Turns = AdapterMath.Oft },
        new("BOFT", "oft_blocks") { Dimensions = 4, May = ["rescale", "alpha"], Shape = AdapterMath.BoftShape, Turns = AdapterMath.Boft },
        new("full difference", "diff") { May = Magnitudes, Shape = p => p.Shape("diff"), Adds = (v, _) => v["diff"] },
        new("norm", "w_norm") { Shape = p => p.Shape("w_norm"), Adds = (v, _) => v["w_norm"] },
        new("full difference of a bias", "diff_b") { Parameter = "bias", Shape = p => p.Shape("diff_b"), Adds = (v, _) => v["diff_b"] },
        new("bias of a norm", "b_norm") { Parameter = "bias", Shape = p => p.Shape("b_norm"), Adds = (v, _) => v["b_norm"] },
    ];

    private static string[] Scaling => ["alpha", "scale", "scalar"];

    private static string[] Magnitudes => ["dora_scale", "lora_magnitude_vector"];

    private static long Count(AdapterParts parts, string part) => parts.Shape(part)!.Aggregate(1L, (product, side) => product * side);
}
