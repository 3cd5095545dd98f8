using Request = Easel.GenerationRequest;

namespace Easel;

/// <content>Rows that turn the noise of a seed into other noise.</content>
public static partial class Knobs
{
    private static Knob[] Variations =>
    [
        new(nameof(Request.VariationSeed))
        {
            Label = "Variation seed", Group = "Variations",
            Help = "the seed of the noise that a variation is turned towards; 'random' or -1 draws one", ValueName = "S",
            Flags = ["--variation-seed", "--subseed"], InfotextKey = "Variation seed", SdapiName = "subseed", OpenAiName = "variation_seed",
            McpName = "variation_seed", NoneWords = ["random", "-1"], DefaultFrom = DefaultFrom.Chance,
            Tell = told => told.Request is { VariationStrength: > 0, VariationSeed: { } seed } ? Text(unchecked(seed + told.Image.Index)) : null,
        },
        new(nameof(Request.VariationStrength))
        {
            Label = "Variation strength", Group = "Variations", Help = "how far a picture strays from its seed towards the variation seed, 0 to 1",
            Flags = ["--variation-strength", "--subseed-strength"], InfotextKey = "Variation seed strength", SdapiName = "subseed_strength",
            OpenAiName = "variation_strength", McpName = "variation_strength", Range = (0, 1), Step = 0.05, Check = OwnStreams(r => r.VariationStrength > 0),
        },
        new(nameof(Request.SeedResizeWidth))
        {
            Label = "Seed from width", Noun = "width of the seed's picture",
            Help = "the width of the picture whose composition a seed is to keep in another size; 0 for none", Flags = ["--seed-from-width"],
            InfotextKey = "Seed resize from", SdapiName = "seed_resize_from_w", OpenAiName = "seed_from_width", McpName = "seed_from_width",
            Range = (8, Request.LargestSide), Step = 8, Unit = " pixels", NoneWords = ["-1", "0"], OnPage = false,
            Tell = told => told.Request is { SeedResizeWidth: { } width, SeedResizeHeight: { } height }
                ? string.Create(CultureInfo.InvariantCulture, $"{width}x{height}") : null,
            Take = Metadata.RequestInfotext.WithSeedSize,
            Check = r =>
            {
                if (r.SeedResizeWidth is null != r.SeedResizeHeight is null)
                    throw Find(nameof(r.SeedResizeWidth))!.Refused("and the height of the seed's picture go together; give both or neither.");
                OwnStreams(s => s.SeedResizeWidth is not null)(r);
            },
        },
        new(nameof(Request.SeedResizeHeight))
        {
            Label = "Seed from height", Noun = "height of the seed's picture", Help = "the height of that picture; 0 for none", Flags = ["--seed-from-height"],
            SdapiName = "seed_resize_from_h", OpenAiName = "seed_from_height", McpName = "seed_from_height",
            Range = (8, Request.LargestSide), Step = 8, Unit = " pixels", NoneWords = ["-1", "0"], OnPage = false,
        },
        new(nameof(Request.NoiseSeedDelta))
        {
            Label = "Noise seed delta", Help = "a number added to the seed for all noise but the first (ENSD); many pictures of the web have 31337",
            Flags = ["--noise-seed-delta", "--ensd"], InfotextKey = "ENSD", SdapiName = "eta_noise_seed_delta", OpenAiName = "noise_seed_delta",
            McpName = "noise_seed_delta", Range = (int.MinValue, int.MaxValue), OnPage = false, Check = OwnStreams(r => r.NoiseSeedDelta != 0),
        },
    ];

    /// <summary>Refuses what takes a stream of noise for each picture where one serves a whole run.</summary>
    private static Action<Request> OwnStreams(Func<Request, bool> isAsked) => r =>
    {
        if (isAsked(r) && IsOneRun(r))
            throw new InvalidRequestException(nameof(r.Like), "Variations, seed resize and a noise seed delta need noise of each picture's own: "
                + "they do not go with seeds like 'compvis' or a fixed code.");
    };
}
