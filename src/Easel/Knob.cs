using System.Reflection;
using Easel.Metadata;

namespace Easel;

/// <summary>The ways in which a request reaches Easel.</summary>
[Flags]
public enum Shells
{
    /// <summary>None: a program sets it in code.</summary>
    None = 0,

    /// <summary>A flag of the command line.</summary>
    CommandLine = 1,

    /// <summary>A field of the web page.</summary>
    Page = 2,

    /// <summary>Easel's own HTTP API, whose body is the request itself.</summary>
    Api = 4,

    /// <summary>The API of AUTOMATIC1111's web UI.</summary>
    Sdapi = 8,

    /// <summary>OpenAI's image API.</summary>
    OpenAi = 16,

    /// <summary>The tools of the Model Context Protocol.</summary>
    Mcp = 32,
}

/// <summary>What kind of value a knob has.</summary>
public enum KnobKind
{
    /// <summary>A text.</summary>
    Text,

    /// <summary>Several texts.</summary>
    Texts,

    /// <summary>A whole number.</summary>
    Whole,

    /// <summary>A number.</summary>
    Number,

    /// <summary>On or off.</summary>
    Switch,

    /// <summary>One of a few <see cref="Knob.Choices"/>.</summary>
    Choice,

    /// <summary>A picture, a mask or a depth map.</summary>
    Picture,

    /// <summary>Pixels at four sides.</summary>
    Margins,

    /// <summary>Pictures that steer drawing, each with the network it does so through.</summary>
    Controls,
}

/// <summary>Where the value of a knob comes from that nobody turned.</summary>
public enum DefaultFrom
{
    /// <summary>It is always <see cref="Knob.Default"/>.</summary>
    Easel,

    /// <summary>From <see cref="ModelInfo.Defaults"/>.</summary>
    Model,

    /// <summary>From the sampler.</summary>
    Sampler,

    /// <summary>From the input picture, or from the model where there is none.</summary>
    Picture,

    /// <summary>From chance.</summary>
    Chance,
}

/// <summary>What must be there for a knob to do anything.</summary>
public enum KnobNeeds
{
    /// <summary>Nothing.</summary>
    Nothing,

    /// <summary>An input picture.</summary>
    Picture,

    /// <summary>Something to begin from: an input picture, or the first of two passes.</summary>
    Start,

    /// <summary>A second pass.</summary>
    SecondPass,

    /// <summary>A detail pass.</summary>
    Detail,

    /// <summary>A mask.</summary>
    Mask,

    /// <summary>A model that looks at depth.</summary>
    DepthModel,

    /// <summary>A model that enlarges.</summary>
    Upscaler,

    /// <summary>A model that is told of the sizes of pictures.</summary>
    SizedModel,

    /// <summary>Another model that does the last steps.</summary>
    Refiner,

    /// <summary>A network that mends faces.</summary>
    FaceRestorer,
}

/// <summary>One of the values of a <see cref="KnobKind.Choice"/>.</summary>
/// <param name="Value">The enumeration's member.</param>
/// <param name="Word">Its name on the command line, in lower case with dashes.</param>
/// <param name="Aliases">Other names it answers to, parted by spaces.</param>
/// <param name="Infotext">Its name in a picture's text; null for <paramref name="Word"/>.</param>
/// <param name="Code">Its number in AUTOMATIC1111's API; null where that has none.</param>
public sealed record KnobChoice(object Value, string Word, string Aliases = "", string? Infotext = null, int? Code = null);

/// <summary>
/// A row of the table of <see cref="Knobs"/>: all that any shell has to know of one setting of a <see cref="GenerationRequest"/>. Flags, help, completion, the
/// text in pictures, the bodies of the APIs and the fields of the page are made from it.
/// </summary>
public sealed class Knob
{
    private readonly PropertyInfo _property;

    internal Knob(string property)
    {
        _property = typeof(GenerationRequest).GetProperty(property) ?? throw new ArgumentException($"GenerationRequest has no {property}.", nameof(property));
        Default = _property.GetValue(Knobs.Untouched);
        var type = Nullable.GetUnderlyingType(_property.PropertyType) ?? _property.PropertyType;
        Kind = type == typeof(string) ? KnobKind.Text
            : type == typeof(int) || type == typeof(long) ? KnobKind.Whole
            : type == typeof(double) ? KnobKind.Number
            : type == typeof(bool) ? KnobKind.Switch
            : type == typeof(Margins) ? KnobKind.Margins
            : type == typeof(IReadOnlyList<ControlUnit>) ? KnobKind.Controls
            : type.IsEnum ? KnobKind.Choice
            : type.IsAssignableTo(typeof(IEnumerable<string>)) ? KnobKind.Texts
            : KnobKind.Picture;
    }

