namespace Easel;

/// <summary>An axis of a <see cref="PictureGrid"/>: a setting, and the values that it takes along it. Axes are knobs by any of their names
/// ("steps", "CFG scale", "--hires"), and some more: <see cref="Model"/>, <see cref="Vae"/>, <see cref="SearchReplace"/>, <see cref="Order"/> and
/// <see cref="Size"/>.</summary>
public sealed partial class GridAxis
{
    /// <summary>Other models.</summary>
    public const string Model = "Model";

    /// <summary>Other autoencoders.</summary>
    public const string Vae = "VAE";

    /// <summary>Search and replace in the prompts: the first value is searched for, and each stands in its place once, itself included.</summary>
    public const string SearchReplace = "Prompt S/R";

    /// <summary>The values, parts of the prompt, in all the orders that they can have.</summary>
    public const string Order = "Prompt order";

    /// <summary>Widths and heights: "512x768".</summary>
    public const string Size = "Size";

    /// <summary>The most values of an axis.</summary>
    public const int Most = 1000;

    /// <summary>The most characters of a prompt in which words were replaced; far above any that is meant.</summary>
    private const int MostText = 100_000;

    private const int LongestQuote = 100;

    private readonly Func<GridCell, int, GridCell> _apply;

    /// <summary>An axis of one's own.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="labels">A label for each value.</param>
    /// <param name="apply">What is drawn with the value of that place, from what would be drawn without.</param>
    public GridAxis(string name, IReadOnlyList<string> labels, Func<GridCell, int, GridCell> apply)
    {
        if (labels.Count is 0 or > Most) throw Refused($"The axis {name} has {labels.Count} values; it must have 1 to {Most}.");
        (Name, Labels, _apply) = (name, labels, apply);
    }

    /// <summary>What it is called: "Steps", "Prompt S/R".</summary>
    public string Name { get; }

    /// <summary>A label for each value.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The values as they were asked for, for the text in the sheet.</summary>
    public string Values { get; init; } = "";

    /// <summary>The axis on which nothing changes.</summary>
    public static GridAxis Nothing { get; } = new("Nothing", [""], (cell, _) => cell);

    /// <summary>The names of the axes there are, those of the knobs behind.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [SearchReplace, Order, Model, Vae, Size, .. Knobs.All.Where(IsAxis).Select(knob => knob.Label)];

    /// <summary>The values that an axis can have, where they are one of some; null where they are not.</summary>
    /// <param name="name">Its name.</param>
    public static IReadOnlyList<string>? ChoicesOf(string name) => KnobOf(name) is not { } knob ? null
        : knob.Choices.Count > 0 ? [.. knob.Choices.Select(choice => choice.Word)]
        : knob.Kind == KnobKind.Switch ? ["true", "false"] : knob.Values?.Invoke().ToList();

    /// <summary>What is drawn at a place of the axis.</summary>
    /// <param name="cell">What would be drawn without it.</param>
    /// <param name="place">The place, from 0.</param>
    public GridCell Apply(GridCell cell, int place) => _apply(cell, place);

    /// <summary>Reads an axis as people type it, "steps" and "10, 20-40 (+10), 50-60 [3]": values parted by commas, in quotation marks where they hold one; for
    /// numbers from-to, from-to (step) and from-to [how many] too; for choices * for all.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="values">The values.</param>
    /// <exception cref="InvalidRequestException">There is no such axis, or a value is none of its own.</exception>
    public static GridAxis Parse(string name, string values) => Of(name, Split(values)) is var axis && axis != Nothing ? axis.As(values) : axis;

