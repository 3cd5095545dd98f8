using Easel.Metadata;
using Request = Easel.GenerationRequest;

namespace Easel;

/// <content>Rows of the model that does the last steps.</content>
public static partial class Knobs
{
    private static Knob[] Refining =>
    [
        new(nameof(Request.Refiner))
        {
            Label = "Refiner", Help = "another model, which does the last of the steps", Flags = ["--refiner"], ValueName = "MODEL", InfotextKey = "Refiner",
            SdapiName = "refiner_checkpoint", OpenAiName = "refiner", McpName = "refiner", NoneWords = ["None"],
            Tell = told => told.Request.IsRefined ? told.Image.RefinerTitle ?? ModelStamp.TitleOf(told.Request.Refiner!, null) : null,
            Check = r => { if (r.Refiner is { } name && string.IsNullOrWhiteSpace(name))
                throw new InvalidRequestException(nameof(r.Refiner), "The refiner is named by an empty text; name a model, or leave it out."); },
        },
        new(nameof(Request.RefinerAt))
        {
            Label = "Refiner at", Group = "Last steps by a refiner",
            Noun = "share of the steps before the refiner", Help = "the share of the steps after which the refiner takes over",
            Flags = ["--refiner-at"], InfotextKey = "Refiner switch at", SdapiName = "refiner_switch_at", OpenAiName = "refiner_at", McpName = "refiner_at",
            Range = (0, 1), Step = 0.05, Needs = KnobNeeds.Refiner, IsTold = Always,
        },
        new(nameof(Request.AestheticScore))
        {
            Label = "Aesthetic score", Group = "Last steps by a refiner",
            Help = "how beautiful the refiner is told that the picture be", Flags = ["--aesthetic-score"],
            InfotextKey = "Aesthetic score", SdapiName = "sdxl_refiner_high_aesthetic_score", OpenAiName = "aesthetic_score", McpName = "aesthetic_score",
            Range = (0, 10), Step = 0.5, Needs = KnobNeeds.Refiner,
        },
        new(nameof(Request.NegativeAestheticScore))
        {
            Label = "Negative aesthetic score", Group = "Last steps by a refiner",
            Help = "how beautiful the refiner is told that a picture of the negative prompt be",
            Flags = ["--negative-aesthetic-score"], InfotextKey = "Negative aesthetic score", SdapiName = "sdxl_refiner_low_aesthetic_score",
            OpenAiName = "negative_aesthetic_score", McpName = "negative_aesthetic_score", Range = (0, 10), Step = 0.5, Needs = KnobNeeds.Refiner,
        },
    ];
}
