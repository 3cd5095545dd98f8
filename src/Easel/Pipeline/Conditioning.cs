using Easel.Models;
using Easel.Sampling;
using Easel.Text;
using Easel.Text.Prompts;

namespace Easel.Pipeline;

/// <summary>Turns prompts into the vectors that the UNet attends to. Literally, as the original scripts do: 75 tokens and no more. Or in AUTOMATIC1111's
/// language: weights, chunks of 75, parts that change on the way, several prompts joined by AND, learned words by name.</summary>
internal sealed class Conditioning(LoadedNetworks model, ClipTokenizer tokenizer, EmbeddingShelf? embeddings)
{
    private readonly Dictionary<string, EncodedPrompt> _encoded = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Text, double? Weight), Condition> _conditions = [];
    private GenerationRequest _request = new();
    private Canvas? _canvas;

    /// <summary>What a person should be told of the prompts, such as where one was cut.</summary>
    public List<string> Remarks { get; } = [];

    /// <summary>The guidance of a batch. Vectors belong to the caller's scope.</summary>
    /// <param name="prompts">One for each picture.</param> <param name="canvas">What is drawn on.</param>
    /// <param name="steps">Steps that will run, over which prompts may change.</param>
    public Guidance Encode(IReadOnlyList<string> prompts, GenerationRequest request, Canvas canvas, int steps)
    {
        (_request, _canvas) = (request, canvas);
        _encoded.Clear(); // their scope has ended
        // The last layer but one is what AUTOMATIC1111 calls 2, so that 2 asks for nothing else.
        if (request.ClipSkip > 2 && model.Family.TextEncoders.All(text => !text.TakesClipSkip))
            Remark($"Clip skip {request.ClipSkip} does nothing here: {model.Family.Name} always reads with the last layer but one.");
        _conditions.Clear();
        var positive = prompts.Select(prompt => Programs(prompt, steps)).ToList();
        var scale = model.Family.GuidesItself ? 1 : request.GuidanceScale!.Value;
        var guided = scale != 1 || positive.Any(parts => parts.Count > 1 || parts[0][0].Condition.Weight != 1);
        if (!guided && request.NegativePrompt.Length > 0)
            Remark("The negative prompt does nothing here: "
                + (model.Family.GuidesItself ? "the model guides itself." : "at a guidance scale of 1 it is not looked at."));
        var negative = guided ? Program(request.NegativePrompt, null, steps) : null;
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

    private IReadOnlyList<IReadOnlyList<(int UntilStep, Condition Condition)>> Programs(string prompt, int steps) => _request.Literal
        ? [Program(prompt, 1, steps)]
        : [.. PromptParser.SplitComposition(prompt).Select(part => Program(part.Text, part.Weight, steps))];

    /// <summary>What a prompt says, and until which step.</summary>
    private IReadOnlyList<(int UntilStep, Condition Condition)> Program(string prompt, double? weight, int steps) => _request.Literal
        ? [(int.MaxValue, Once(prompt, weight))]
        : [.. PromptParser.Schedule(PromptParser.WithoutComments(prompt), Math.Max(1, steps), _request.StepsBefore)
            .Select(part => (part.UntilStep, Once(part.Text, weight)))];

    /// <summary>What is said twice in a batch, as by alternating words, is one condition: what the network keeps of it serves again.</summary>
    private Condition Once(string text, double? weight)
    {
        if (_conditions.TryGetValue((text, weight), out var condition)) return condition;
        if (!_encoded.TryGetValue(text, out var prompt)) _encoded[text] = prompt = Encoded(text);
        var isNegative = weight is null;
        if (isNegative && text.Length == 0 && model.Family.NegativeMayBeZero && _request.Like != NoiseLike.PerPicture) prompt = prompt.AsZeros();
        var vector = PictureVector.For(model.Family, prompt.Pooled, _request, _canvas!, isNegative);
        return _conditions[(text, weight)] = new Condition(prompt.Context, weight, vector);
    }

    /// <summary>What the text encoders make of a text, their vectors side by side.</summary>
    private EncodedPrompt Encoded(string text)
    {
        using var scope = NewDisposeScope();
        var parts = model.Texts.Select((encoder, i) =>
        {
            var spec = model.Family.TextEncoders[i];
            var clipSkip = spec.TakesClipSkip ? _request.ClipSkip : 1;
            return _request.Literal ? Literal(text, encoder, spec, clipSkip) : Weighted(text, encoder, spec, clipSkip);
        }).ToList();
        var context = cat([.. parts.Select(part => part.Context)], dim: 2);
        var pooled = parts.Select(part => part.Pooled).OfType<Tensor>().ToArray();
        return new(context.MoveToOuterDisposeScope(), pooled.Length == 0 ? null : cat(pooled, dim: 1).MoveToOuterDisposeScope());
    }

    /// <summary>[1, 77, width].</summary>
    private EncodedPrompt Literal(string prompt, ClipTextModel encoder, TextEncoderSpec spec, int clipSkip)
    {
        var tokens = tokenizer.Tokenize(prompt, spec.PadToken, encoder.Config.Positions);
        if (tokens.CutCount > 0)
            Remark($"The prompt is longer than {encoder.Config.Positions - 2} tokens; what follows was cut off: \"{tokens.CutText.Trim()}\".");
        return EncodedPrompt.Of(LearnedVectors.Encode(encoder, Ids(tokens.Ids), [], clipSkip));
    }

    /// <summary>[1, 77 · chunks, width]: each token's vector times its weight, then scaled so that the mean is as it was (AUTOMATIC1111's emphasis "Original",
    /// modules/sd_emphasis.py). The first chunk speaks for the whole.</summary>
    private EncodedPrompt Weighted(string prompt, ClipTextModel encoder, TextEncoderSpec spec, int clipSkip)
    {
        var chunks = new List<EncodedPrompt>();
        var words = new List<Tensor>();
        foreach (var chunk in PromptChunks.Build(PromptParser.ParseWeights(prompt), text => Tokens(text, words, encoder, spec), spec.PadToken))
        {
            var encoded = EncodedPrompt.Of(LearnedVectors.Encode(encoder, Ids(chunk.Ids), Learned(chunk.Ids, words), clipSkip));
            if (chunk.Weights.Any(weight => weight != 1))
            {
                var mean = encoded.Context.mean();
                var vectors = encoded.Context * tensor(chunk.Weights, device: model.Device).view(1, -1, 1);
                encoded = encoded with { Context = vectors * (mean / vectors.mean()) };
            }
            chunks.Add(encoded);
        }
        return chunks[0] with { Context = cat([.. chunks.Select(chunk => chunk.Context)], dim: 1) };
    }

    /// <summary>Token ids, with ids beyond the vocabulary where learned words stand.</summary>
    private IReadOnlyList<int> Tokens(string text, List<Tensor> words, ClipTextModel encoder, TextEncoderSpec spec)
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
            ids.AddRange(Enumerable.Repeat(ClipTokenizer.VocabularySize + words.Count, word.Count));
            words.Add(word.VectorsFor(spec.Key, encoder.Config.Width));
        }
        return ids;
    }

    private static List<LearnedVectors> Learned(int[] ids, List<Tensor> words)
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
            learned.Add(new LearnedVectors(0, i, word[..present]));
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

/// <summary>What text encoders make of a prompt.</summary>
/// <param name="Context">[1, tokens, width], fp32.</param>
/// <param name="Pooled">[1, width], fp32, what they say of it as a whole; null where they do not.</param>
internal readonly record struct EncodedPrompt(Tensor Context, Tensor? Pooled)
{
    public static EncodedPrompt Of((Tensor Context, Tensor? Pooled) encoded) =>
        new(encoded.Context.to(ScalarType.Float32), encoded.Pooled?.to(ScalarType.Float32));

    public EncodedPrompt AsZeros() => new(zeros_like(Context), Pooled is null ? null : zeros_like(Pooled));
}
