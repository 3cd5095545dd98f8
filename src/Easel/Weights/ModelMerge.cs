using Easel.Weights.Formats;
using Easel.Weights.Lora;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>One model of several, tensor by tensor, as AUTOMATIC1111's checkpoint merger makes it (<c>modules/extras.py</c>, run_modelmerger): what the first
/// has and the others lack stays as it is, and of a model that sees a mask besides only the channels that all have are merged. Computed in fp32 and rounded
/// once.</summary>
internal static class ModelMerge
{
    /// <summary>Tensors of the first model merged with those of others.</summary>
    /// <param name="first">Written to: its tensors are to be the merged ones.</param>
    /// <param name="second">What it is merged with.</param>
    /// <param name="third">What is taken from the second before that is added; null for a weighted sum.</param>
    /// <param name="weight">How much the second counts.</param>
    /// <param name="blocks">The same for each part of the model; null for <paramref name="weight"/> everywhere.</param>
    /// <exception cref="CheckpointException">They are not of one family.</exception>
    public static void Mix(ModelConversion first, ModelConversion second, ModelConversion? third, double weight, BlockWeights? blocks)
    {
        const string UNet = "model.diffusion_model.";
        var merged = 0;
        foreach (var (name, info, _) in first.Tensors.ToList())
        {
            if (!name.Contains("model", StringComparison.Ordinal) || !IsFloat(info) || second.Find(name) is not { } with || !IsFloat(with)) continue;
            merged++;
            var channels = Common(first, second, name, info.Shape, with.Shape);
            var less = third?.Find(name);
            if (third is not null)
            {
                if (less is null) continue; // as there: what the third lacks adds nothing
                if (!Same(less.Shape, with.Shape)) throw Different(second, third, name, with.Shape, less.Shape);
            }
            var own = blocks is null ? weight : name.StartsWith(UNet, StringComparison.Ordinal) ? blocks.OfMerge(name[UNet.Length..]) : blocks.Base;
            first.Change(name, value =>
            {
                var result = value.to(ScalarType.Float32, copy: true).contiguous();
                var part = channels is { } count ? result.narrow(1, 0, count) : result;
                var other = second.Read(name).reshape(part.shape);
                if (less is not null) part.add_(other - third!.Read(name).reshape(part.shape), own);
                else part.copy_(part * (1 - own) + other * own);
                return result;
            });
        }
        if (merged == 0) throw new CheckpointException($"{second.Path} has no tensor in common with {first.Path}; only models of one family can be merged.");
    }

    /// <summary>Puts another autoencoder in the place of a model's own.</summary>
    /// <param name="vae">An autoencoder alone, or a model; it must stay open.</param>
    /// <exception cref="CheckpointException">It is another.</exception>
    public static void Bake(ModelConversion model, VaeFile vae, string path)
    {
        var names = AutoencoderNames.Original(vae.Config);
        foreach (var (own, slot) in vae.Tensors.Slots)
        {
            var (name, shape) = CheckpointLayout.ToOriginal(CheckpointNetwork.Autoencoder, names, own, slot.Shape);
            if (model.Find(name) is not { } there) continue;
            if (!Same(there.Shape, shape))
                throw new CheckpointException($"The autoencoder {path} does not fit into {model.Path}: {name} is [{string.Join(", ", shape)}] and should be "
                    + $"[{string.Join(", ", there.Shape)}].");
            model.Replace(name, slot);
        }
    }

    /// <summary>Bakes LoRAs into a model.</summary>
    /// <param name="checkpoint">The model; it must stay open.</param>
    /// <returns>What did not fit, for a person to read.</returns>
    /// <exception cref="CheckpointException">One is for another model.</exception>
    public static IReadOnlyList<string> Add(ModelConversion model, Checkpoint checkpoint, IReadOnlyList<LoraUse> loras)
    {
        var remarks = new List<string>();
        var changes = LoraTargets.Of(checkpoint).Plan(loras, remarks).ToLookup(change => (change.Key.Slot.File.Path, change.Key.Slot.Key));
        var isFile = File.Exists(model.Path);
        foreach (var (name, _, slots) in model.Tensors.ToList())
        {
            // A file keeps its names; of a folder's they are others, and tensors are known by where they lie.
            var own = slots.Select(slot => changes[(slot.File.Path, isFile ? name : slot.Key)].ToList()).ToList();
            if (own.All(part => part.Count == 0)) continue;
            model.Change(name, value =>
            {
                var result = value.to(ScalarType.Float32, copy: true).contiguous();
                foreach (var (part, of) in result.chunk(own.Count).Zip(own))
                {
                    foreach (var (target, list) in of)
                    {
                        var rows = part.shape[0] / target.Slot.Parts;
                        LoraTarget.Apply(list, part.narrow(0, target.Slot.Part * rows, rows).view(target.Shape));
                    }
                }
                return result;
            });
        }
        return remarks;
    }

    /// <summary>How many channels two models have in common, where the first sees more; null where the tensors are of one shape.</summary>
    private static long? Common(ModelConversion first, ModelConversion second, string name, long[] a, long[] b)
    {
        if (Same(a, b)) return null;
        var isOfOneKind = a.Length == 4 && b.Length == 4 && a[0] == b[0] && a.AsSpan(2).SequenceEqual(b.AsSpan(2));
        if (isOfOneKind && a[1] is 8 or 9 && b[1] == 4) return 4;
        if (isOfOneKind && a[1] == 4 && b[1] is 8 or 9)
            throw new CheckpointException($"{second.Path} sees a mask or a picture besides and {first.Path} does not: where such models are merged, "
                + "the one that sees more must come first.");
        throw Different(first, second, name, a, b);
    }

    private static CheckpointException Different(ModelConversion first, ModelConversion second, string name, long[] a, long[] b)
    {
        var (one, other) = (FamilyOf(first), FamilyOf(second));
        return new CheckpointException(one is not null && other is not null && one != other
            ? $"{first.Path} is a {one} model and {second.Path} a {other} model; only models of one family can be merged."
            : $"{first.Path} and {second.Path} cannot be merged: {name} is [{string.Join(", ", a)}] in the one and [{string.Join(", ", b)}] in the other.");
    }

    private static string? FamilyOf(ModelConversion model)
    {
        try
        {
            using var checkpoint = Checkpoint.Open(model.Path);
            return checkpoint.Family.Name;
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static bool IsFloat(TensorInfo info) => info.DType is ScalarType.Float64 or ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16;

    /// <summary>A linear layer may be stored as a 1x1 convolution and the other way round.</summary>
    private static bool Same(long[] a, long[] b) => a.SequenceEqual(b) || a.Length + b.Length == 6 && Matrix(a).SequenceEqual(Matrix(b));

    private static IEnumerable<long> Matrix(long[] shape) => shape is [var rows, var columns, 1, 1] ? [rows, columns] : shape;
}
