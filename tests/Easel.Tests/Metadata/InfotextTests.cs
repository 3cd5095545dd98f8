using Easel.Metadata;
using Easel.Tests.Support;

namespace Easel.Tests.Metadata;

/// <summary>Guards that generation parameters are written and read exactly as AUTOMATIC1111 does, whatever the prompt.</summary>
public sealed class InfotextTests
{
    [Fact]
    public void Writes_what_AUTOMATIC1111_writes()
    {
        foreach (var item in Goldens.Json("imaging/infotext.json").GetProperty("made").EnumerateArray())
            Assert.Equal(item.GetProperty("text").GetString(), Of(item).ToString());
    }

    [Fact]
    public void Reads_what_AUTOMATIC1111_reads()
    {
        foreach (var item in Goldens.Json("imaging/infotext.json").GetProperty("parsed").EnumerateArray())
        {
            var (expected, actual) = (Of(item), Infotext.Parse(item.GetProperty("text").GetString()!));
            Assert.Equal(expected.Prompt, actual.Prompt);
            Assert.Equal(expected.NegativePrompt, actual.NegativePrompt);
            Assert.Equal(expected.Settings, actual.Settings);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        string[] pieces =
        [
            "cat", ", ", "\n", "\"", "\\", ":", "Steps: 20", "Seed: 1, Size: 8x8, Steps: 3", "雪", "🦊", "(", ":1.2)", "<lora:x:1>", "\t", "é", "\n\n", "{a}",
        ];
        var random = new Random(5);
        string Words(int most) => string.Join('\n', string.Concat(Enumerable.Range(0, random.Next(most)).Select(_ => pieces[random.Next(pieces.Length)]))
            .Trim().Split('\n').Select(line => line.Trim()));
        for (var i = 0; i < 500; i++)
        {
            var settings = new List<KeyValuePair<string, string>> { new("Steps", "20"), new("Sampler", "Euler a"), new("Seed", $"{random.Next()}") };
            for (var s = 0; s < random.Next(4); s++)
                if (Words(5) is { Length: > 0 } value && value[0] != '"') settings.Add(new($"Key {s}", value));
            var info = new Infotext { Prompt = Words(8), NegativePrompt = Words(8), Settings = settings };
            Assert.Equal(info, Infotext.Parse(info.ToString()));
        }
    }

    /// <summary>With an engine that backtracks, these three would take hours.</summary>
    [Fact]
    public void Hostile_texts_take_no_quadratic_time()
    {
        Assert.Empty(Infotext.Parse(new string('a', 1_000_000)).Settings);
        Infotext.Parse(string.Concat(Enumerable.Repeat("a \"", 300_000)));
        Infotext.Parse("a: \"" + string.Concat(Enumerable.Repeat("\\\"", 300_000)));
    }

    [Fact]
    public void Settings_are_found_by_name()
    {
        var info = Infotext.Parse("p\nSteps: 20, Sampler: a, Size: 512x768");
        Assert.Equal("512x768", info["Size"]);
        Assert.Null(info["size"]);
    }

    private const string Settings = "Steps: 2, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, Model: other";

    /// <summary>What the original loses, other programs write: prompts on the line of the settings, in words that nobody parts by line breaks.</summary>
    [Theory]
    [InlineData("a cat, Negative prompt: blurry, " + Settings, "a cat", "blurry")]
    [InlineData("a cat. Negative prompt: blurry. " + Settings, "a cat", "blurry")]
    [InlineData("a cat Negative prompt: blurry " + Settings, "a cat", "blurry")]
    [InlineData("a cat, " + Settings, "a cat", "")]
    [InlineData("a cat\nNegative prompt: blurry, " + Settings, "a cat", "blurry")]
    [InlineData("two\nlines, Negative prompt: blurry, " + Settings, "two\nlines", "blurry")]
    [InlineData("a cat, Negative prompt: blurry\n" + Settings, "a cat", "blurry")]
    [InlineData("a cat\nSeed: 1, " + Settings, "a cat", "")]
    [InlineData("Prompt: a cat Negative Prompt: blurry " + Settings, "a cat", "blurry")]
    [InlineData("a dog: cute, " + Settings, "a dog: cute", "")]
    public void Prompts_on_the_line_of_the_settings_are_read(string text, string prompt, string negative)
    {
        var read = Infotext.Parse(text);
        Assert.Equal((prompt, negative), (read.Prompt, read.NegativePrompt));
        Assert.Equal(("2", "Euler a", "64x64", "other"), (read["Steps"], read["Sampler"], read["Size"], read["Model"]));
    }

    [Fact]
    public void Lines_of_extensions_behind_the_settings_are_settings()
    {
        const string extension = "Template: a __animal__, (old:1.2), (red:1.3), b: c\ntwo lines\nNegative Template: blurry";
        var read = Infotext.Parse($"a cat\nNegative prompt: blurry\n{Settings}\n\n{extension}");
        Assert.Equal(("a cat", "blurry", "2"), (read.Prompt, read.NegativePrompt, read["Steps"]));
        Assert.Equal(("a __animal__, (old:1.2), (red:1.3), b: c\ntwo lines", "blurry"), (read["Template"], read["Negative Template"]));
        Assert.Equal(read, Infotext.Parse(read.ToString()));
        Assert.Equal("late", Infotext.Parse($"a cat\n{Settings}\nNegative prompt: late").NegativePrompt);
    }

    private static Infotext Of(System.Text.Json.JsonElement item) => new()
    {
        Prompt = item.GetProperty("prompt").GetString()!,
        NegativePrompt = item.GetProperty("negative").GetString()!,
        Settings = [.. item.GetProperty("settings").EnumerateArray().Select(s => KeyValuePair.Create(s[0].GetString()!, s[1].GetString()!))],
    };
}
