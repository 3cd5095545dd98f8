using Easel.Metadata;
using Easel.Weights;
using Easel.Weights.Lora;
using Easel.Weights.Names;

namespace Easel;

public sealed partial record ModelFile
{
    /// <summary>Writes any model as one file, one tensor in memory at a time.</summary>
    /// <param name="path">A file of tensors, which keeps its names, or a diffusers folder, which is given those of the original single file.</param>
    /// <param name="output">Where to: GGUF where it ends in ".gguf", safetensors otherwise. A file that is there is replaced once the new one is whole.</param>
    /// <param name="format">One of <see cref="WrittenFormats"/>, in which numbers are stored; null for what they are stored in. Of ggml's blocks, tensors
    /// whose rows are no whole blocks, biases and embeddings keep what they are stored in.</param>
    /// <param name="ema">Whether the UNet's averaged (EMA) weights take the place of the live ones.</param>
    /// <param name="onProgress">Told the share written.</param>
    /// <param name="cancel">Stops the writing; nothing is left behind.</param>
    /// <param name="loras">The files of LoRAs to bake in, each with its strength, 1 as trained; null for none.</param>
    /// <returns>What a person should be told, such as layers of a LoRA that the model does not have.</returns>
    /// <exception cref="CheckpointException">It is no model, holds no averaged weights, or cannot be told in the original names; or a LoRA is for
    /// another.</exception>
    /// <exception cref="InvalidRequestException">The format is none of those, or the file's kind does not hold it.</exception>
    /// <exception cref="EaselException">The file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<string> Convert(string path, string output, string? format = null, bool ema = false, Action<double>? onProgress = null,
        CancellationToken cancel = default, IReadOnlyList<KeyValuePair<string, double>>? loras = null)
    {
        CheckFormat(format, output);
        using var inference = inference_mode();
        using var conversion = ModelConversion.Of(path, ema);
        if (loras is not { Count: > 0 })
        {
            conversion.Write(output, format, onProgress, cancel);
            return [];
        }
        using var checkpoint = Checkpoint.Open(path);
        var open = new List<LoraFile>();
        try
        {
            foreach (var (file, _) in loras) open.Add(LoraFile.Open(file));
            var remarks = ModelMerge.Add(conversion, checkpoint, [.. open.Zip(loras, (lora, asked) => new LoraUse(lora, asked.Value, asked.Value))]);
            conversion.Say(Recipe, JsonSerializer.Serialize(new
            {
                type = "easel",
                model = NameOf(path),
                loras = loras.Select(lora => new { name = NameOf(lora.Key), strength = lora.Value }),
            }));
            conversion.Write(output, format, onProgress, cancel);
            return remarks;
        }
        finally
        {
            foreach (var lora in open) lora.Dispose();
        }
    }

    /// <summary>Makes one model of several, as AUTOMATIC1111's checkpoint merger does, a few tensors in memory at a time. Of two models A and B the weighted
    /// sum A · (1 - weight) + B · weight; of three, A + (B - C) · weight; one is copied. Tensors that only A has are kept; where A sees a mask besides, the
    /// channels that all have are merged.</summary>
    /// <param name="models">One to three files or diffusers folders of one family.</param>
    /// <param name="output">Where to; a file that is there is replaced once the new one is whole.</param>
    /// <param name="weight">How much B, or what it has over C, counts; null for 0.5 of two models and 1 of three.</param>
    /// <param name="blockWeights">The same for each block of the UNet: 25 numbers, 26 with one before them for the rest of the model, shorter lists and names
    /// as for LoRAs; null for <paramref name="weight"/> everywhere.</param>
    /// <param name="vae">A file with an autoencoder to put in; null to merge those of the models.</param>
    /// <param name="format">One of <see cref="WrittenFormats"/>, in which numbers are stored; null for A's.</param>
    /// <param name="onProgress">Told the share written.</param>
    /// <param name="cancel">Stops the writing; nothing is left behind.</param>
    /// <exception cref="CheckpointException">One is no model, or they are not of one family.</exception>
    /// <exception cref="InvalidRequestException">There are too many models, or a weight or the format cannot be read.</exception>
    /// <exception cref="EaselException">The file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void Merge(IReadOnlyList<string> models, string output, double? weight = null, string? blockWeights = null, string? vae = null,
        string? format = null, Action<double>? onProgress = null, CancellationToken cancel = default)
    {
        CheckFormat(format, output);
        if (models.Count is < 1 or > 3) throw new InvalidRequestException(nameof(models), $"One to three models can be merged, not {models.Count}.");
        var share = weight ?? (models.Count == 2 ? 0.5 : 1);
        if (!double.IsFinite(share)) throw new InvalidRequestException(nameof(weight), "The weight must be a number.");
        var blocks = blockWeights is null ? null : BlockWeights.TryParse(blockWeights, onlyBlocks: share)
            ?? throw new InvalidRequestException(nameof(blockWeights), $"Block weights can be {BlockWeights.Allowed}, not \"{blockWeights}\".");

        using var inference = inference_mode();
        var open = new List<ModelConversion>();
        VaeFile? baked = null;
        try
        {
            foreach (var path in models) open.Add(ModelConversion.Of(path, ema: false));
            if (open.Count > 1) ModelMerge.Mix(open[0], open[1], open.ElementAtOrDefault(2), share, blocks);
            if (vae is not null) ModelMerge.Bake(open[0], baked = VaeFile.Open(vae), vae);
            open[0].Say("format", "pt");
            open[0].Say(Recipe, JsonSerializer.Serialize(new
            {
                type = "easel",
                models = models.Select(NameOf),
                interp_method = Methods[open.Count - 1],
                multiplier = share,
                block_weights = blockWeights,
                bake_in_vae = vae is null ? null : NameOf(vae),
            }));
            open[0].Write(output, format, onProgress, cancel);
        }
        finally
        {
            foreach (var model in open) model.Dispose();
            baked?.Dispose();
        }
    }

    /// <summary>Writes the difference of two models as a LoRA: <paramref name="original"/> with it is <paramref name="tuned"/>, as nearly as its rank
    /// allows.</summary>
    /// <param name="original">The model that was begun from: a file or a diffusers folder.</param>
    /// <param name="tuned">What became of it.</param>
    /// <param name="output">Where to; a file that is there is replaced once the new one is whole.</param>
    /// <param name="rank">The rank of each layer's part, 1 to 4096; a small layer has less.</param>
    /// <param name="precision">The number format to store; <see cref="Precision.Auto"/> for fp16.</param>
    /// <param name="onProgress">Told the share written.</param>
    /// <param name="cancel">Stops the writing; nothing is left behind.</param>
    /// <exception cref="CheckpointException">One is no model, they are not of one shape, or they do not differ.</exception>
    /// <exception cref="InvalidRequestException">The rank is out of its range.</exception>
    /// <exception cref="EaselException">The file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void ExtractLora(string original, string tuned, string output, int rank, Precision precision = Precision.Auto,
        Action<double>? onProgress = null, CancellationToken cancel = default)
    {
        if (rank is < 1 or > 4096) throw new InvalidRequestException(nameof(rank), $"The rank is {rank}; it must be from 1 to 4096.");
        using var inference = inference_mode();
        using var after = Checkpoint.Open(tuned);
        using var before = Checkpoint.Open(original);
        new LoraExtraction(after, before, rank).Write(output, TypeOf(precision) ?? ScalarType.Float16, onProgress, cancel);
    }

    /// <summary>Settings of a picture, in whose prompt LoRAs that are called otherwise here, told by the hashes of their files, have the names they have
    /// here.</summary>
    /// <param name="told">What the picture tells; its "Lora hashes" are AUTOMATIC1111's.</param>
    /// <param name="options">Where the LoRAs are, and where fingerprints are remembered.</param>
    public static PictureSettings WithLorasOf(PictureSettings told, LoadOptions options)
    {
        if (options.LoraFolders.Count == 0 || told.Text["Lora hashes"] is not { } hashes) return told;
        var (files, prompt) = (NamedFiles.Loras(options.LoraFolders), told.Text.Prompt);
        foreach (var pair in hashes.Split(','))
        {
            if (pair.Split(':', StringSplitOptions.TrimEntries) is not [var name, var hash] || hash.Length < 8 || files.FindAll(name).Count > 0) continue;
            if (files.Files().FirstOrDefault(path => LoraFile.HashOf(path, stored => ModelHashes.In(options.CacheFolder).OfLora(path, stored))
                ?.StartsWith(hash, StringComparison.OrdinalIgnoreCase) == true) is not { } file) continue;
            prompt = prompt.Replace($"<lora:{name}:", $"<lora:{files.Own(file)}:", StringComparison.Ordinal);
        }
        return told with { Text = told.Text with { Prompt = prompt } };
    }

    /// <summary>Under which AUTOMATIC1111's merger says what it made a model of.</summary>
    private const string Recipe = "sd_merge_recipe";

    private static readonly string[] Methods = ["No interpolation", "Weighted sum", "Add difference"]; // of one, two and three models, in its words

    private static void CheckFormat(string? format, string output)
    {
        if (format is not null && !WrittenFormats.Contains(format))
            throw new InvalidRequestException("Format", $"The format is \"{format}\"; it must be one of {string.Join(", ", WrittenFormats)}.");
        if (format is not (null or "fp32" or "fp16" or "bf16") && !ModelConversion.IsGguf(output))
            throw new InvalidRequestException("Format", $"The format {format} is one of GGUF alone, and {output} does not end in .gguf.");
    }

    private static string NameOf(string path) => System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(path));

    private static ScalarType? TypeOf(Precision precision) => precision switch
    {
        Precision.Full => ScalarType.Float32,
        Precision.BFloat16 => ScalarType.BFloat16,
        Precision.Float16 => ScalarType.Float16,
        _ => null,
    };
}