    /// <summary>The property of <see cref="GenerationRequest"/>.</summary>
    public string Property => _property.Name;

    /// <summary>The kind of its value.</summary>
    public KnobKind Kind { get; }

    /// <summary>Its name on a form: "Guidance scale".</summary>
    public required string Label { get; init; }

    /// <summary>Its name within a sentence: "guidance scale".</summary>
    public string Noun { get => field ?? char.ToLowerInvariant(Label[0]) + Label[1..]; init; }

    /// <summary>One line that says what it does, in lower case and without a full stop.</summary>
    public required string Help { get; init; }

    /// <summary>Flags of the command line, the usual one first; none where it cannot be set there. A switch that is on by default is turned off by its
    /// flag.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>The value that a flag stands for to which none is given; null where one must be.</summary>
    public object? AloneMeans { get; init; }

    /// <summary>Spellings of the original scripts, by which a command line is known to mean what it means there.</summary>
    public IReadOnlyList<string> ScriptFlags { get; init; } = [];

    /// <summary>What stands for the value in the help of the command line: "FILE".</summary>
    public string ValueName { get => field ?? (Kind == KnobKind.Whole ? "N" : Kind == KnobKind.Number ? "X" : "TEXT"); init; }

    /// <summary>Its name in the text inside a picture; null where that does not tell it, or tells it in another way.</summary>
    public string? InfotextKey { get; init; }

    /// <summary>Its name in AUTOMATIC1111's API; null where it cannot be set there.</summary>
    public string? SdapiName { get; init; }

    /// <summary>Its name in OpenAI's image API; null where it cannot be set there.</summary>
    public string? OpenAiName { get; init; }

    /// <summary>Its name in the tools of the Model Context Protocol; null where it cannot be set there.</summary>
    public string? McpName { get; init; }

    /// <summary>Whether the page has a field for it.</summary>
    public bool OnPage { get; init; } = true;

    /// <summary>The heading below which the page shows it with others; null where it stands alone.</summary>
    public string? Group { get; init; }

    /// <summary>Which shells can set it.</summary>
    public Shells SetBy => Shells.Api | (Flags.Count + ScriptFlags.Count > 0 ? Shells.CommandLine : 0) | (OnPage ? Shells.Page : 0)
        | (SdapiName is null ? 0 : Shells.Sdapi) | (OpenAiName is null ? 0 : Shells.OpenAi) | (McpName is null ? 0 : Shells.Mcp);

    /// <summary>The least and the most that a number may be, or a text be long; null where there is no limit.</summary>
    public (double Least, double Most)? Range { get; init; }

    /// <summary>What a whole number must be a multiple of.</summary>
    public int MultipleOf { get; init; } = 1;

    /// <summary>How far one push of a field's arrow goes.</summary>
    public double Step { get; init; } = 1;

    /// <summary>The values of a choice.</summary>
    public IReadOnlyList<KnobChoice> Choices { get; init; } = [];

    /// <summary>The names that a text may be, where it must be one of some; null where it is free.</summary>
    public Func<IEnumerable<string>>? Values { get; init; }

    /// <summary>What it is where nobody turns it; null where <see cref="DefaultFrom"/> says more.</summary>
    public object? Default { get; }

    /// <summary>Where its value comes from where nobody turns it.</summary>
    public DefaultFrom DefaultFrom { get; init; }

    /// <summary>What must be there for it to do anything.</summary>
    public KnobNeeds Needs { get; init; }

    /// <summary>Whether a switch of the command line may be followed by "false", since a profile may have turned it on.</summary>
    public bool CanBeTakenBack { get; init; }

    /// <summary>Words that mean "none" and "by itself", such as "random" for a seed.</summary>
    public IReadOnlyList<string> NoneWords { get; init; } = [];

    /// <summary>Whether the text inside a picture tells it: where it is not the default, unless the row says otherwise.</summary>
    internal Func<GenerationRequest, bool>? IsTold { get; init; }

    /// <summary>What the text inside a picture says of it, where that is more than the value; null for nothing.</summary>
    internal Func<ToldPicture, string?>? Tell { get; init; }

    /// <summary>The request with what a picture's text says of it, where that is more than the value.</summary>
    internal Func<GenerationRequest, Infotext, GenerationRequest>? Take { get; init; }

    /// <summary>What the text says of a switch that is not as by default.</summary>
    internal string InfotextWord { get; init; } = "True";

    /// <summary>A check beyond the range; throws.</summary>
    internal Action<GenerationRequest>? Check { get; init; }

    /// <summary>Its value in a request.</summary>
    public object? Get(GenerationRequest request) => _property.GetValue(request);

