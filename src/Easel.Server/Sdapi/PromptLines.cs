using System.Text;
using Easel.Server.Errors;
using Easel.Server.Json;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>The script "prompts from file or textbox": each line is drawn, as a prompt or, where it begins with two dashes, with
/// settings of its own.</summary>
/// <param name="CountsSeeds">Whether each line begins at the seed behind those of the line before.</param>
/// <param name="SharesSeed">Whether a seed that is left to chance is the same for all lines.</param>
/// <param name="Place">Whether a line stands at the "start" or the "end" of the body's prompt; empty where it stands for it, as in the oldest version.</param>
/// <param name="Lines">The lines.</param>
internal sealed record PromptLines(bool CountsSeeds, bool SharesSeed, string Place, IReadOnlyList<string> Lines)
{
    /// <summary>The script's name, as the web UI lists it.</summary>
    public const string Name = "prompts from file or textbox";

    private static readonly string[] PassedOver = ["outpath_samples", "outpath_grids", "prompt_for_display", "do_not_save_samples", "do_not_save_grid"];

    /// <summary>What a line asks for.</summary>
    /// <param name="Request">What is drawn.</param>
    /// <param name="Named">The properties that the line names.</param>
    /// <param name="Model">The model that it names; null for the body's.</param>
    public sealed record Line(GenerationRequest Request, IReadOnlySet<string> Named, string? Model);

    public static bool Is(string? script) => script?.Trim().Equals(Name, StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>The lines of a body; null where it names another script or none.</summary>
    public static PromptLines? Of(DrawingBody body)
    {
        if (!Is(body.ScriptName)) return null;
        var args = body.ScriptArgs;
        var hasPlace = args.Count > 3;
        var text = (args.Count > 2 ? args[hasPlace ? 3 : 2] : null)?.ToString() ?? "";
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0) throw Refused($"The script {Name} has no lines: they are the last of its script_args; see /sdapi/v1/script-info.");
        var place = hasPlace ? args[2]?.ToString() is { Length: > 0 } said ? said : "start" : "";
        if (hasPlace && place is not ("start" or "end")) throw Refused($"The argument prompt_position is \"{place}\"; it must be start or end.");
        return new PromptLines(KnobJson.Truth(args[0]) == true, KnobJson.Truth(args[1]) == true, place, lines);
    }

    /// <summary>The arguments of the script, for who asks.</summary>
    public static IEnumerable<object> Arguments() =>
    [
        PictureScript.Argument("Iterate seed every line", false), PictureScript.Argument("Use same random seed for all lines", false),
        PictureScript.Argument("Insert prompts at the", "start", choices: ["start", "end"]), PictureScript.Argument("List of prompt inputs", ""),
    ];

    /// <summary>What each line draws.</summary>
    /// <param name="request">What is drawn without the script.</param>
    /// <param name="notes">Gets a sentence for what was passed over.</param>
    public IEnumerable<Line> Requests(GenerationRequest request, ICollection<string> notes)
    {
        if (CountsSeeds || SharesSeed) request = request.WithSeeds();
        foreach (var line in Lines)
        {
            yield return Read(line, request, notes);
            if (CountsSeeds) request = request with { Seed = unchecked(request.Seed + request.BatchSize * request.BatchCount) };
        }
    }

    /// <summary>What a line draws. One that looks like settings and cannot be read is a prompt, as in the web UI.</summary>
    private Line Read(string line, GenerationRequest request, ICollection<string> notes)
    {
        try
        {
            if (IsName(line)) return Set(line, request, notes);
        }
        catch (FormatException e)
        {
            notes.Add($"The line \"{Brief.Of(line, 100)}\" was drawn as a prompt, for {e.Message}.");
        }
        return new Line(request with { Prompt = Joined(line, request.Prompt) }, new HashSet<string>(), null);
    }

    /// <exception cref="FormatException">The line cannot be read; the message is what stands behind "for".</exception>
    private Line Set(string line, GenerationRequest request, ICollection<string> notes)
    {
        var (named, model, said) = (new HashSet<string>(), (string?)null, request);
        var passed = new List<string>();
        foreach (var (tag, value) in Settings(line))
        {
            if (tag == "prompt") said = said with { Prompt = Joined(value, request.Prompt) };
            else if (tag == "negative_prompt") said = said with { NegativePrompt = Joined(value, request.NegativePrompt) };
            else if (tag == "sd_model") model = value;
            else if (PassedOver.Contains(tag)) passed.Add($"--{tag} of a line was passed over.");
            else if (Knobs.All.FirstOrDefault(knob => knob.SdapiName == tag && knob.Kind != KnobKind.Picture) is { } knob)
            {
                said = knob.TryParse(value, out var read) ? knob.Set(said, read)
                    : throw new FormatException($"it says --{tag} {Brief.Of(value, 40)}, which must be {knob.ValueKind}");
                named.Add(knob.Property);
            }
            else throw new FormatException($"Easel does not know --{Brief.Of(tag, 40)}");
        }
        foreach (var note in passed) notes.Add(note);
        return new Line(said, named, model);
    }

    private static bool IsName(string word) => word.StartsWith("--", StringComparison.Ordinal);

    private string Joined(string line, string prompt) => prompt.Length == 0 || Place.Length == 0 ? line
        : Place == "start" ? $"{line} {prompt}" : $"{prompt} {line}";

    /// <summary>The settings of a line: what stands behind each name, in quotes or not. A prompt may be of several words without quotes too.</summary>
    private static IEnumerable<(string Tag, string Value)> Settings(string line)
    {
        var words = Words(line);
        for (var at = 0; at < words.Count;)
        {
            if (!IsName(words[at])) throw new FormatException($"\"{Brief.Of(words[at], 40)}\" stands where a name such as --steps must");
            var tag = words[at++][2..];
            var end = tag is "prompt" or "negative_prompt" ? words.FindIndex(at, IsName) : at + 1;
            if (end < 0) end = words.Count;
            if (at >= words.Count || end == at) throw new FormatException($"nothing stands behind --{Brief.Of(tag, 40)}");
            yield return (tag, string.Join(' ', words[at..end]));
            at = end;
        }
    }

    private static List<string> Words(string line)
    {
        var (words, word, quote) = (new List<string>(), new StringBuilder(), '\0');
        foreach (var c in line + " ")
        {
            if (quote != '\0' && c == quote) quote = '\0';
            else if (quote != '\0' || (!char.IsWhiteSpace(c) && c is not ('"' or '\''))) word.Append(c);
            else if (c is '"' or '\'') quote = c;
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }
        return quote == '\0' ? words : throw new FormatException("a quotation mark in it is not closed");
    }
}
