namespace Easel.Server.Page;

/// <summary>What the page says, in the language of whoever reads it. The English text is the key; a language is a file of pairs (Page/Texts).</summary>
internal sealed class Texts
{
    /// <summary>The name of the cookie that holds the chosen language.</summary>
    public const string Cookie = "easel-language";

    /// <summary>In every language this is that language's own name.</summary>
    private const string English = "English";

    private static readonly Dictionary<string, Dictionary<string, string>> Languages = Load();

    private Dictionary<string, string>? _pairs;

    /// <summary>The languages there are, by their tags.</summary>
    public static IEnumerable<string> All => Languages.Keys.Prepend("en").Order(StringComparer.Ordinal);

    /// <summary>The tag of the language, as "de".</summary>
    public string Language
    {
        get;
        set
        {
            field = value;
            _pairs = Languages.GetValueOrDefault(value);
        }
    } = "en";

    /// <summary>A text.</summary>
    /// <param name="english">What it is in English.</param>
    public string this[string english] => _pairs is not null && _pairs.TryGetValue(english, out var said) ? said : english;

    /// <summary>A text with values in it.</summary>
    /// <param name="english">What it is in English, with {0}, {1} where the values go.</param>
    public string this[string english, params ReadOnlySpan<object?> values] => string.Format(CultureInfo.InvariantCulture, this[english], values);

    /// <summary>"1 picture", "3 pictures".</summary>
    /// <param name="one">The English for one, with {0} for the number: "{0} picture".</param>
    /// <param name="many">The English for many.</param>
    /// <param name="more">What {1} and on stand for.</param>
    public string Count(int count, string one, string many, params ReadOnlySpan<object?> more) => this[count == 1 ? one : many, [count, .. more]];

    /// <summary>"1 picture", "3 pictures".</summary>
    public string Pictures(int count) => Count(count, "{0} picture", "{0} pictures");

    /// <summary>A number as the language writes it. Fields of numbers are the browser's: it shows in its own language what it is given with a point.</summary>
    /// <param name="format">As .NET has it: "0.0".</param>
    public string Number(double value, string format) => Number(value.ToString(format, CultureInfo.InvariantCulture));

    /// <inheritdoc cref="Number(double, string)"/>
    /// <param name="written">The number with a point: "0.75".</param>
    public string Number(string written) => written.Replace(".", this["."], StringComparison.Ordinal);

    /// <summary>A language as those call it who speak it.</summary>
    public static string NameOf(string tag) => tag == "en" ? English : Languages[tag][English];

    /// <summary>The pairs of a language.</summary>
    public static IReadOnlyDictionary<string, string> Of(string language) => Languages[language];

    /// <summary>The language of a request: what was chosen, else the first that the browser asks for and the page speaks.</summary>
    public static string For(HttpRequest request)
    {
        if (request.Cookies[Cookie] is { } chosen && (chosen == "en" || Languages.ContainsKey(chosen))) return chosen;
        foreach (var asked in request.Headers.AcceptLanguage.ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            var tag = asked.Split(';')[0].Split('-')[0].ToLowerInvariant();
            if (tag == "en" || Languages.ContainsKey(tag)) return tag;
        }
        return "en";
    }

    private static Dictionary<string, Dictionary<string, string>> Load()
    {
        const string Folder = "texts/";
        var languages = new Dictionary<string, Dictionary<string, string>>();
        foreach (var resource in typeof(Texts).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)))
        {
            using var stream = typeof(Texts).Assembly.GetManifestResourceStream(resource)!;
            languages[Path.GetFileNameWithoutExtension(resource[Folder.Length..])] = JsonSerializer.Deserialize<Dictionary<string, string>>(stream)!;
        }
        return languages;
    }
}
