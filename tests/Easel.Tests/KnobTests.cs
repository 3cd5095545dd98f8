using System.Globalization;
using Easel.Cli;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Tests.Cli;

namespace Easel.Tests;

/// <summary>The table of knobs holds every setting, and what is made from its rows says what they say.</summary>
public sealed class KnobTests
{
    private static readonly RgbImage Picture = new(64, 64);

    /// <summary>A value of each knob that is not its default.</summary>
    private static readonly Dictionary<string, object> Other = new()
    {
        [nameof(GenerationRequest.Prompts)] = (string[])["a cat"],
        [nameof(GenerationRequest.NegativePrompt)] = "dogs",
        [nameof(GenerationRequest.Sampler)] = "heun",
        [nameof(GenerationRequest.Schedule)] = "karras",
        [nameof(GenerationRequest.HiresUpscaler)] = "Lanczos",
        [nameof(GenerationRequest.HiresSampler)] = "Heun",
        [nameof(GenerationRequest.HiresSchedule)] = "Karras",
        [nameof(GenerationRequest.Refiner)] = "sd_xl_refiner_1.0",
        [nameof(GenerationRequest.FaceRestorer)] = "GFPGANv1.4",
        [nameof(GenerationRequest.HiresPrompt)] = "a larger cat",
        [nameof(GenerationRequest.HiresNegativePrompt)] = "larger dogs",
        [nameof(GenerationRequest.DetailPrompt)] = "a face",
        [nameof(GenerationRequest.Extend)] = new Margins(8, 16, 24, 32),
        [nameof(GenerationRequest.InitImage)] = Picture,
        [nameof(GenerationRequest.Controls)] = (ControlUnit[])
        [
            new() { Network = "canny", Hint = HintKind.Canny, Strength = 0.5, Start = 0.25, End = 0.75, ThresholdA = 50, Mode = ControlMode.Control },
            new() { Network = "union", UnionType = "depth", Fit = ImageFit.Pad, Resolution = 256, Hint = HintKind.Blur, ThresholdA = 2.5 },
        ],
        [nameof(GenerationRequest.Mask)] = new GrayImage(64, 64),
        [nameof(GenerationRequest.Depth)] = new DepthImage(64, 64, new ushort[64 * 64]),
    };

    public static TheoryData<string> Names => [.. Knobs.All.Select(knob => knob.Property)];

    [Fact]
    public void EverySettingHasARow()
    {
        var settings = typeof(GenerationRequest).GetProperties().Where(property => property.CanWrite && property.Name != nameof(GenerationRequest.Prompt));
        Assert.Equal(settings.Select(property => property.Name).Order(), Knobs.All.Select(knob => knob.Property).Order());
        Assert.All(Knobs.All.Where(knob => knob.Kind == KnobKind.Choice), knob =>
            Assert.Equal(Enum.GetValues(knob.Default!.GetType()).Length, knob.Choices.Count));
    }

    [Fact]
    public void NoNameStandsForTwoKnobs()
    {
        Assert.All((Func<Knob, IEnumerable<string>>[])
        [
            knob => knob.Flags.Concat(knob.ScriptFlags), knob => Name(knob.InfotextKey), knob => Name(knob.SdapiName), knob => Name(knob.OpenAiName),
            knob => Name(knob.McpName),
            knob => [knob.Label],
        ], names => Assert.Empty(Knobs.All.SelectMany(names).GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key)));