    /// <summary>A request with another value.</summary>
    /// <param name="request">The request; left as it is.</param>
    /// <param name="value">A value such as <see cref="Get"/> gives and <see cref="TryParse"/> reads.</param>
    public GenerationRequest Set(GenerationRequest request, object? value)
    {
        var type = Nullable.GetUnderlyingType(_property.PropertyType) ?? _property.PropertyType;
        var copy = request with { };
        _property.SetValue(copy, value is IConvertible and not Enum && value.GetType() != type ? Convert.ChangeType(value, type, CultureInfo.InvariantCulture)
            : value);
        return copy;
    }

    /// <summary>The exception for a value that this knob cannot have.</summary>
    /// <param name="finding">What is wrong: "is 200; it must be from 0 to 100."</param>
    public InvalidRequestException Refused(string finding) => new(this, finding);

    /// <summary>Whether a request has the default.</summary>
    public bool IsDefault(GenerationRequest request) => Equals(Get(request), Default) || request is { Controls.Count: 0 } && Kind == KnobKind.Controls;

    /// <summary>Reads a value from a text, as the command line and a picture's text have it.</summary>
    /// <param name="text">The text; decimal points, no thousands.</param>
    /// <param name="value">The value; null where it is one of <see cref="NoneWords"/>.</param>
    /// <returns>Whether it could be read. Its range is not looked at: see <see cref="GenerationRequest.Validate"/>.</returns>
    public bool TryParse(string text, out object? value)
    {
        value = null;
        if (NoneWords.Contains(text, StringComparer.OrdinalIgnoreCase)) return true;
        value = Kind switch
        {
            KnobKind.Text => text,
            KnobKind.Texts => (IReadOnlyList<string>)[text],
            KnobKind.Whole => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) && Holds(whole) ? Narrow(whole)
                : null,
            KnobKind.Number => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
                : null,
            KnobKind.Switch => bool.TryParse(text, out var on) ? on : null,
            KnobKind.Choice => ChoiceOf(text)?.Value,
            KnobKind.Margins => Margins.TryParse(text),
            _ => null,
        };
        return value is not null;
    }

    /// <summary>A value as <see cref="TryParse"/> reads it.</summary>
    public string Format(object value) => value switch
    {
        Enum member => Choices.First(choice => choice.Value.Equals(member)).Word,
        IEnumerable<string> texts => string.Join('\n', texts),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>What a value must be, as the end of a sentence: "a whole number", "one of crop, pad, stretch".</summary>
    public string ValueKind => (Kind switch
    {
        KnobKind.Whole => "a whole number",
        KnobKind.Number => "a number",
        KnobKind.Switch => "true or false",
        KnobKind.Choice => "one of " + string.Join(", ", Choices.Select(choice => choice.Word)),
        KnobKind.Margins => "margins such as left=128,top=64 (left, top, right, bottom or all)",
        KnobKind.Picture => "a picture",
        KnobKind.Controls => "networks with their pictures",
        _ => "a text",
    }) + string.Concat(NoneWords.Where(word => word.All(char.IsLetter)).Select(word => $" or '{word}'"));

    /// <summary>The choice of a name, in any shell's spelling; null where there is none.</summary>
    public KnobChoice? ChoiceOf(string name)
    {
        var key = name.ToLowerInvariant().Replace('_', '-');
        return Choices.FirstOrDefault(choice =>
            choice.Word == key || choice.Aliases.Split(' ').Contains(key) || string.Equals(choice.Infotext, name, StringComparison.OrdinalIgnoreCase)
            || string.Equals(choice.Value.ToString(), name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Refuses a value that no request may have.</summary>
    /// <exception cref="InvalidRequestException">It is out of its range, or there is none of that name.</exception>
    internal void Validate(GenerationRequest request)
    {
        var value = Get(request);
        if (Kind == KnobKind.Choice && !Choices.Any(choice => choice.Value.Equals(value)))
            throw Refused($"is {value}; it must be {ValueKind}.");
        if (Range is var (least, most) && value is int or long or double)
        {
            var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
            if (!(number >= least && number <= most))
                throw Refused(FormattableString.Invariant($"is {number:0.####}; it must be from {least:0.##} to {most:0.##}{Unit}."));
            if (MultipleOf > 1 && number % MultipleOf != 0)
            {
                var below = number - number % MultipleOf;
                throw Refused(
                    FormattableString.Invariant(
                        $"is {number:0}, which is not a multiple of {MultipleOf}; the nearest are {below:0} and {below + MultipleOf:0}."));
            }
        }
        Check?.Invoke(request);
    }

    /// <summary>The unit of the range, with a space before it.</summary>
    internal string Unit { get; init; } = "";

    private bool Holds(long whole) => _property.PropertyType == typeof(long?) || whole is >= int.MinValue and <= int.MaxValue;

    private object Narrow(long whole) => _property.PropertyType == typeof(long?) ? whole : (object)(int)whole;
}
