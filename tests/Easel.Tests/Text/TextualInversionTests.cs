using Easel.Tests.Support;
using Easel.Text.Prompts;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Text;

/// <summary>Guards that a learned word is read from every form it is found in, found by name, and put where it belongs in the text encoder's input.</summary>
public sealed class TextualInversionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-words").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors("layouts/my-style.goldens.safetensors");

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("my-style.a1111.pt", 3)]
    [InlineData("my-style.a1111.safetensors", 3)]
    [InlineData("my-style.original-repo.pt", 3)]
    [InlineData("my-style.diffusers.bin", 1)]
    [InlineData("my-style.diffusers.safetensors", 1)]
    public void Reads_every_form(string file, int vectors)
    {
        using var embedding = TextualInversion.Read(Goldens.Path("layouts/" + file));
        Assert.Equal((vectors, 32), (embedding.Count, embedding.Width));
        Close.Absolute(_goldens["vectors"][..vectors], embedding.Vectors, 0);
        Assert.Equal(Path.GetFileNameWithoutExtension(file), embedding.Name);
    }

    [Theory]
    [InlineData("1vectors", "my-style.diffusers.bin")]
    [InlineData("3vectors", "my-style.a1111.pt")]
    public void Encodes_with_the_vectors_in_place(string golden, string file)
    {
        using var micro = new Micro();
        using var embedding = TextualInversion.Read(Goldens.Path("layouts/" + file));
        embedding.RequireWidth(micro.Text.Config.Width);
        var ids = _goldens[golden + ".ids"];
        var start = (int)(ids[0] >= 49408).nonzero()[0, 0].item<long>(); // placeholders lie past the vocabulary

        var encoded = LearnedVectors.Encode(micro.Text, ids, [new LearnedVectors(0, start, embedding.Vectors)], clipSkip: 1).Context;
        Close.Absolute(_goldens[golden + ".embedding"], encoded, 1e-4);
    }

    [Fact]
    public void Refuses_vectors_that_reach_past_the_prompt()
    {
        using var micro = new Micro();
        var ids = zeros([1, 77], ScalarType.Int64);
        Assert.Throws<EaselException>(() => LearnedVectors.Encode(micro.Text, ids, [new LearnedVectors(0, 75, ones(3, 32))], clipSkip: 1));
        Assert.Throws<EaselException>(() => LearnedVectors.Encode(micro.Text, ids, [new LearnedVectors(0, 1, ones(3, 16))], clipSkip: 1));
    }

    [Fact]
    public void Says_whose_embedding_it_is()
    {
        Write("v2", ("emb_params", ones(2, 1024)));
        using var embedding = TextualInversion.Read(Path.Combine(_folder, "v2.safetensors"));
        var error = Assert.Throws<InvalidRequestException>(() => embedding.RequireWidth(768));
        Assert.Equal("The embedding v2 is made for Stable Diffusion 2 (1024 wide); this model's text encoder is 768 wide.", error.Message);
    }

    /// <summary>Stable Diffusion XL has two text encoders, each with vectors of its own for the word.</summary>
    [Fact]
    public void Reads_vectors_for_two_text_encoders()
    {
        Write("xl", ("clip_g", ones(2, 1280)), ("clip_l", zeros(2, 768)));
        Write("torn", ("clip_g", ones(2, 1280)), ("clip_l", zeros(1, 768)));
        using var embedding = TextualInversion.Read(Path.Combine(_folder, "xl.safetensors"));
        Assert.Equal((2, 0f, 1f), (embedding.Count, embedding.VectorsFor("clip_l", 768).max().item<float>(),
            embedding.VectorsFor("clip_g", 1280).min().item<float>()));
        Assert.Contains("Stable Diffusion XL", Assert.Throws<InvalidRequestException>(() => embedding.VectorsFor(null, 768)).Message);
        var refusal = Assert.Throws<CheckpointException>(() => TextualInversion.Read(Path.Combine(_folder, "torn.safetensors")));
        Assert.Contains("for each text encoder", refusal.Message);
    }

    [Fact]
    public void Refuses_what_is_no_embedding()
    {
        Write("lora", ("lora_unet_x.lora_down.weight", ones(2, 3)), ("lora_unet_x.lora_up.weight", ones(3, 2)));
        Write("picture", ("picture", ones(2, 3, 4)));
        Assert.Contains("a LoRA", Refusal("lora"));
        Assert.Contains("[2, 3, 4]", Refusal("picture"));

        string Refusal(string name) => Assert.Throws<CheckpointException>(() => TextualInversion.Read(Path.Combine(_folder, name + ".safetensors"))).Message;
    }

    [Fact]
    public void Finds_embeddings_by_name_in_a_folder()
    {
        using var folder = new EmbeddingShelf([_folder]);
        Assert.Null(folder.Find("my-style"));
        Directory.CreateDirectory(Path.Combine(_folder, "styles"));
        File.Copy(Goldens.Path("layouts/my-style.a1111.pt"), Path.Combine(_folder, "styles", "My-Style.pt")); // added while the program runs
        File.WriteAllText(Path.Combine(_folder, "notes.txt"), "no embedding");

        Assert.Equal(["My-Style"], folder.Names);
        Assert.Equal(3, folder.Find("my-style")!.Count);
        Assert.Same(folder.Find("my-style"), folder.Find("MY-STYLE"));
        Assert.Null(folder.Find("notes"));
        using var nowhere = new EmbeddingShelf([Path.Combine(_folder, "nowhere")]);
        Assert.Empty(nowhere.Names);
    }

    [Theory]
    [InlineData("a cat", "a cat")]
    [InlineData("in my-style, red", "in |[my-style]|, red")]
    [InlineData("a <My-Style> cat", "a |[My-Style]| cat")]
    [InlineData("my-style-two my-style", "[my-style-two]| |[my-style]")]
    [InlineData("my-styles and not-my-style", "my-styles and not-my-style")]
    [InlineData("(my-style:1.2)", "(|[my-style]|:1.2)")]
    [InlineData("", "")]
    public void Splits_a_prompt_at_names(string prompt, string expected)
    {
        Write("my-style", ("emb_params", ones(2, 8)));
        Write("my-style-two", ("emb_params", ones(2, 8)));
        using var folder = new EmbeddingShelf([_folder]);
        Assert.Equal(expected, string.Join('|', folder.Split(prompt).Select(part => part.Embedding is null ? part.Text : $"[{part.Text}]")));
    }

    private void Write(string name, params (string Key, Tensor Value)[] tensors) =>
        SafeTensorsWriter.Write(Path.Combine(_folder, name + ".safetensors"), tensors.ToDictionary(t => t.Key, t => t.Value));
}