    /// <summary>An axis of values that are texts, each of which may stand for several, as for <see cref="Parse"/>.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="values">The values.</param>
    /// <exception cref="InvalidRequestException">There is no such axis, or a value is none of its own.</exception>
    public static GridAxis Of(string name, IReadOnlyList<string> values)
    {
        var key = Key(name);
        if (key is "" or "nothing" or "none") return Nothing;
        if (values.Count == 0) throw Refused($"The axis {name.Trim()} has no values; give some, parted by commas.");
        if (key is "promptsr" or "sr") return Replacing(values);
        if (key == Key(Order)) return Ordering(values);
        if (key is "model" or "checkpoint" or "checkpointname" or "sdmodelcheckpoint")
            return new GridAxis(Model, [.. values.Select(FileName)], (cell, place) => cell with { Model = values[place] });
        if (key is "vae" or "sdvae") return new GridAxis(Vae, [.. values.Select(FileName)], (cell, place) => cell with { Vae = values[place] });
        if (key == "size") return Sizes(values);
        if (KnobOf(name) is not { } knob)
        {
            throw Refused($"There is no axis \"{Short(name.Trim())}\"; an axis is one of {string.Join(", ", Names.Take(5))} or a setting such as "
                + "steps, guidance, sampler.");
        }
        return Turning(knob, values);
    }

    /// <summary>The values of a line of comma-separated ones, quotation marks around those with commas (RFC 4180), blanks around them cut off.</summary>
    /// <param name="values">The line, or several.</param>
    public static IReadOnlyList<string> Split(string values)
    {
        var (parts, part, isQuoted) = (new List<string>(), new StringBuilder(), false);
        for (var at = 0; at < values.Length; at++)
        {
            var c = values[at];
            if (isQuoted)
            {
                if (c != '"') part.Append(c);
                else if (at + 1 < values.Length && values[at + 1] == '"') part.Append(values[++at]);
                else isQuoted = false;
            }
            else if (c == '"' && string.IsNullOrWhiteSpace(part.ToString()))
            {
                part.Clear();
                isQuoted = true;
            }
            else if (c is ',' or '\n' or '\r')
            {
                Add();
            }
            else
            {
                part.Append(c);
            }
        }
        if (parts.Count > 0 || !string.IsNullOrWhiteSpace(part.ToString())) Add();
        return parts;

        void Add()
        {
            parts.Add(part.ToString().Trim());
            part.Clear();
        }
    }

    private GridAxis As(string values) => new(Name, Labels, _apply) { Values = values.Trim() };

    /// <summary>Whether a knob can be an axis: what is a picture, or several values at once, cannot be typed.</summary>
    private static bool IsAxis(Knob knob) => knob.Kind is not (KnobKind.Picture or KnobKind.Controls or KnobKind.Texts or KnobKind.Margins)
        && knob.Property is not (nameof(GenerationRequest.BatchSize) or nameof(GenerationRequest.BatchCount));

    private static Knob? KnobOf(string name)
    {
        var key = Key(name);
        return Knobs.All.Where(IsAxis).FirstOrDefault(knob => new[] { knob.Label, knob.Noun, knob.Property, knob.InfotextKey, knob.SdapiName }
            .Concat(knob.Flags).OfType<string>().Any(other => Key(other) == key));
    }