        static IEnumerable<string> Name(string? name) => name is null ? [] : [name];
    }

    /// <summary>Each flag turns its knob, and no other.</summary>
    [Theory, MemberData(nameof(Names))]
    public void AFlagTurnsItsKnob(string property)
    {
        var knob = Knobs.Find(property)!;
        if (knob.Flags.Count == 0 || knob.Kind is KnobKind.Picture or KnobKind.Controls) return; // files, read elsewhere
        var value = OtherThanDefault(knob);
        var text = value is Margins m ? FormattableString.Invariant($"left={m.Left},top={m.Top},right={m.Right},bottom={m.Bottom}") : knob.Format(value);
        foreach (var flag in knob.Flags)
        {
            var settings = Command.Read(knob.Kind == KnobKind.Switch ? ["draw", flag] : ["draw", flag, text]);
            Assert.Equal(value, Assert.Single(settings.Turned, turned => turned.Key == property).Value);
        }
    }

    /// <summary>What a picture's text tells of each knob is read again.</summary>
    [Theory, MemberData(nameof(Names))]
    public void APicturesTextTellsEachKnob(string property)
    {
        var knob = Knobs.Find(property)!;
        // Pictures do not travel in a text.
        string[] elsewhere = [nameof(GenerationRequest.InitImage), nameof(GenerationRequest.Mask), nameof(GenerationRequest.Depth)];
        if (elsewhere.Contains(property)) return;
        var request = new GenerationRequest
        {
            Prompt = "a cat",
            Steps = 20,
            Sampler = "euler",
            Schedule = "normal",
            GuidanceScale = 7,
            Seed = 1,
            Width = 64,
            Height = 64,
            InitImage = Picture,
            Mask = new GrayImage(64, 64),
            OnlyMasked = property == nameof(GenerationRequest.OnlyMaskedPadding),
            Like = property is nameof(GenerationRequest.BatchSize) or nameof(GenerationRequest.BatchCount) ? NoiseLike.CompVis : NoiseLike.PerPicture,
        };
        if (property == nameof(GenerationRequest.VariationSeed)) request = request with { VariationStrength = 0.5 };
        if (property is nameof(GenerationRequest.SeedResizeWidth) or nameof(GenerationRequest.SeedResizeHeight))
            request = request with { SeedResizeWidth = 512, SeedResizeHeight = 512 };
        if (Knobs.Find(property)!.Needs == KnobNeeds.Refiner) request = request with { Refiner = "other" };
        if (Knobs.Find(property)!.Needs == KnobNeeds.FaceRestorer) request = request with { FaceRestorer = "other" };
        if (property.StartsWith("Hires", StringComparison.Ordinal)) request = request with { InitImage = null, Mask = null, HiresScale = 2 };
        if (property.StartsWith("Detail", StringComparison.Ordinal)) request = request with { Detail = DetailKind.Faces };
        var turned = knob.Set(request, property == nameof(GenerationRequest.Sampler) ? "Heun" : property == nameof(GenerationRequest.Schedule) ? "Karras"
            : OtherThanDefault(knob));
        var index = property == nameof(GenerationRequest.BatchCount) ? turned.BatchCount - 1 : 0;
        var image = new GeneratedImage(Picture, turned, turned.Prompt, turned.Seed!.Value, index, false);
        var again = RequestInfotext.FromInfotext(Infotext.Parse(RequestInfotext.ToInfotext(image, "m", null).ToString()));
        Assert.Equal(knob.Get(turned), knob.Get(again));
    }

    [Theory]
    [InlineData(nameof(GenerationRequest.Steps), "0", "The number of steps is 0; it must be from 1 to 1000.", "--steps is 0; it must be from 1 to 1000.")]
    [InlineData(nameof(GenerationRequest.GuidanceScale), "200.5", "The guidance scale is 200.5; it must be from 0 to 100.",
        "--cfg is 200.5; it must be from 0 to 100.")]
    [InlineData(nameof(GenerationRequest.Width), "100", "The width is 100, which is not a multiple of 8; the nearest are 96 and 104.",
        "--width is 100, which is not a multiple of 8; the nearest are 96 and 104.")]
    [InlineData(nameof(GenerationRequest.Height), "8", "The height is 8; it must be from 64 to 8192 pixels.",
        "--height is 8; it must be from 64 to 8192 pixels.")]
    [InlineData(nameof(GenerationRequest.BatchCount), "20000", "The number of batches is 20000; it must be from 1 to 10000.", null)]
    public void AValueOutOfRangeIsToldInTheWordsOfTheShell(string property, string text, string told, string? onCommandLine)
    {
        var knob = Knobs.Find(property)!;
        Assert.True(knob.TryParse(text, out var value));
        var refused = Assert.Throws<InvalidRequestException>(() => knob.Set(new GenerationRequest(), value).Validate());
        Assert.Equal((property, told), (refused.Field, refused.Message));
        if (onCommandLine is not null) Assert.Equal((ExitCodes.BadInput, onCommandLine), ExitCodes.Of(refused));
    }

    [Fact]
    public void WhatATextNamesAndNobodyUnderstandsIsTold()
    {
        var text = Infotext.Parse("a cat\nSteps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, ADetailer model: face_yolov8n.pt, Emphasis: "
            + "No norm, Model: x, Clip skip: 2");
        Assert.Equal(["ADetailer model", "Emphasis"], RequestInfotext.NotUnderstood(text).Select(setting => setting.Key));
    }

    /// <summary>A knob with nothing to act on, and a tag that no prompt has here, are told and not passed over in silence.</summary>
    [Fact]
    public void WhatIsNotHonouredIsTold()
    {
        using var generator = ImageGenerator.Load(Models.LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var request = new GenerationRequest
        {
            Prompt = "a cat <hypernet:fur:1>",
            Steps = 1,
            Width = 64,
            Height = 64,
            Seed = 1,
            Strength = 0.5,
            MaskBlur = 8,
            NoiseLevel = 50
        };
        Assert.Equal(
        [
            "The strength does nothing here: it needs an input picture or a second pass.", "The noise level does nothing here: it needs a model that enlarges.",
            "The mask blur does nothing here: it needs a mask.", "The prompt's <hypernet:fur:1> is nothing that Easel knows; it was passed over.",
        ], generator.Generate(request).Remarks);
        Assert.Empty(generator.Generate(new GenerationRequest { Prompt = "a cat", Steps = 1, Width = 64, Height = 64, Seed = 1 }).Remarks);
    }

    private static object OtherThanDefault(Knob knob) => Other.TryGetValue(knob.Property, out var given) ? given : knob.Kind switch
    {
        KnobKind.Switch => !(bool)knob.Default!,
        KnobKind.Choice => knob.Choices.First(choice => !choice.Value.Equals(knob.Default)).Value,
        KnobKind.Number => (knob.Range?.Least ?? 0) + (knob.Range?.Most - knob.Range?.Least ?? 1) / 4,
        KnobKind.Whole when knob.Range is null => 7L,
        KnobKind.Whole => (int)Math.Clamp(Convert.ToInt32(knob.Default ?? 1, CultureInfo.InvariantCulture) + knob.MultipleOf * 2, knob.Range!.Value.Least,
            knob.Range.Value.Most)
            / knob.MultipleOf * knob.MultipleOf,
        _ => throw new InvalidOperationException($"{knob.Property} needs a value in this test."),
    };
}
