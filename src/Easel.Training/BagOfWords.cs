using Easel.Models;
using Easel.Text;
using static TorchSharp.torch;

namespace Easel.Training;

/// <summary>
/// Sets a text encoder so that words reach the UNet before any training: every token's vector is its own plus the mean of the words up to it, in which the marks of beginning and end
/// do not count. Begun at random, most of the 77 vectors say next to nothing of the prompt, because the marks that fill it up outweigh its few words; a UNet then learns
/// for a long time to do without it.
/// </summary>
internal static class BagOfWords
{
    private const double Aversion = 8; // attention to a mark is e to the minus 11 times that to a word

    /// <summary>Sets the weights.</summary>
    /// <param name="text">The text encoder.</param>
    /// <param name="words">The tokens of its table.</param>
    public static void Set(ClipTextModel text, Words words)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(0, CPU);
        var width = text.Config.Width;
        var parameters = text.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter);

        // The first number of a vector tells marks from words.
        var table = parameters["text_model.embeddings.token_embedding.weight"].normal_(0, 1, generator);
        table.select(1, 0).zero_();
        foreach (var mark in (int[])[ClipTokenizer.BeginOfText, ClipTokenizer.EndOfText])
        {
            var row = table[words.NumberOf(mark)];
            row.zero_();
            row[0].fill_(1);
        }
        parameters["text_model.embeddings.position_embedding.weight"].select(1, 0).zero_();

        foreach (var (name, value) in parameters)
            if (name.Contains(".out_proj.", StringComparison.Ordinal) || name.Contains(".fc2.", StringComparison.Ordinal)) value.zero_();
        const string First = "text_model.encoder.layers.0.self_attn.";
        foreach (var projection in (string[])["q_proj", "k_proj", "v_proj"])
        {
            parameters[$"{First}{projection}.weight"].zero_();
            parameters[$"{First}{projection}.bias"].zero_();
        }
        for (var head = 0; head < text.Config.Heads; head++)
        {
            var at = head * (width / text.Config.Heads);
            parameters[First + "q_proj.bias"][at].fill_(1);
            parameters[First + "k_proj.weight"][at, 0].fill_(-Aversion);
        }
        parameters[First + "v_proj.weight"].copy_(eye(width));
        parameters[First + "out_proj.weight"].copy_(eye(width));
    }
}
