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
        Assert.Equal("Of no kind.", Refusals.Said("Of no kind.", texts));
        texts.Language = "en";
        Assert.Equal(Sentence.Of(steps), Refusals.Said(Sentence.Of(steps), texts));
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
