namespace Easel;

/// <summary>Pictures that are drawn together.</summary>
/// <param name="Number">The batch's place in the run, from 0.</param> <param name="First">The place in the run of its first picture.</param>
/// <param name="Prompts">One prompt for each of its pictures.</param>
internal sealed record Batch(int Number, int First, IReadOnlyList<string> Prompts)
{
    /// <summary>The batches of a request, in the order of the original scripts: iterations outside, prompts inside.</summary>
    /// <param name="oneByOne">Whether each picture must be drawn by itself, as under a sampler that chooses its steps by looking at the whole batch.</param>
    public static IReadOnlyList<Batch> Of(GenerationRequest request, bool oneByOne = false)
    {
        var together = oneByOne ? 1 : request.BatchSize;
        var prompts = request.Prompts.Count == 1 ? Enumerable.Repeat(request.Prompt, request.BatchSize) : request.Prompts;
        var chunks = prompts.Chunk(together).ToList();
        var batches = new List<Batch>();
        var first = 0;
        for (var iteration = 0; iteration < request.BatchCount; iteration++)
        {
            foreach (var chunk in chunks)
            {
                batches.Add(new Batch(batches.Count, first, chunk));
                first += chunk.Length;
            }
        }
        return batches;
    }
}
