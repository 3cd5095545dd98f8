using Easel.Models;
using Easel.Text;

namespace Easel.Training;

/// <summary>
/// Sets a text encoder so that words reach the UNet before any training: every token's vector is its own plus the mean of the words up to it, in which the
/// marks of beginning and end do not count. And a word's vector is what pictures with it in their captions look like on average: the principal components of
/// their latents, so that things that look alike have words that are alike. The UNet then learns one map from looks to pictures, on all pictures at once,
/// where words without meaning would have to be learned one by one. Stable Diffusion's text encoder came to it from CLIP in the same state: knowing already
/// which words go with which looks.
/// </summary>
/// <remarks>
/// Begun at random, most of the 77 vectors say next to nothing of the prompt, because the marks that fill it up outweigh its few words.
/// </remarks>
internal static class BagOfWords
{
    private const double Doubt = 2; // so many captions' weight of "it looks like anything"
    private const double Evenness = 0.7; // 1 would make the finest components as loud as the coarsest, 0 leave them as they are

    private const double Aversion = 8; // attention to a mark is e to the minus 11 times that to a word

    /// <param name="pictures">Captions, each with the number of its picture.</param>
    /// <param name="latents">The pictures, small, or their latents, [pictures, c, h, w], with about unit variance.</param>
    public static void Set(ClipTextModel text, Words words, IReadOnlyList<(int Picture, string Caption)> pictures, Tensor latents)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(0, CPU);
        var width = text.Config.Width;
        var parameters = text.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter);

        // The first number of a vector tells marks from words.
        var table = parameters["text_model.embeddings.token_embedding.weight"].normal_(0, 1, generator);
        table.mul_(words.Rarity([.. pictures.Select(p => p.Caption)]).unsqueeze(1));
        // the rest tells words apart that look the same
        var looks = LooksOf(words, pictures, latents.flatten(1), Math.Min((width - 1) * 3 / 4, table.shape[0] - 1));
        table.narrow(1, 1, looks.shape[1]).copy_(looks);
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

    /// <summary>The mean look of pictures with a word in their captions: [tokens, components], variance about 1 over things, near 0 for "a" and "of".</summary>
    private static Tensor LooksOf(Words words, IReadOnlyList<(int Picture, string Caption)> pictures, Tensor latents, long components)
    {
        var centred = latents - latents.mean([0], keepdim: true);
        var (values, axes) = linalg.eigh(centred.t().matmul(centred) / latents.shape[0]); // ascending
        components = Math.Min(components, values.shape[0]);
        var (spread, main) = (values.narrow(0, -components, components).clamp_min(1e-6).sqrt(), axes.narrow(1, -components, components));

        // Which captions have which tokens, [tokens, captions].
        var having = zeros(words.Tokens.Count, pictures.Count);
        for (var i = 0; i < pictures.Count; i++)
            having.select(1, i).index_fill_(0, tensor(words.NumbersOf(pictures[i].Caption).Distinct().ToArray()), 1);
        var seen = having.sum(1, keepdim: true);
        var means = having.matmul(centred.index_select(0, tensor(pictures.Select(p => (long)p.Picture).ToArray())).matmul(main)) / (seen + Doubt);
        return means / spread.pow(Evenness);
    }
}
