using Easel.Models;
using Easel.Training;
using static TorchSharp.torch;

namespace Easel.Tests.Training;

/// <summary>
/// Guards what the text encoder begins with: words for things that look alike are alike, words that go with everything say next to nothing, a prompt's vectors
/// are those of its words, rare words count more, and latents are made once for the same scenes and the same encoder.
/// </summary>
public sealed class WordTests
{
    private static readonly (int Picture, string Caption)[] Captions = [.. Enumerable.Range(0, 40)
        .Select(i => (i, (i % 4) switch { 0 => "a cat", 1 => "a kitty", 2 => "a car", _ => "an auto" }))];

    [Fact]
    public void WordsBeginAsWhatTheirPicturesLookLike()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var words = new Words(Captions.Select(c => c.Caption).Distinct());
        var text = Encoder(words);
        BagOfWords.Set(text, words, Captions, Looks());
        var table = text.named_parameters().Single(p => p.name.EndsWith("token_embedding.weight", StringComparison.Ordinal)).parameter;
        Tensor Look(string word) => table[words.NumbersOf(word).Single()][1..words.Tokens.Count]; // the first number tells marks from words
        Assert.True(Likeness(Look("cat"), Look("kitty")) > 0.8);
        Assert.True(Likeness(Look("car"), Look("auto")) > 0.8);
        Assert.True(Likeness(Look("cat"), Look("car")) < -0.8);
        Assert.True(Look("a").norm().item<float>() < Look("cat").norm().item<float>() / 2);
    }

    [Fact]
    public void APromptsVectorsPointToItsWords()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var words = new Words(Captions.Select(c => c.Caption).Distinct());
        var text = Encoder(words);
        BagOfWords.Set(text, words, Captions, Looks());
        Tensor Last(string prompt) => text.call(words.Encode([prompt]))[0][-1]; // one of the marks that fill a prompt up
        Assert.True(Likeness(Last("a cat"), Last("cat")) > Likeness(Last("a cat"), Last("a car")));
        Assert.True(Likeness(Last("a cat"), Last("a kitty")) > Likeness(Last("a cat"), Last("a car")));
    }

    [Fact]
    public void RareWordsCountMore()
    {
        using var scope = NewDisposeScope();
        var words = new Words(["a cat", "a dog"]);
        var rarity = words.Rarity(["a cat", "a cat", "a dog"]);
        float Of(string word) => rarity[words.NumbersOf(word).Single()].item<float>();
        Assert.Equal(0f, Of("a"), 1e-6f); // all have it
        Assert.True(Of("dog") > Of("cat"));
    }

    [Fact]
    public void LatentsAreKeptForTheSameScenesAndTheSameEncoder()
    {
        using var folder = new Weights.TemporaryFolder();
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var pack = ToyData.Make(folder.Path("toy.data"));
        var network = new AutoencoderTrainer(new AutoencoderOptions
        {
            Data = "",
            Out = folder.Path("run"),
            Channels = [16, 16, 16, 16],
            FullPrecision = true
        }, pack).Network;
        var file = folder.Path("latents.safetensors");
        float[] Kept() => Painted.Latents(file, network, pack, 4, null).to(ScalarType.Float32).data<float>().ToArray();
        var made = Kept();
        var written = File.GetLastWriteTimeUtc(file);
        Assert.Equal(made, Kept());
        Assert.Equal(written, File.GetLastWriteTimeUtc(file));

        network.named_parameters().Single(p => p.name == "encoder.conv_out.bias").parameter.add_(1);
        Assert.NotEqual(made, Kept());
    }

    /// <summary>Cats have their light on the left, cars on the right, each a little otherwise.</summary>
    private static Tensor Looks()
    {
        using var generator = new Generator(2, CPU);
        var looks = randn([Captions.Length, 2, 3, 3], generator: generator) * 0.1;
        foreach (var (picture, caption) in Captions) looks[picture, 0].select(1, caption.Contains("cat", StringComparison.Ordinal)
            || caption.Contains("kitty", StringComparison.Ordinal) ? 0 : 2).add_(2);
        return looks;
    }

    private static ClipTextModel Encoder(Words words)
    {
        var text = new ClipTextModel(new ClipTextConfig
        {
            Vocabulary = words.Tokens.Count,
            Positions = 77,
            Width = 32,
            FeedForwardWidth = 64,
            Layers = 2,
            Heads = 1,
            Activation = TextActivation.QuickGelu
        });
        _ = new FlatWeights([("text", text)], 0);
        return text;
    }

    private static float Likeness(Tensor one, Tensor other) => nn.functional.cosine_similarity(one, other, dim: 0).item<float>();
}
