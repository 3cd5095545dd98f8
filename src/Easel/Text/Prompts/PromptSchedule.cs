using System.Buffers;

namespace Easel.Text.Prompts;

/// <summary>A prompt whose text changes from step to step, as a tree. Parsing needs no recursion, so that no depth of brackets is too deep: brackets are opened
/// on a stack and, when closed, become a change, an alternation or text.</summary>
/// <remarks>The grammar is AUTOMATIC1111's, an ambiguous one that its parser resolves in favour of changes over text. Hence the rules here: a bracket pair that
/// means nothing is text, and so is every bracket open around it, but whole changes inside remain.</remarks>
internal sealed partial class PromptSchedule
{
    private abstract record Node;
    private sealed record Literal(string Text) : Node;
    private sealed record Sequence(List<Node> Nodes) : Node;
    private sealed record Change(List<Node> From, List<Node> To, double When, bool IsPart) : Node;
    private sealed record Alternation(List<List<Node>> Choices) : Node;

    /// <summary>A bracket not closed yet, and what it has held so far: parts, and the separators between them.</summary>
    private sealed class Open(char bracket)
    {
        private readonly StringBuilder _separators = new();

        public char Bracket { get; } = bracket;
        public List<List<Node>> Parts { get; } = [[]];
        public string Separators => _separators.ToString();

        public void Add(Node node) => Parts[^1].Add(node);

        public void Add(string text) => Add(new Literal(text));

        public void Separate(char separator)
        {
            _separators.Append(separator);
            Parts.Add([]);
        }

        /// <summary>The bracket and its contents as mere text, with the changes in it; null if that holds a "|", which is no text.</summary>
        public Sequence? Flatten()
        {
            Effort.Add(Parts.Count + Separators.Length);
            if (Separators.Contains('|')) return null;
            List<Node> nodes = [new Literal(Bracket.ToString()), new Sequence(Parts[0])];
            foreach (var part in Parts.Skip(1)) nodes.AddRange(new Literal(":"), new Sequence(part));
            return new Sequence(nodes);
        }
    }

    [GeneratedRegex(@"\A\s*(?<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*\z")]
    private static partial Regex When();

    private static readonly SearchValues<char> Marks = SearchValues.Create(@"\()[]:|");

    private readonly List<Node> _nodes;

    private PromptSchedule(List<Node> nodes) => _nodes = nodes;

    /// <summary>The tree of a prompt; null if by the grammar it has none and is plain text from end to end.</summary>
    public static PromptSchedule? Parse(string prompt)
    {
        var open = new Stack<Open>([new Open(' ')]);
        Effort.Add(prompt.Length);
        for (var i = 0; i < prompt.Length; i++)
        {
            var c = prompt[i];
            switch (c)
            {
                case '\\':
                    if (++i == prompt.Length || prompt[i] == '\n') return null;
                    open.Peek().Add(prompt.Substring(i - 1, 2));
                    break;
                case '(' or '[':
                    open.Push(new Open(c));
                    break;
                case ':' or '|' when open.Count > 1:
                    open.Peek().Separate(c);
                    break;
                case ')' or ']':
                    if (Close(open.Peek(), c) is { } node)
                    {
                        open.Pop();
                        open.Peek().Add(node);
                        break;
                    }
                    if (!FlattenAll(open)) return null;
                    open.Peek().Add(c.ToString());
                    break;
                case '|':
                    return null;
                default:                                      // text up to the next mark; the colon means nothing outside brackets
                    var end = prompt.AsSpan(i + 1).IndexOfAny(Marks) is >= 0 and var length ? i + 1 + length : prompt.Length;
                    open.Peek().Add(prompt[i..end]);
                    i = end - 1;
                    break;
            }
        }
        return FlattenAll(open) ? new PromptSchedule(open.Peek().Parts[0]) : null;
    }

    /// <summary>The texts of all steps, each with the last step it is for.</summary>
    public List<(int UntilStep, string Text)> Unroll(int steps, int before)
    {
        int StepOf(Change change) => (int)Math.Min(steps, change.IsPart ? (change.When - (before > 0 ? 1 : 0)) * steps : change.When - before);

        var borders = new SortedSet<int> { steps };
        Visit(_nodes, node =>
        {
            if (node is Change change && StepOf(change) is >= 1 and var step) borders.Add(step);
            else if (node is Alternation) borders.UnionWith(Enumerable.Range(1, steps));
            return node switch
            {
                Change both => both.From.Concat(both.To),
                Alternation all => all.Choices.SelectMany(choice => choice),
                Sequence sequence => sequence.Nodes,
                _ => [],
            };
        });
        return [.. borders.Select(border => (border, TextAt(border)))];

        string TextAt(int step)
        {
            var text = new StringBuilder();
            Visit(_nodes, node =>
            {
                if (node is Literal literal) text.Append(literal.Text);
                return node switch
                {
                    Change change => step <= StepOf(change) ? change.From : change.To,
                    Alternation turns => turns.Choices[(step - 1) % turns.Choices.Count],
                    Sequence sequence => sequence.Nodes,
                    _ => [],
                };
            });
            return text.ToString();
        }
    }

    /// <summary>Depth first, left to right, into the nodes that the visitor returns for each.</summary>
    private static void Visit(IEnumerable<Node> nodes, Func<Node, IEnumerable<Node>> visitor)
    {
        var waiting = new Stack<Node>(nodes.Reverse());
        while (waiting.TryPop(out var node))
        {
            Effort.Add(node is Literal { Text.Length: var length } ? length : 1);
            foreach (var inner in visitor(node).Reverse()) waiting.Push(inner);
        }
    }

    /// <summary>What a bracket becomes when closed by this one; null if nothing but text can be made of it and of all around it.</summary>
    private static Node? Close(Open open, char bracket)
    {
        var (parts, separators) = (open.Parts, open.Separators);
        if ((open.Bracket, bracket, parts.Count) is ('(', ')', <= 2) or ('[', ']', 1))
            return open.Flatten() is { } nodes ? new Sequence([nodes, new Literal(bracket.ToString())]) : null;          // emphasis, for ParseWeights to read

        if ((open.Bracket, bracket) is not ('[', ']')) return null;
        if (!separators.Contains(':')) return new Alternation(parts);
        if (separators is not (":" or "::") || !parts[^1].TrueForAll(node => node is Literal)) return null;

        var when = When().Match(string.Concat(parts[^1].Cast<Literal>().Select(literal => literal.Text))).Groups["number"];
        if (!when.Success) return null;
        var number = double.Parse(when.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);
        return new Change(From: parts.Count == 3 ? parts[0] : [], To: parts[^2], number, IsPart: when.Value.Contains('.'));
    }

    /// <summary>Makes text of all brackets still open; false if that cannot be.</summary>
    private static bool FlattenAll(Stack<Open> open)
    {
        while (open.Count > 1)
        {
            if (open.Pop().Flatten() is not { } nodes) return false;
            open.Peek().Add(nodes);
        }
        return true;
    }
}
