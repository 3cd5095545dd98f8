using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Easel.Hub;
using Easel.Server.Library;
using Easel.Server.Page;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Easel.Server.Tests.Page;

/// <summary>Guards that the page says everything in every language that it speaks, and that no text is too long for a phone.</summary>
public sealed partial class TextsTests(Chromium chromium) : IDisposable
{
    /// <summary>Names, which are the same everywhere.</summary>
    private static readonly string[] Names = ["ControlNet", "Easel", "easel pull org/name", "easel serve --models PATH"];

    /// <summary>Files whose sentences are for programs and the command line, or damaged packages.</summary>
    private static readonly string[] OfPrograms =
    [
        "GalleryRebuild.cs", "PictureFolder.cs", "Database.cs", "FarmPainter.cs", "ModelFile.Make.cs", "LoadOptions.cs", "ControlUnit.cs", "Watermark.cs",
        "WatermarkMark.cs", "ImageTensor.cs", "ImageRegion.cs", "ImageGrid.cs", "Resampling.cs", "MaskTools.cs", "ImageFile.cs", "ImageFile.Save.cs",
        "ImageEncoder.cs", "JpegFile.cs", "PngDepthReader.cs", "NoiseSource.cs",
    ];

    /// <summary>Sentences that only programs are told, since the page asks for nothing of the kind.</summary>
    private static readonly string[] ToldToPrograms =
    [
        "A sheet is not asked for by itself: POST /api/grids draws one.",
        "A scale goes with the task \"enlarge\"; what is drawn has a width and a height.",
        "A prompt is missing: null stands in its place.",
        "Pictures to skip are 7; it must be 0 or more.",
        "The page mark is not one that an earlier page ended with.",
        "A picture of 7x7 does not fit into a place of 7x7.",
        "A picture cannot be 7x7 pixels: both sides must be at least 1 and all its samples must fit in memory.",
        "A picture of 7x7 pixels with 7 sample(s) each needs 7 samples, not 7.",
        "'7' cannot name a text in a PNG: a name has 1 to 79 Latin-1 characters.",
        "The face restorer is named by an empty text; name a network, or leave it out.",
        "The refiner is named by an empty text; name a model, or leave it out.",
    ];

