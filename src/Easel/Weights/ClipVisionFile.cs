using Easel.Models.Control;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>A file or a folder with CLIP's vision tower, which an IP-Adapter looks at pictures with, as transformers stores it.</summary>
internal static class ClipVisionFile
{
    /// <summary>Loads a tower.</summary>
    /// <exception cref="CheckpointException">It is none.</exception>
    public static ClipVisionModel Load(string path, ScalarType type, Device device)
    {
        var isFolder = Directory.Exists(path);
        using var file = isFolder ? DiffusersFolder.OpenComponent(path, "") : TensorFile.Open(path);
        if (!file.Tensors.ContainsKey("vision_model.embeddings.patch_embedding.weight")) throw FileKind.IsNo(file, "vision tower of CLIP", ModelKind.Other);
        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys) tensors.Add(ControlNames.Vision, key, file, key);
        var (heads, activation) = ModelSettings.OfVision(isFolder ? path : Path.GetDirectoryName(path) ?? "");
        var model = new ClipVisionModel(ControlShapes.Vision(tensors, heads, activation, path));
        tensors.Load(model, "vision tower", type, device);
        return model;
    }
}
