using Bunit;
using Easel.Metadata;
using Easel.Server.Library;
using Easel.Server.Page;
using Microsoft.Extensions.DependencyInjection;

namespace Easel.Server.Tests.Page;

/// <summary>Guards what needs no server: the parts of the page and what they remember.</summary>
public sealed class ComponentTests : IDisposable
{
    private readonly BunitContext _context = new();

    public void Dispose() => _context.Dispose();

    [Fact]
    public void AStyleIsPressedAndItsWordsFollowEveryPrompt()
    {
        var settings = new PageSettings { Prompt = "a fox\n\n a cat ", PromptPerLine = true };
        var changes = 0;
        var styles = new StyleLibrary(new ServerOptions { StylesFile = null });
        _context.Services.AddSingleton(new Texts());
        var picker = _context.Render<StylePicker>(with => with.Add(p => p.Settings, settings).Add(p => p.Groups, PromptStyles.For(null))
            .Add(p => p.OnChanged, () => changes++));
        var pastel = picker.FindAll("button.chip").Single(chip => chip.TextContent == "Pastel");
        Assert.Equal("false", pastel.GetAttribute("aria-pressed"));
        pastel.Click();
        Assert.Equal("true", picker.FindAll("button.chip").Single(chip => chip.TextContent == "Pastel").GetAttribute("aria-pressed"));
        Assert.Equal(["a fox, pastel colours", "a cat, pastel colours"],
            settings.Prompts.Select(prompt => styles.Apply(prompt, "", settings.Styles).Prompt));
        picker.Find("button.link").Click();
        Assert.Empty(settings.Styles);
        Assert.Equal(2, changes);
    }

    [Fact]
    public void WhatTheBrowserRemembersComesBack()
    {
        var settings = new PageSettings { Prompt = "<b>\"ü\"", Styles = ["Ink"], Use = InputUse.Mask };
        settings.Turn(nameof(GenerationRequest.Width), 640);
        settings.Turn(nameof(GenerationRequest.Seed), 0L);
        settings.Turn(nameof(GenerationRequest.Fill), MaskFill.Noise);
        settings.Turn(nameof(GenerationRequest.Schedule), "karras");
        var request = settings.Request;
        Assert.Equal(new GenerationRequest { Width = 640, Seed = 0, Fill = MaskFill.Noise, Schedule = "karras", Prompts = request.Prompts }, request);
        Assert.Equivalent(settings, PageSettings.FromJson(settings.ToJson()), strict: true);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("""{"prompt":null}""")]
    [InlineData("""{"steps":"many"}""")]
    public void AMemoryThatCannotBeReadIsAFreshStart(string? json) => Assert.Equivalent(new PageSettings(), PageSettings.FromJson(json), strict: true);

    [Theory]
    [InlineData(0.2, "1 s")]
    [InlineData(59.4, "1 min")]
    [InlineData(130, "2 min 10 s")]
    [InlineData(3900, "1 h 5 min")]
    public void TimeIsToldInWords(double seconds, string words) => Assert.Equal(words, Sentence.Duration(seconds, new Texts()));

    [Fact]
    public void AnUnknownSamplerIsToldAndTheRestIsTaken()
    {
        var settings = new PageSettings { Turned = { ["Sampler"] = "euler" } };
        var remark = settings.Take(Infotext.Parse("a\nSteps: 9, Sampler: exp_heun_2_x0, Seed: 3, Size: 513x515"));
        Assert.Contains("exp_heun_2_x0", remark);
        var request = settings.Request;
        Assert.Equal(("euler", 9, 3L, true, 512, 512), (request.Sampler, request.Steps, request.Seed, settings.SeedIsLocked, request.Width, request.Height));
    }

    /// <summary>A number in a text has the language's own point; fields of numbers are left to the browser, which does so itself.</summary>
    [Theory]
    [InlineData("en", "4.2 GB", "1 min 5 s")]
    [InlineData("de", "4,2 GB", "1 min 5 s")]
    [InlineData("zh", "4.2 GB", "1 分 5 秒")]
    public void FiguresAreWrittenAsTheLanguageDoes(string language, string bytes, string time)
    {
        var texts = new Texts { Language = language };
        Assert.Equal(bytes, Sentence.Bytes((long)(4.2 * (1L << 30)), texts));
        Assert.Equal(time, Sentence.Duration(65, texts));
    }

    [Fact]
    public void APicturesSettingsHaveThePagesNames()
    {
        var texts = new Texts { Language = "de" };
        Assert.Equal(["Schritte", "Führung", "Seed", "Of no field"],
            ((string[])["Steps", "CFG scale", "Seed", "Of no field"]).Select(name => Sentence.OfSetting(name, texts)));
    }

    [Fact]
    public async Task OfSeveralDeletionsEachCanBeTakenBackTheLastOneFirst()
    {
        var (notices, back) = (new Notices(), new List<string>());
        void Delete(string name) => notices.Show(new Notices.Notice(name, "Undo", () =>
        {
            back.Add(name);
            return Task.CompletedTask;
        }));
        foreach (var name in (string[])["first", "second", "third"]) Delete(name);
        notices.Say("The path is copied."); // covers what can be taken back for a moment
        Assert.Null(notices.Current!.Action);
        notices.PutAway();
        await notices.Act();
        Assert.Equal("second", notices.Current!.Text);
        await notices.Act();
        Assert.Equal(["third", "second"], back);
        Delete("fourth");
        notices.Show(new Notices.Notice("Shall a sound tell you?", "Yes"));
        notices.PutAway();
        notices.PutAway(); // closes the fourth, and what it covered comes to light
        Assert.Equal("first", notices.Current!.Text);
        await notices.Act();
        Assert.Null(notices.Current);
    }
}