    /// <summary>Sentences that are put together of pieces; each whole is a kind.</summary>
    private static readonly string[] OfPieces =
    [
        "The grid has 7 x 7 x 7 places7, 7 pictures; this server allows 7.",
        "\"7\" is no 7: 7",
        "There is no 7 \"7\", and no other either.",
        "There is no 7 \"7\"; there are 7.",
        "\"7\" is no model to fetch7 of the list, org/name, org/name:file and https addresses are.",
        "Steps is \"7\" on an axis; it must be 77",
        "Picture 7, 7, is not given out, nor are those after it.",
        "Picture 7, 7, 7",
        "The refiner does nothing here: 7.",
        "The negative prompt does nothing here: 7",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Languages => [.. Texts.All.Where(tag => tag != "en")];

    private static IEnumerable<string> Sources
    {
        get
        {
            var root = typeof(TextsTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ServerSource").Value!;
            return Directory.EnumerateFiles(Path.Combine(root, "Page")).Where(path => Path.GetExtension(path) is ".cs" or ".razor").Order(
                StringComparer.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public void EveryTextIsTranslated(string language)
    {
        var known = Texts.Of(language);
        var said = Sources.SelectMany(path => Said().Matches(File.ReadAllText(path))).SelectMany(match => Quoted().Matches(match.Value))
            .Select(match => Regex.Unescape(match.Groups[1].Value)).ToHashSet();
        Assert.True(said.Count > 200, $"Only {said.Count} texts were found.");
        var knobs = Knobs.All.Where(knob => knob.OnPage && knob.Kind is not (KnobKind.Picture or KnobKind.Margins)).ToList();
        var missing = said.Concat(knobs.Select(knob => knob.Label)).Concat(knobs.Select(knob => knob.Group).OfType<string>())
            .Concat(knobs.Select(knob => Sentence.Capital(knob.Help) + "."))
            .Concat(KnownModels.All.Where(model => model.Use == ModelPurpose.Checkpoint).SelectMany(model => (string[])[model.Title, model.Licence]))
            .Concat(knobs.SelectMany(knob => knob.Choices.Select(choice => Sentence.KeyOf(knob, choice))))
            .Concat(PlainTexts.All).Concat(Refusals.All)
            .Concat(PromptStyles.Groups.Concat(PromptStyles.OfSketch).Select(group => group.Group))
            .Where(text => !known.ContainsKey(text)).Distinct().ToList();
        Assert.True(missing.Count == 0, $"{language} lacks:\n{string.Join('\n', missing)}");
        Assert.All(known, pair => Assert.Equal(Places(pair.Key), Places(pair.Value)));
    }

    [Fact]
    public void RefusalsAreSaidInTheLanguageOfThePage()
    {
        var texts = new Texts { Language = "de" };
        var steps = Assert.Throws<InvalidRequestException>(() => new GenerationRequest { Steps = 2000 }.Validate());
        Assert.Equal("Schritte ist 2000; möglich ist 1 bis 1000.", Refusals.Said(Sentence.Of(steps), texts));
        var width = Assert.Throws<InvalidRequestException>(() => new GenerationRequest { Width = 65 }.Validate());
        Assert.Equal("Breite ist 65, kein Vielfaches von 8; am nächsten liegen 64 und 72.", Refusals.Said(Sentence.Of(width), texts));
        Assert.Equal("Auf das Blatt kam nichts: Die Liste „x“ ist leer.",
            Refusals.Said("Nothing came to lie on the sheet: The list \"x\" is empty.", texts));
        Assert.Equal("Stärke ist 1,5; möglich ist 0 bis 1.", Refusals.Said("Strength is 1.5; it must be from 0 to 1.", texts));
        Assert.Equal("Das sind 6 Aufträge, und 4 Ihrer Aufträge warten; dieser Server erlaubt 4.",
            Refusals.Said("This is 6 jobs, and 4 of your jobs wait; this server allows 4.", texts));
        Assert.Equal("Breite ist auf einer Achse „x“; möglich ist eine ganze Zahl oder mehreres: 10-30, 10-30 (+5), 10-30 [3].",
            Refusals.Said(Sentence.Of(Assert.Throws<InvalidRequestException>(() => GridAxis.Parse("width", "x"))), texts));
        Assert.Equal($"„{texts["Mask blur"]}“ bewirkt hier nichts: nötig ist eine Maske.",
            Refusals.Said($"The {Knobs.Find(nameof(GenerationRequest.MaskBlur))!.Noun} does nothing here: it needs a mask.", texts));
        Assert.Equal("Of no kind.", Refusals.Said("Of no kind.", texts));
        texts.Language = "en";
        Assert.Equal(Sentence.Of(steps), Refusals.Said(Sentence.Of(steps), texts));
    }

    /// <summary>No kind stands before one that says more.</summary>
    [Fact]
    public void ASentenceIsOfItsOwnKind()
    {
        var texts = new Texts { Language = "de" };
        foreach (var sentence in Refusals.All)
        {
            object?[] values = [.. Place().Matches(sentence).Select(_ => "7")];
            Assert.Equal(texts[sentence, values], Refusals.Said(string.Format(CultureInfo.InvariantCulture, sentence, values), texts));
        }
    }

    /// <summary>Every sentence that the library and the queue refuse with, or remark, has a kind that is said in each language, or stands here as one that
    /// nobody meets on the page.</summary>
    [Fact]
    public void EverySentenceThatThePageMeetsIsOfAKind()
    {
        var texts = new Texts { Language = "de" };
        var server = Path.GetDirectoryName(Path.GetDirectoryName(Sources.First())!)!;
        var library = Path.Combine(Path.GetDirectoryName(server)!, "Easel");
        var files = new[] { "Jobs", "Library", "Storage", "Farm", "Page" }.Select(folder => Path.Combine(server, folder))
            .Concat(new[] { "", "Pipeline", "Sampling", "Imaging" }.Select(folder => Path.Combine(library, folder)))
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs")).Concat(Directory.EnumerateFiles(Path.Combine(library, "Imaging", "Hints")))
            .Where(file => !OfPrograms.Contains(Path.GetFileName(file)));
        var sentences = files.SelectMany(file => SourceSentences.Of(File.ReadAllText(file)).Where(text => text.Contains(' ', StringComparison.Ordinal))
            .Select(text => (File: Path.GetFileName(file), Text: char.IsLower(text[0]) ? "Steps " + text : text))).ToList();
        Assert.True(sentences.Count > 150, $"Only {sentences.Count} sentences were found.");
        string[] allowed = [.. ToldToPrograms, .. OfPieces];
        var unknown = sentences.Where(one => Refusals.Said(one.Text, texts) == one.Text && !allowed.Contains(one.Text)).ToList();
        Assert.True(unknown.Count == 0, $"Refusals lacks:\n{string.Join('\n', unknown)}");
        Assert.All(allowed, text => Assert.Contains(sentences, one => one.Text == text));
    }

    /// <summary>What is long, and nearly of a kind many times over, is read in no time: a page that waited for it, or gave up, would show nothing
    /// at all.</summary>
    [Fact]
    public void ALongSentenceOfNoKindIsSaidAsItIs()
    {
        var texts = new Texts { Language = "zh" };
        var sentence = string.Concat(Enumerable.Repeat("no answered (is for) was; it must be from 0 to. ", 2000));
        Assert.Equal(sentence, Refusals.Said(sentence, texts));
    }

    [Fact]
    public void NoTextStandsInTheMarkupItself()
    {
        foreach (var path in Sources.Where(path => path.EndsWith(".razor", StringComparison.Ordinal)))
        {
            var markup = File.ReadAllText(path);
            if (markup.IndexOf("@code {", StringComparison.Ordinal) is > 0 and var code) markup = markup[..code];
            var bare = Bare().Matches(Comment().Replace(markup, "")).Select(match => match.Groups[1].Value.Trim()).Where(text =>
                !Names.Contains(text)).ToList();
            Assert.True(bare.Count == 0 || Path.GetFileName(path) == "Document.razor", $"{path} says in English only: {string.Join(" | ", bare)}");
        }
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public async Task APhoneShowsItWithoutScrollingSideways(string language)
    {
        await using var server = await RunningServer.Start(_folder);
        await server.Finished(await server.Submit(RunningServer.Cat()));
        await using var tab = await chromium.Open(server, width: 390, height: 844);
        await tab.Page.Context.AddCookiesAsync([new Cookie { Name = Texts.Cookie, Value = language, Url = server.Address }]);
        var page = await tab.Go();
        await Expect(page.Locator("html")).ToHaveAttributeAsync("lang", language);
        await Expect(page.Locator("#draw")).ToHaveTextAsync(Texts.Of(language)["Draw"]);
        foreach (var path in (string[])["/", "/gallery", "/models", "/settings"])
        {
            await tab.Go(path);
            Assert.Equal(390, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        }
    }

    private static string Places(string text) => string.Join(' ', Place().Matches(text).Select(match => match.Value).Order(StringComparer.Ordinal));

    /// <summary>What is looked up: T["..."], T[x ? "..." : "..."], T.Count(n, "...", "...").</summary>
    [GeneratedRegex("""(?:\bT|\btexts|\b_texts)\["(?:[^"\\]|\\.)*"|\bT\.Count\([^;]*?"(?:[^"\\]|\\.)*",\s*"(?:[^"\\]|\\.)*"|\bthis\[count == 1[^;]*""")]
    private static partial Regex Said();

    [GeneratedRegex("\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex Quoted();

    [GeneratedRegex("""[>]\s*([A-Z][A-Za-z][^<>@{}();="]*[a-z.])\s*[<]""")]
    private static partial Regex Bare();

    [GeneratedRegex("""@\*.*?\*@""", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex("""\{\d\}""")]
    private static partial Regex Place();
}
