using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>A word that was taught to a model: one or more vectors that stand in the text encoder's input in place of the word's tokens. "An Image is Worth One
/// Word: Personalizing Text-to-Image Generation using Textual Inversion", arXiv 2208.01618.</summary>
/// <param name="vectors">[vectors, width], fp32, on the CPU.</param>
internal sealed class TextualInversion(string name, Tensor vectors) : IDisposable
{
    /// <summary>What prompts call it.</summary>
    public string Name { get; } = name;

    /// <summary>[vectors, width], fp32, on the CPU; they live as long as this object.</summary>
    public Tensor Vectors { get; } = vectors;

    /// <summary>Those for each of several text encoders, by what files call it ("clip_l", "clip_g"), as many for each; none where there is one for
    /// all.</summary>
    public IReadOnlyDictionary<string, Tensor> Others { get; private init; } = new Dictionary<string, Tensor>();

    /// <summary>How many tokens it takes the place of.</summary>
    public int Count => (int)Vectors.shape[0];

    /// <summary>Width of its vectors, which must be the text encoder's.</summary>
    public int Width => (int)Vectors.shape[1];

    /// <summary>Reads an embedding in any of the forms people have: AUTOMATIC1111's (<c>string_to_param</c> in a <c>.pt</c>, <c>emb_params</c> in a safetensors
    /// file), diffusers' (one tensor under the word itself), and that of the original repository.</summary>
    /// <param name="name">What prompts call it; null for the file's name without extension.</param>
    public static TextualInversion Read(string path, string? name = null)
    {
        using var file = TensorFile.Open(path);
        return Of(file, FindVectors(file), name ?? Path.GetFileNameWithoutExtension(path), "");
    }

    /// <summary>Reads an embedding that travels in a file with others, the names of whose tensors begin with <paramref name="prefix"/>.</summary>
    public static TextualInversion In(TensorFile file, string prefix, string name)
    {
        var keys = file.Tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => key[prefix.Length..]).ToList();
        return Of(file, prefix + (KeyOf(keys)
            ?? throw new CheckpointException($"The embedding {Quoted.Name(name)} in {file.Path} is none that Easel knows: it holds {string.Join(", ",
                keys.Select(Quoted.Name))}.")), name, prefix);
    }

    private static TextualInversion Of(TensorFile file, string key, string name, string prefix)
    {
        var others = Encoders.Where(encoder => file.Tensors.ContainsKey(prefix + encoder))
            .ToDictionary(encoder => encoder, encoder => In(file, prefix + encoder));
        if (others.Values.Select(vectors => vectors.shape[0]).Distinct().Count() > 1)
            throw new CheckpointException($"The embedding {Quoted.Name(name)} in {file.Path} has not as many vectors for each text encoder.");
        return new TextualInversion(name, In(file, key)) { Others = others };
    }

    /// <summary>The text encoders of Stable Diffusion XL as files call them, that with the wider vectors first.</summary>
    private static readonly string[] Encoders = ["clip_g", "clip_l"];

    private static Tensor In(TensorFile file, string key)
    {
        using var scope = NewDisposeScope();
        var stored = file.View(key);
        var vectors = stored.dim() == 1 ? stored.unsqueeze(0) : stored;
        if (vectors.dim() != 2 || vectors.numel() == 0 || !vectors.is_floating_point())
            throw new CheckpointException($"{file.Path} is no textual-inversion embedding: "
                + $"its tensor {Quoted.Name(key)} has the shape [{string.Join(", ", stored.shape)}], not [vectors, width].");
        return vectors.to(ScalarType.Float32, copy: true).contiguous().DetachFromDisposeScope();
    }

    /// <summary>Number and width of a file's vectors, which are not read; null where it holds something else.</summary>
    /// <param name="file">A file of the kind <see cref="ModelKind.Embedding"/>.</param>
    public static (int Count, int Width)? SizeIn(TensorFile file) => KeyOf([.. file.Tensors.Keys]) is { } key ? file.Tensors[key].Shape switch
    {
        [var width] => (1, (int)width),
        [var count, var width] => ((int)count, (int)width),
        _ => null,
    } : null;

    /// <summary>The vectors for a text encoder.</summary>
    /// <param name="encoder">What files call it, where a model has several text encoders.</param>
    /// <param name="width">How wide its vectors are.</param>
    /// <exception cref="InvalidRequestException">They are made for another model.</exception>
    public Tensor VectorsFor(string? encoder, int width)
    {
        var own = encoder is null ? null : Others.GetValueOrDefault(encoder);
        if (own is null || own.shape[1] != width) RequireWidth(width);
        return own ?? Vectors;
    }

    /// <summary>Fails unless the vectors fit a text encoder.</summary>
    /// <exception cref="InvalidRequestException">They are made for another model.</exception>
    public void RequireWidth(int width)
    {
        if (Width == width) return;
        var made = Width switch
        {
            768 => "Stable Diffusion 1 (768 wide)",
            1024 => "Stable Diffusion 2 (1024 wide)",
            1280 => "Stable Diffusion XL (1280 wide)",
            _ => $"a text encoder {Width} wide",
        };
        throw new InvalidRequestException("prompt", $"The embedding {Name} is made for {made}; this model's text encoder is {width} wide.");
    }

    public void Dispose()
    {
        Vectors.Dispose();
        foreach (var others in Others.Values) others.Dispose();
    }

    private static string FindVectors(TensorFile file)
    {
        if (file.Tensors.Count > 1 && !file.Tensors.Keys.Any(key => key.Contains('.') || key is "clip_l" or "clip_g"))
            throw new CheckpointException($"{file.Path} holds {file.Tensors.Count} words ({string.Join(", ", file.Tensors.Keys.Take(3).Select(Quoted.Name))}), "
                + "and Easel takes embeddings of one word a file.");
        if (FileKind.Of(file) is { Kind: ModelKind.Other }) throw FileKind.IsNo(file, "textual-inversion embedding", ModelKind.Embedding);
        return KeyOf([.. file.Tensors.Keys]) ?? throw FileKind.IsNo(file, "textual-inversion embedding", ModelKind.Embedding);
    }

    private static string? KeyOf(List<string> keys) =>
        keys.Find(key => key.StartsWith("string_to_param.", StringComparison.Ordinal)) ?? keys.Find(key =>
            key == "emb_params") ?? Encoders.FirstOrDefault(keys.Contains) ?? (keys is [var only] ? only : null);
}
