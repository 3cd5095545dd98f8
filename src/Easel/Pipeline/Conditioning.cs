using Easel.Sampling;
using Easel.Text;
using Easel.Text.Prompts;
using Easel.Weights;

namespace Easel.Pipeline;

/// <summary>Turns prompts into the vectors that the UNet attends to. Literally, as the original scripts do: 75 tokens and no more. Or in AUTOMATIC1111's
/// language: weights, chunks of 75, parts that change on the way, several prompts joined by AND, learned words by name.</summary>
internal sealed class Conditioning(LoadedNetworks model, ClipTokenizer tokenizer, EmbeddingFolder? embeddings)
{
    private readonly Dictionary<string, Tensor> _encoded = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Text, double? Weight), Condition> _conditions = [];

    /// <summary>What a person should be told of the prompts, such as where one was cut.</summary>
    public List<string> Remarks { get; } = [];

    /// <summary>The guidance of a batch. Vectors belong to the caller's scope.</summary>
    /// <param name="prompts">One for each picture.</param> <param name="steps">Steps that will run, over which prompts may change.</param>
    public Guidance Encode(IReadOnlyList<string> prompts, GenerationRequest request, int steps)
    {
        _encoded.Clear(); // their scope has ended
        _conditions.Clear();
        var positive = prompts.Select(prompt => Programs(prompt, request, steps)).ToList();
        var scale = model.Family.GuidesItself ? 1 : request.GuidanceScale!.Value;
        var guided = scale != 1 || positive.Any(parts => parts.Count > 1 || parts[0][0].Condition.Weight != 1);
        if (!guided && request.NegativePrompt.Length > 0)
            Remark("The negative prompt does nothing here: "
                + (model.Family.GuidesItself ? "the model guides itself." : "at a guidance scale of 1 it is not looked at."));
        var negative = guided ? Program(request.NegativePrompt, null, request, steps) : null;
        return new Guidance(scale, rescale: request.GuidanceRescale, rowsAtStep: step =>
        {
            var rows = new List<GuidanceRow>();
            if (negative is not null) rows.AddRange(prompts.Select((_, picture) => new GuidanceRow(picture, At(negative, step))));
            for (var picture = 0; picture < prompts.Count; picture++)
                rows.AddRange(positive[picture].Select(part => new GuidanceRow(picture, At(part, step))));
            return rows;
        });
    }

    private static Condition At(IReadOnlyList<(int UntilStep, Condition Condition)> program, int step) =>
        program.FirstOrDefault(part => step < part.UntilStep, program[^1]).Condition;

    private IReadOnlyList<IReadOnlyList<(int UntilStep, Condition Condition)>> Programs(string prompt, GenerationRequest request, int steps) => request.Literal
        ? [Program(prompt, 1, request, steps)]
        : [.. PromptParser.SplitComposition(prompt).Select(part => Program(part.Text, part.Weight, request, steps))];

    /// <summary>What a prompt says, and until which step.</summary>
    private IReadOnlyList<(int UntilStep, Condition Condition)> Program(string prompt, double? weight, GenerationRequest request, int steps) => request.Literal
        ? [(int.MaxValue, Once(prompt, weight, () => Literal(prompt, request.ClipSkip)))]
        : [.. PromptParser.Schedule(PromptParser.WithoutComments(prompt), Math.Max(1, steps), request.StepsBefore)
            .Select(part => (part.UntilStep, Once(part.Text, weight, () => Weighted(part.Text, request.ClipSkip))))];

    /// <summary>What is said twice in a batch, as by alternating words, is one condition: what the network keeps of it serves again.</summary>
    private Condition Once(string text, double? weight, Func<Tensor> encode)
    {
        if (_conditions.TryGetValue((text, weight), out var condition)) return condition;
        if (!_encoded.TryGetValue(text, out var context)) _encoded[text] = context = encode();
        return _conditions[(text, weight)] = new Condition(context, weight);
    }

    /// <summary>[1, 77, width].</summary>
    private Tensor Literal(string prompt, int clipSkip)
    {
        using var scope = NewDisposeScope();
        var tokens = tokenizer.Tokenize(prompt, model.Family.TextEncoders[0].PadToken, model.Text.Config.Positions);
        if (tokens.CutCount > 0)
            Remark($"The prompt is longer than {model.Text.Config.Positions - 2} tokens; what follows was cut off: \"{tokens.CutText.Trim()}\".");
        return model.Text.Encode(Ids(tokens.Ids), clipSkip).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>[1, 77 · chunks, width]: each token's vector times its weight, then scaled so that the mean is as it was (AUTOMATIC1111's emphasis "Original",
    /// modules/sd_emphasis.py).</summary>
    private Tensor Weighted(string prompt, int clipSkip)
    {
        using var scope = NewDisposeScope();
        var chunks = new List<Tensor>();
        var words = new List<TextualInversion>();
        foreach (var chunk in PromptChunks.Build(PromptParser.ParseWeights(prompt), text => Tokens(text, words), model.Family.TextEncoders[0].PadToken))
        {
            var vectors = LearnedVectors.Encode(model.Text, Ids(chunk.Ids), Learned(chunk.Ids, words), clipSkip).to(ScalarType.Float32);
            if (chunk.Weights.Any(weight => weight != 1))
            {
                var mean = vectors.mean();
                vectors = vectors * tensor(chunk.Weights, device: model.Device).view(1, -1, 1);
                vectors = vectors * (mean / vectors.mean());
            }
            chunks.Add(vectors);
        }
        return cat(chunks, dim: 1).MoveToOuterDisposeScope();
    }

    /// <summary>Token ids, with ids beyond the vocabulary where learned words stand.</summary>
    private IReadOnlyList<int> Tokens(string text, List<TextualInversion> words)
    {
        if (embeddings is null) return tokenizer.Encode(text);
        var ids = new List<int>();
        foreach (var (part, word) in embeddings.Split(text))
        {
            if (word is null)
            {
                ids.AddRange(tokenizer.Encode(part));
                continue;
            }
            word.RequireWidth(model.Text.Config.Width);
            ids.AddRange(Enumerable.Repeat(ClipTokenizer.VocabularySize + words.Count, word.Count));
            words.Add(word);
        }
        return ids;
    }

    private static List<LearnedVectors> Learned(int[] ids, List<TextualInversion> words)
    {
        var learned = new List<LearnedVectors>();
        for (var i = 0; i < ids.Length;)
        {
            if (ids[i] < ClipTokenizer.VocabularySize)
            {
                i++;
                continue;
            }
            var word = words[ids[i] - ClipTokenizer.VocabularySize];
            var present = ids.Skip(i).TakeWhile(id => id == ids[i]).Count(); // fewer than its vectors only where a word is longer than a chunk
            learned.Add(new LearnedVectors(0, i, word.Vectors[..present]));
            i += present;
        }
        return learned;
    }

    private Tensor Ids(int[] ids) => tensor(ids.Select(id => (long)id).ToArray(), device: model.Device).unsqueeze(0);

    private void Remark(string sentence)
    {
        if (!Remarks.Contains(sentence)) Remarks.Add(sentence);
    }
}
