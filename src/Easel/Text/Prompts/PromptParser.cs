namespace Easel.Text.Prompts;

/// <summary>The prompt language of AUTOMATIC1111's web UI, which most shared prompts are written in. Applied in this order:
/// <see cref="WithoutComments"/>, <see cref="ExtractLoras"/>, <see cref="SplitComposition"/>,
/// <see cref="Schedule"/>, <see cref="ParseWeights"/>, <see cref="PromptChunks"/>. Nothing is an error: what does not parse is
/// text. Original: <c>modules/prompt_parser.py</c> and <c>modules/extra_networks.py</c> of AUTOMATIC1111/stable-diffusion-webui 1.10.</summary>
internal static partial class PromptParser
{
    private const double Emphasis = 1.1;

    /// <summary>Brackets inside as many others do nothing more: each touches every word in it, and a prompt may be all brackets.</summary>
    private const int DeepestWeight = 256, NoWeight = -1;

    /// <summary>Escapes, brackets, a weight with the bracket it closes, and the text between.</summary>
    [GeneratedRegex(@"\\[\\()\[\]]?|[(\[]|:\s*(?<weight>[+-]?[.\d]+)\s*\)|[)\]]|[^\\()\[\]:]+|:")]
    private static partial Regex WeightToken();

    [GeneratedRegex(@"\bBREAK\b")]
    private static partial Regex BreakWord();

    [GeneratedRegex(@"\bAND\b")]
    private static partial Regex AndWord();

    /// <summary>A weight at the very end; searched from there.</summary>
    [GeneratedRegex(@"\s*:\s*(?<weight>[-+]?(?:\d+\.?|\d*\.\d+))$", RegexOptions.RightToLeft)]
    private static partial Regex TrailingWeight();

    /// <summary>Splits a prompt by weight: <c>(text)</c> counts 1.1 times as much, <c>[text]</c> as much less, <c>(text:1.3)</c> 1.3 times; brackets nest, and
    /// a backslash makes one a plain character. Brackets left open reach to the end. BREAK, in capitals, stands by itself, inside brackets too.</summary>
    /// <param name="prompt">A prompt, or one of the texts of its <see cref="Schedule"/>.</param>
    /// <returns>At least one piece; neighbours differ in weight or are parted by a break.</returns>
    public static IReadOnlyList<WeightedText> ParseWeights(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var pieces = new List<WeightedText>();
        Stack<int> round = [], square = [];               // where the text of each open bracket begins; NoWeight for one too deep

        foreach (Match match in WeightToken().Matches(prompt)) Read(match.Value, match.Groups["weight"]);
        foreach (var start in round) Multiply(start, Emphasis);
        foreach (var start in square) Multiply(start, 1 / Emphasis);

        if (pieces.Count == 0) pieces.Add(new WeightedText("", 1));
        return Merge(pieces);

        void Read(string token, Group weight)
        {
            var place = round.Count + square.Count < DeepestWeight ? pieces.Count : NoWeight;
            if (token[0] == '\\') pieces.Add(new WeightedText(token[1..], 1));
            else if (token == "(") round.Push(place);
            else if (token == "[") square.Push(place);
            else if (token == ")" && round.Count > 0) Multiply(round.Pop(), Emphasis);
            else if (token == "]" && square.Count > 0) Multiply(square.Pop(), 1 / Emphasis);
            else if (weight.Success && round.Count > 0 && ParseNumber(weight.Value) is { } factor) Multiply(round.Pop(), factor);
            else if (weight.Success && round.Count > 0)
            {
                pieces.Add(new WeightedText(token[..^1], 1));                    // (text:1.2.3) is text in plain brackets
                Multiply(round.Pop(), Emphasis);
            }
            else AddText(token);
        }

        void AddText(string text)
        {
            var parts = BreakWord().Split(text);
            for (var i = 0; i < parts.Length; i++)
            {
                if (i > 0) pieces.Add(WeightedText.Break);
                var part = i > 0 ? parts[i].TrimStart() : parts[i];
                pieces.Add(new WeightedText(i < parts.Length - 1 ? part.TrimEnd() : part, 1));
            }
        }

        void Multiply(int start, double factor)
        {
            if (start == NoWeight) return;
            Effort.Add(pieces.Count - start);
            foreach (ref var piece in CollectionsMarshal.AsSpan(pieces)[start..])
                if (!piece.IsBreak) piece = piece with { Weight = piece.Weight * factor };
        }
    }

    /// <summary>What the prompt says at each step. <c>[from:to:when]</c> changes <c>from</c> into <c>to</c>, <c>[to:when]</c> adds, <c>[from::when]</c> takes
    /// away; <c>[a|b|c]</c> takes turns, one each step. All nest. <c>when</c> is a number of steps or, written with a point, a part of them: 0.5 is half way
    /// and 1.0 the end.</summary>
    /// <param name="prompt">A prompt, or one part of its <see cref="SplitComposition"/>. Where "|" or a last backslash stands outside such brackets the whole
    /// is plain text.</param> <param name="steps">How many steps will be taken; at least 1.</param>
    /// <param name="before">How many were taken in an earlier pass, from whose start changes are counted.</param>
    /// <returns>Texts with the last step, counted from 1, that each is for; the last one's is <paramref name="steps"/>.</returns>
    public static IReadOnlyList<(int UntilStep, string Text)> Schedule(string prompt, int steps, int before = 0)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        return PromptSchedule.Parse(prompt)?.Unroll(steps, before) ?? [(steps, prompt)];
    }

    /// <summary>Splits a prompt at each AND, in capitals, into prompts that are followed at once (Liu et al. 2022, composable diffusion). A part may end in its
    /// weight: <c>a :1.2 AND b :0.5</c>.</summary>
    /// <param name="prompt">A prompt without tags.</param> <returns>At least one part; spaces at a part's end are dropped.</returns>
    public static IReadOnlyList<(string Text, double Weight)> SplitComposition(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return [.. AndWord().Split(prompt).Select(part =>
        {
            part = part.TrimEnd();
            var ending = TrailingWeight().Match(part);
            return ending.Success && ParseNumber(ending.Groups["weight"].Value) is { } weight ? (part[..ending.Index], weight) : (part, 1.0);
        })];
    }

    /// <summary>Takes the comments and the tags out of a prompt: <c>&lt;lora:name&gt;</c>, <c>&lt;lora:name:weight&gt;</c>, <c>&lt;lora:name:text encoder's
    /// weight:UNet's weight&gt;</c>; the weights may be named, <c>te=0.5</c> and <c>unet=1</c>. <c>lbw=</c> gives the parts of the model weights of their own,
    /// and <c>start=</c>, <c>stop=</c> or <c>step=5-10</c> limit the LoRA to some of the steps. <c>lyco</c> is another word for <c>lora</c>.</summary>
    public static LoraTags ExtractLoras(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return LoraTagParser.Extract(prompt);
    }

    private static double? ParseNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    private static List<WeightedText> Merge(List<WeightedText> pieces)
    {
        var merged = new List<WeightedText>();
        for (int start = 0, end; start < pieces.Count; start = end)
        {
            for (end = start + 1; end < pieces.Count && !pieces[start].IsBreak && !pieces[end].IsBreak && pieces[end].Weight == pieces[start].Weight;) end++;
            merged.Add(pieces[start] with { Text = string.Concat(pieces[start..end].Select(piece => piece.Text)) });
        }
        return merged;
    }
}
