using Easel.Models.Midas;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A file with the depth estimator (MiDaS DPT-Hybrid), alone or inside a checkpoint of SD 2's depth model (<c>depth_model.model.*</c>).</summary>
internal static class DepthEstimatorFile
{
    public static bool IsIn(TensorFile file) => Prefix(file) is not null;

    public static MidasDepth Load(TensorFile file, ScalarType type, Device device)
    {
        var prefix = Prefix(file) ?? throw FileKind.IsNo(file, "MiDaS depth estimator (DPT-Hybrid)", ModelKind.DepthEstimator);
        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys)
            if (key.StartsWith(prefix, StringComparison.Ordinal)) tensors.Add(MidasNames.Original, key[prefix.Length..], file, key);
        var model = new MidasDepth(Shapes.DepthEstimator(tensors, file.Path), type, device);
        tensors.Load(model, "depth estimator", type, device);
        return model;
    }

    private static string? Prefix(TensorFile file)
    {
        const string Last = "scratch.output_conv.4.weight", First = "pretrained.model.patch_embed.backbone.stem.conv.weight";
        var prefix = file.Tensors.Keys.FirstOrDefault(key => key.EndsWith(Last, StringComparison.Ordinal))?[..^Last.Length];
        return prefix is not null && file.Tensors.ContainsKey(prefix + First) ? prefix : null;
    }
}
