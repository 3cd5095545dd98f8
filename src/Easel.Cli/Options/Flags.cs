namespace Easel.Cli.Options;

/// <summary>The value that a flag gives a knob; null for none, as "random" gives a seed.</summary>
internal sealed record Turned(object? Value);

/// <summary>
/// Makes options. Each name of several words is known with dashes and with underscores; an option given twice counts by its last value, as Python's
/// argparse has it; a value of the wrong kind is told in one sentence.
/// </summary>
internal static class Flags
{
    public static Option<bool> Switch(string help, params string[] names) => Named(names, all => new Option<bool>(all[0], all[1..])
    {
        Description = help,
        Arity = ArgumentArity.Zero,
    });

    /// <summary>A switch that can be taken back: <c>--literal false</c>.</summary>
    public static Option<bool?> Toggle(string help, params string[] names) => Named(names, all => new Option<bool?>(all[0], all[1..])
    {
        Description = help,
        Arity = ArgumentArity.ZeroOrOne,
    });

    public static Option<string?> Text(string value, string help, params string[] names) => Valued(value, help, names, text => text, "");

    /// <summary>A text that may be given several times, each of which counts.</summary>
    public static Option<string[]?> Texts(string value, string help, params string[] names) =>
        Named(names, all => new Option<string[]?>(all[0], all[1..]) { Description = help, HelpName = value, Arity = ArgumentArity.OneOrMore });

    public static Option<int?> Whole(string help, params string[] names) =>
        Valued<int?>("N", help, names,
            text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? n : null, "a whole number",
            (int.MinValue, int.MaxValue));

    public static Option<double?> Number(string help, params string[] names) =>
        Valued<double?>("X", help, names,
            text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var x) && double.IsFinite(x) ? x : null, "a number");

    /// <summary>The option of a knob; null where the command line cannot set it.</summary>
    public static Option? Of(Knob knob)
    {
        string[] names = [.. knob.Flags, .. knob.ScriptFlags];
        if (names.Length == 0) return null;
        var help = knob.Help + (knob.Property == nameof(GenerationRequest.Sampler) ? "; easel samplers lists them" : "") + DefaultOf(knob);
        if (knob.CanBeTakenBack) return Toggle(help, names);
        if (knob.Kind == KnobKind.Switch) return Switch(help, names);
        if (knob.Kind == KnobKind.Controls) return Texts(ControlFlag.Form, help, names);
        if (knob.Kind == KnobKind.Picture) return Text(knob.ValueName, help, names);
        var words = knob.Choices.Select(choice => choice.Word).ToArray();
        var option = Valued(words.Length > 0 ? string.Join('|', words) : knob.ValueName, help, names, text => knob.TryParse(text, out var value)
            ? new Turned(value) : null, knob.ValueKind, knob.Kind == KnobKind.Whole ? knob.Range : null);
        option.CompletionSources.Clear();
        if (words.Length > 0 || knob.Values is not null) option.CompletionSources.Add([.. knob.NoneWords, .. words, .. knob.Values?.Invoke() ?? []]);
        return option;
    }

    /// <summary>What holds where the flag is not given, for the help.</summary>
    private static string DefaultOf(Knob knob) => (knob.DefaultFrom, knob.Kind) switch
    {
        (DefaultFrom.Model, _) => " (default: what suits the model)",
        (DefaultFrom.Sampler, _) => " (default: the sampler's own)",
        (DefaultFrom.Picture, _) => " (default: the input picture's or the model's)",
        (DefaultFrom.Chance, _) => " (default random)",
        (_, KnobKind.Whole or KnobKind.Number or KnobKind.Choice) when knob.Default is { } value => $" (default {knob.Format(value)})",
        _ => "",
    };

    /// <summary>One of a few words; the first word of each choice is shown.</summary>
    public static Option<T?> Choice<T>(string help, (string Words, T Value)[] choices, params string[] names) where T : struct
    {
        var shown = string.Join('|', choices.Select(choice => choice.Words.Split(' ')[0]));
        var option = Valued<T?>(shown, help, names, text => Of(text), "one of " + shown.Replace("|", ", "));
        option.CompletionSources.Clear(); // the names of the enumeration's members
        option.CompletionSources.Add(shown.Split('|'));
        return option;

        T? Of(string text)
        {
            foreach (var (words, value) in choices)
                if (words.Split(' ').Contains(text.ToLowerInvariant().Replace('_', '-'))) return value;
            return null;
        }
    }

    /// <summary>An option with a value that <paramref name="parse"/> reads; null says that it could not.</summary>
    /// <param name="wholes">Which whole numbers it takes, which is said of one that is too large to be read.</param>
    public static Option<T?> Valued<T>(string value, string help, string[] names, Func<string, T?> parse, string kind,
        (double Least, double Most)? wholes = null) => Named(names, all =>
    {
        // More than one occurrence is let through to the parser, which takes the last.
        var option = new Option<T?>(all[0], all[1..]) { Description = help, HelpName = value, Arity = new ArgumentArity(1, short.MaxValue) };
        option.CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (IsOption(result, text))
            {
                result.AddError($"{all[0]} needs a value, but the next word is {text}.");
                return default;
            }
            if (parse(text) is { } parsed) return parsed;
            var range = wholes is var (least, most) && text.TrimStart('+', '-') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit)
                ? FormattableString.Invariant($" from {least:0} to {most:0}") : "";
            result.AddError($"{Spelling(result, all[0])} takes {kind}{range}, not '{text}'.");
            return default;
        };
        return option;
    });

    /// <summary>The names with dashes and underscores exchanged, in the order given.</summary>
    public static string[] Spellings(IEnumerable<string> names) => [.. names.SelectMany(name => name.StartsWith("--", StringComparison.Ordinal)
        ? new[] { name, "--" + name[2..].Replace('_', '-'), "--" + name[2..].Replace('-', '_') }
        : [name]).Distinct()];

    private static T Named<T>(string[] names, Func<string[], T> make) => make(Spellings(names));

    private static string Spelling(ArgumentResult result, string otherwise) => (result.Parent as OptionResult)?.IdentifierToken?.Value ?? otherwise;

    private static bool IsOption(ArgumentResult result, string text)
    {
        if (!text.StartsWith("--", StringComparison.Ordinal)) return false;
        for (var at = result.Parent; at is not null; at = at.Parent)
            if (at is CommandResult command) return command.Command.Options.Any(option => option.Name == text || option.Aliases.Contains(text));
        return false;
    }
}
