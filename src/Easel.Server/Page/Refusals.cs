using System.Text.RegularExpressions;

namespace Easel.Server.Page;

/// <summary>Sentences of the library and the server that people meet on the page, in the language of whoever reads them. Each is known by its English with
/// places for what changes in it; what is of no kind that stands here is said in English.</summary>
internal static partial class Refusals
{
    /// <summary>The kinds there are; of two that fit the first counts.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "The margin of the sheet is {0}; it must be from {1} to {2} pixels.",
        "{0} is {1}; it must be from {2} to {3} pixels.",
        "{0} is {1}; it must be from {2} to {3}.",
        "{0} is {1}, which is not a multiple of {2}; the nearest are {3} and {4}.",
        "{0} is \"{1}\"; it must be a whole number, or empty for a new one each time.",
        "{0} is \"{1}\"; it must be a whole number from {2} to {3}.",
        "{0} is \"{1}\"; it must be a number from {2} to {3}.",
        "The number of pictures is {0}; this server allows {1}.",
        "The number of pixels is {0}; this server allows {1}.",
        "The number of pixels of the second pass is {0}; this server allows {1}.",
        "The number of pixels of the enlarged picture is {0}; this server allows {1}.",
        "The number of pixels of the input picture is {0}; this server allows {1}.",
        "The number of characters of the prompt is {0}; this server allows {1}.",
        "The number of prompts is {0}; this server allows {1}.",
        "{0} of your jobs wait already; this server allows {1}.",
        "{0} jobs wait already; this server allows {1}.",
        "This is {0} jobs, and {1} of your jobs wait; this server allows {2}.",
        "This is {0} jobs, and {1} jobs wait; this server allows {2}.",
        "The number of places is {0}; this server allows {1}.",
        "The number of pixels of the whole picture is {0}; this server allows {1}.",
        "The number of pixels of a control's picture is {0}; this server allows {1}.",
        "Your jobs that wait, with their pictures, would take more than the {0} MB that this server allows.",
        "The jobs that wait, with their pictures, would take more than the {0} MB that this server allows.",
        "The picture that the job begins from ({0}) cannot be read: {1}",
        "{0} is {1}; this server allows {2}.",
        "The grid has {0} x {1} x {2} places, {3} pictures; this server allows {4}.",
        "A grid needs an axis: say in x what changes, and its values.",
        "The axis {0} has no values; give some, parted by commas.",
        "Prompt S/R did not find \"{0}\" in the prompt or the negative prompt.",
        "There is nothing to combine: the prompt of a matrix has parts after bars, as \"a house | at night | in snow\".",
        "{0} begins from a picture: open one, paste it, or drop it here.",
        "Nothing is painted yet: paint over what is to be drawn anew.",
        "Nothing is added to the picture yet: drag an edge outwards, or write how many pixels.",
        "The prompt asks for the list \"{0}\", which is not there.",
        "The list \"{0}\" is empty.",
        "The choices in the prompt make {0} prompts; at most {1} are possible.",
        "'{0}' is not a picture that can be read ({1}).",
        "'{0}' is empty.",
        "'{0}' is no picture that can be read: PNG, JPEG, WebP, GIF and BMP are.",
        "The file has {0} MB; this server takes {1} MB.",
        "There is no LoRA \"{0}\", and no other either.",
        "There is no LoRA \"{0}\"; there are {1}.",
        "The LoRA {0} cannot be used: {1}",
        "The LoRA {0} is for {1}, and {2} is {3}.",
        "quality is {0}; it must be from {1} to {2}.",
        "Memory ran out; a smaller picture, fewer pictures at once or weights in half the memory (fp16) may fit, and so may closing other programs.",
        "Something unforeseen happened; the server's log has it.",
        "The text in this picture does not tell how it was made.",
        "The job is {0} and waits no more.",
        "There is no such job.",
        "There is no checkpoint at {0}.",
        "There is no model \"{0}\"; there are {1}.",
        "There is no such picture.",
        "Nothing came to lie on the sheet: {0}",
        "{0} leads nowhere.",
        "No broker answers at {0}; the jobs wait for it.",
        "No worker is there: start one with {0}.",
        "No worker has {0}; what would help is: {1}.",
        "All workers are of another version of Easel: install the same one on all machines.",
        "it speaks version {0} of the farm's protocol and this server version {1}: install the same Easel on both.",
        "put it into a worker's folder, or hand it out with {0}",
        "a machine with more, or a smaller picture",
        "The model is of the kind {0}, made for few steps: {1} of {2} at guidance {3}.",
        "The LoRA {0} is of the kind {1}, made for few steps: {2} of {3} at guidance {4}.",
        "The model was made for pictures of {0}: it drew {1}, which was enlarged to {2}. To have it draw that size itself, ask for the exact size.",
        "The prompt is longer than {0} tokens; what follows was cut off: \"{1}\".",
        "The prompt asks for the LoRA \"{0}\", but no folder of LoRAs was named; the picture is drawn without it.",
        "No face was found in picture {0}, which is as it was drawn.",
        "No detail pass was made: at its {0} pixels this model draws things whole and would paint one over each face. "
            + "With a prompt of the detail pass it does.",
        "The invisible watermark is not in the pictures: their format lost it; PNG keeps it, and JPEG from quality 90 on.",
        "\"{0}\" is no model to fetch; did you mean {1}? Names of the list, org/name, org/name:file and https addresses are.",
        "\"{0}\" is no model to fetch: names of the list, org/name, org/name:file and https addresses are.",
        "\"{0}\" is being fetched already.",
        "{0} models are being fetched, and no more than {1} are at once: {2}.",
        "{0} is given only to those who accepted its licence at {1}; then put an access token into HF_TOKEN.",
        "{0} is given only to those who accepted its licence at {1}; then put an access token into HF_TOKEN (there is one; perhaps it may not read this).",
        "{0} demands a login for {1}.",
        "There is no {0} with that file and revision at {1}.",
        "There is nothing at {0}.",
        "{0} asks to wait before more is fetched; try again later.",
        "{0} answered {1} ({2}) for {3}.",
        "{0} cannot be reached: {1}.",
        "The connection broke while {0} was fetched; what is there is kept, and asking again goes on with it.",
        "What {0} sent as {1} is not the file: {2}. It was thrown away.",
        "{0} are to be fetched, but {1} has room for {2}.",
        "{0} has no safetensors file; to have another, name it: {1}.",
        "{0} holds no model that Easel draws with.",
        "{0} has {1} checkpoints; name one: {2}.",
        "{0} has no file {1}; did you mean {2}?",
        "{0} has no file {1}.",
        "It failed for a reason that was not foreseen; the server's log has it.",
        "the model {0}",
        "{0} GB of memory",
    ];

    private static readonly Lazy<IReadOnlyList<(string Sentence, Regex Form)>> Forms = new(() => [.. All.Select(sentence => (sentence, FormOf(sentence)))]);

    /// <summary>A sentence in a language.</summary>
    /// <param name="english">The sentence.</param>
    public static string Said(string english, Texts texts)
    {
        if (texts.Language == "en") return english;
        foreach (var (sentence, form) in Forms.Value)
        {
            if (form.Match(english) is not { Success: true } match) continue;
            // Names of fields are texts of the page too, and a reason within a sentence is a sentence.
            object?[] values = [.. match.Groups.Values.Skip(1).Select(group => (object?)(Decimal().IsMatch(group.Value) ? texts.Number(group.Value)
                : Said(texts[group.Value], texts)))];
            return texts[sentence, values];
        }
        return english;
    }

    [GeneratedRegex(@"\A-?\d+\.\d+\z")]
    private static partial Regex Decimal();

    /// <summary>Such a form takes time in proportion to the text, however long, and so needs no limit, which a busy machine would break.</summary>
    private static Regex FormOf(string sentence) => new("\\A" + Regex.Replace(Regex.Escape(sentence), @"\\\{(\d)}", "(.+?)") + "\\z",
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking);
}
