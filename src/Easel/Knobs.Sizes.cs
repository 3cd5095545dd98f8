using Request = Easel.GenerationRequest;

namespace Easel;

/// <content>Rows of what a model is told of sizes: each fact once for the prompt and once for the negative prompt.</content>
public static partial class Knobs
{
    /// <summary>The largest side that a model is told of.</summary>
    private const int MostTold = 16_384;

    private static IEnumerable<Knob> Sizes
    {
        get
        {
            (string Property, string Name, string Help, int Least)[] facts =
            [
                (nameof(Request.OriginalWidth), "original width", "width in pixels of the picture that this one is told to be made from", 1),
                (nameof(Request.OriginalHeight), "original height", "height in pixels of the picture that this one is told to be made from", 1),
                (nameof(Request.CropLeft), "crop left", "pixels that are told to be cut off at the left", 0),
                (nameof(Request.CropTop), "crop top", "pixels that are told to be cut off at the top", 0),
                (nameof(Request.TargetWidth), "target width", "width in pixels that the picture is told to have", 1),
                (nameof(Request.TargetHeight), "target height", "height in pixels that the picture is told to have", 1),
            ];
            return facts.Select(fact => Size(fact.Property, fact.Name, fact.Help, fact.Least)).Concat(facts.Select(fact =>
                Size("Negative" + fact.Property, "negative " + fact.Name, fact.Help + ", for the negative prompt", fact.Least)));
        }
    }

    private static Knob Size(string property, string name, string help, int least)
    {
        var label = char.ToUpperInvariant(name[0]) + name[1..];
        return new(property)
        {
            Label = label,
            Help = help,
            Flags = ["--" + name.Replace(' ', '-')],
            InfotextKey = label,
            Range = (least, MostTold),
            Needs = KnobNeeds.SizedModel,
            OnPage = false,
        };
    }
}
