using Easel.Text.Repair;

namespace Easel.Tests.Text;

/// <summary>Guards the steps between what was typed and what is tokenized, one by one.</summary>
public sealed class PromptCleanerTests
{
    [Theory]
    [InlineData("  a \t\r\n b\u3000c\u00A0", "a b c")]
    [InlineData("İSTANBUL", "i\u0307stanbul")]
    [InlineData("ΟΔΟΣ ΣΟΦΙΑ Σ", "οδος σοφια σ")]
    [InlineData("ΟΔΟΣ\u0301'.", "οδος\u0301'.")]
    [InlineData("cafÃ©", "café")]
    [InlineData("l’humanitÃ©", "l'humanité")]
    [InlineData("â€œ like this â€\uFFFD", "\" like this \uFFFD")]
    [InlineData("The Mona Lisa doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t", "the mona lisa doesn't")]
    [InlineData("voilÃ le travail", "voilà le travail")]
    [InlineData("Ã la mode", "à la mode")]
    [InlineData("garçon, naïve, Škoda, “5 €”", "garçon, naïve, škoda, \"5 €\"")]
    [InlineData("ＬＯＵＤ　ｶﾞ", "loud ガ")]
    [InlineData("ﬂubberiﬁc Ǆ", "flubberific dž")]
    [InlineData("\u001B[1;31mred\u001B[0m\u0007", "red")]
    [InlineData("e\u0301 \u1112\u1161\u11AB \u212B", "é 한 å")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    public void Cleans(string text, string expected) => Assert.Equal(expected, PromptCleaner.Clean(text));

    [Fact]
    public void HalfACharacterIsALostOne() => Assert.Equal("a\uFFFDb 😀", PromptCleaner.Clean("a\uD83Db \uD83D\uDE00"));

    [Theory]
    [InlineData("&eacute;&#233;&#xE9;", "ééé")]
    [InlineData("&notit; &notin;", "¬it; ∉")]
    [InlineData("&ampere &nosuch;", "&ere &nosuch;")]
    [InlineData("&#150;&#0;&#xD800;&#x110000;&#99999999999999999999;&#1;", "–\uFFFD\uFFFD\uFFFD\uFFFD")]
    [InlineData("&NotEqualTilde;&Afr;", "\u2242\u0338\U0001D504")]
    [InlineData("& &; &# &#x; &#;", "& &; &# &#x; &#;")]
    public void ResolvesEntitiesAsBrowsersDo(string text, string expected) => Assert.Equal(expected, HtmlEntities.Unescape(text));

    [Theory]
    [InlineData("this&not that", "this&not that")]
    [InlineData("&NTILDE; &nTILDE; &SZLIG;", "Ñ &nTILDE; SS")]
    [InlineData("&#59; &#12ab;", "&#59; &#12ab;")]
    public void ResolvesOnlyWhatIsCertainInARepair(string text, string expected) => Assert.Equal(expected, HtmlEntities.UnescapeComplete(text));

    /// <summary>From the first line that has a "less than" on, entities are meant as they stand; later steps of the cleaning resolve them anyway.</summary>
    [Fact]
    public void KeepsEntitiesOfMarkup() => Assert.Equal("é\n<b>&eacute;</b>\n&eacute;", TextRepair.Repair("&eacute;\n<b>&eacute;</b>\n&eacute;"));
}