    /// <summary>A name without its case, blanks, dashes and dots.</summary>
    private static string Key(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    /// <summary>A text as a sentence may quote it.</summary>
    private static string Short(string text) => text.Length <= LongestQuote ? text : text[..LongestQuote] + "…";

    private static string FileName(string path) => path.Split('/', '\\')[^1];

    private static GridAxis Turning(Knob knob, IReadOnlyList<string> texts)
    {
        var values = texts.SelectMany(text => ValuesOf(knob, text)).Take(Most + 1).ToList();
        if (knob.Property is nameof(GenerationRequest.Seed) or nameof(GenerationRequest.VariationSeed))
            values = [.. values.Select(seed => seed ?? (object)Random.Shared.NextInt64(1L << 32))]; // so that the labels say which
        foreach (var value in values) knob.Validate(knob.Set(new GenerationRequest(), value));
        return new GridAxis(knob.Label, [.. values.Select(value => LabelOf(knob, value))],
            (cell, place) => cell with { Request = knob.Set(cell.Request, values[place]) });
    }

    /// <summary>The values that a text stands for.</summary>
    private static IEnumerable<object?> ValuesOf(Knob knob, string text)
    {
        if (text.Length > LongestQuote && (knob.Kind != KnobKind.Text || knob.Values is not null))
            throw knob.Refused($"is \"{Short(text)}\" on an axis; it must be {knob.ValueKind}.");
        if (text == "*" && ChoicesOf(knob.Label) is { } all) return all.Select(word => knob.TryParse(word, out var each) ? each : null);
        if (knob.Kind is KnobKind.Whole or KnobKind.Number && Range().Match(text) is { Success: true } range) return Between(knob, range, text);
        if (knob.TryParse(text, out var value)) return [value];
        throw knob.Refused($"is \"{Short(text)}\" on an axis; it must be {knob.ValueKind}" + (knob.Kind is KnobKind.Whole or KnobKind.Number
            ? ", or several: 10-30, 10-30 (+5), 10-30 [3]." : "."));
    }

    private static IEnumerable<object?> Between(Knob knob, Match range, string text)
    {
        var (from, to) = (NumberOf(range.Groups["from"]), NumberOf(range.Groups["to"]));
        List<double> numbers = [];
        if (range.Groups["count"].Success)
        {
            var count = NumberOf(range.Groups["count"]);
            if (count is < 1 or > Most) throw knob.Refused($"is \"{Short(text)}\" on an axis; there can be 1 to {Most} values.");
            for (var i = 0; i < (int)count; i++) numbers.Add(count < 2 ? from : from + (to - from) * i / ((int)count - 1));
        }
        else
        {
            var step = range.Groups["step"].Success ? NumberOf(range.Groups["step"]) : from <= to ? 1 : -1;
            var count = step == 0 ? -1 : Math.Floor((to - from) / step + 1e-9) + 1;
            if (count is < 1 or > Most) throw knob.Refused($"is \"{Short(text)}\" on an axis, which is no values or more than {Most}.");
            for (var i = 0; i < (int)count; i++) numbers.Add(from + i * step);
        }
        return numbers.Select(number => knob.Kind == KnobKind.Whole ? Math.Truncate(number) : Math.Round(number, 8))
            .Select(number => knob.TryParse(number.ToString(CultureInfo.InvariantCulture), out var value) ? value
                : throw knob.Refused($"is \"{Short(text)}\" on an axis; it must be {knob.ValueKind}."));
    }

    private static double NumberOf(Group group) => double.Parse(group.ValueSpan.ToString().Replace(" ", ""), NumberStyles.Float, CultureInfo.InvariantCulture);

    /// <summary>"Steps: 20"; what tells itself, such as a sampler's name, alone.</summary>
    private static string LabelOf(Knob knob, object? value)
    {
        if (value is null) return $"{knob.Label}: {(knob.NoneWords.Count > 0 ? knob.NoneWords[0] : "none")}";
        var said = value is double number ? Math.Round(number, 8).ToString(CultureInfo.InvariantCulture) : knob.Format(value);
        return knob.Property switch
        {
            nameof(GenerationRequest.Sampler) => SamplerInfo.Resolve(said).Sampler.DisplayName,
            nameof(GenerationRequest.Schedule) => ScheduleInfo.Find(said)?.DisplayName ?? said,
            nameof(GenerationRequest.NegativePrompt) => said,
            _ => $"{knob.Label}: {said}",
        };
    }

    private static GridAxis Replacing(IReadOnlyList<string> values)
    {
        if (values[0].Length == 0) throw Refused($"The first value of {SearchReplace} is what is searched for; it is empty.");
        return new GridAxis(SearchReplace, values, (cell, place) =>
        {
            var request = cell.Request;
            if (!request.Prompts.Append(request.NegativePrompt).Any(prompt => prompt.Contains(values[0], StringComparison.Ordinal)))
                throw Refused($"{SearchReplace} did not find \"{Short(values[0])}\" in the prompt or the negative prompt.");
            return cell with
            {
                Request = request with
                {
                    Prompts = [.. request.Prompts.Select(prompt => Replaced(prompt, values[0], values[place]))],
                    NegativePrompt = Replaced(request.NegativePrompt, values[0], values[place]),
                },
            };
        });
    }

    private static string Replaced(string prompt, string old, string text)
    {
        var rest = prompt.Replace(old, "", StringComparison.Ordinal).Length;
        return rest + (long)(prompt.Length - rest) / old.Length * text.Length <= MostText ? prompt.Replace(old, text, StringComparison.Ordinal)
            : throw Refused($"{SearchReplace} would make a prompt of more than {MostText} characters.");
    }

    private static GridAxis Ordering(IReadOnlyList<string> parts)
    {
        if (parts.Count > 6) throw Refused($"{Order} has {parts.Count} parts, which have too many orders; it takes up to 6.");
        if (parts.Any(part => part.Length == 0)) throw Refused($"A part of {Order} is empty.");
        var orders = Orders(parts).ToList();
        return new GridAxis(Order, [.. orders.Select(order => string.Join(", ", order))], (cell, place) =>
            cell with { Request = cell.Request with { Prompts = [.. cell.Request.Prompts.Select(prompt => Ordered(prompt, parts, orders[place]))] } });
    }

    private static IEnumerable<IReadOnlyList<string>> Orders(IReadOnlyList<string> parts) => parts.Count < 2 ? [parts]
        : parts.SelectMany((first, place) => Orders([.. parts.Where((_, other) => other != place)]).Select(rest => (IReadOnlyList<string>)[first, .. rest]));

    /// <summary>A prompt in which its parts stand in another order, each where another stood.</summary>
    private static string Ordered(string prompt, IReadOnlyList<string> parts, IReadOnlyList<string> order)
    {
        var places = parts.Select(part => (At: prompt.IndexOf(part, StringComparison.Ordinal), Part: part)).OrderBy(found => found.At).ToList();
        if (places[0].At < 0) throw Refused($"{Order} did not find \"{Short(places[0].Part)}\" in the prompt.");
        var (text, at) = (new StringBuilder(), 0);
        foreach (var ((from, part), other) in places.Zip(order))
        {
            if (from < at) throw Refused($"Parts of {Order} overlap in the prompt: \"{Short(part)}\".");
            text.Append(prompt, at, from - at).Append(other);
            at = from + part.Length;
        }
        return text.Append(prompt, at, prompt.Length - at).ToString();
    }

    private static GridAxis Sizes(IReadOnlyList<string> values)
    {
        var sizes = values.Select(value => value.ToLowerInvariant().Split('x', '×') is [var wide, var high]
            && int.TryParse(wide, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var width)
            && int.TryParse(high, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var height)
                ? (Width: width, Height: height) : throw Refused($"A size is \"{Short(value)}\" on an axis; it must be as 512x768.")).ToList();
        foreach (var (width, height) in sizes) new GenerationRequest { Width = width, Height = height }.Validate();
        return new GridAxis(Size, [.. sizes.Select(size => $"{size.Width} x {size.Height}")],
            (cell, place) => cell with { Request = cell.Request with { Width = sizes[place].Width, Height = sizes[place].Height } });
    }

    internal static InvalidRequestException Refused(string sentence) => new("grid", sentence);

    [GeneratedRegex(@"\A\s*(?<from>[+-]?\s*[0-9]+(?:\.[0-9]*)?)\s*-\s*(?<to>[+-]?\s*[0-9]+(?:\.[0-9]*)?)"
        + @"(?:\s*\(\s*(?<step>[+-]?[0-9]+(?:\.[0-9]*)?)\s*\)|\s*\[\s*(?<count>[0-9]+)\s*\])?\s*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Range();
}
