using Easel.Models.Tools;
using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>The files of the tools that come with Easel and that it uses of itself.</summary>
internal static class ToolFile
{
    /// <summary>What finds faces.</summary>
    /// <exception cref="CheckpointException">Its file is not there, or damaged.</exception>
    public static FaceFinder Faces() => new(Loaded(BuiltInTool.Faces, new TinyFaceNet(FaceFinder.Numbers * FaceFinder.AnchorCount)));

    /// <summary>What finds the points of a face.</summary>
    /// <exception cref="CheckpointException">Its file is not there, or damaged.</exception>
    public static FacePointsNet FacePoints() => Loaded(BuiltInTool.FacePoints, new FacePointsNet());

    /// <summary>What tells people from what is around them.</summary>
    /// <exception cref="CheckpointException">Its file is not there, or damaged.</exception>
    public static PersonFinder Person() => new(Loaded(BuiltInTool.Person, new PersonNet()));

    /// <summary>What tells explicit pictures.</summary>
    /// <exception cref="CheckpointException">Its file is not there, or damaged.</exception>
    public static SafetyFilter Safety() => new(Loaded(BuiltInTool.Safety, new MobileNetV2(SafetyVerdict.Classes.Count)));

    private static T Loaded<T>(string name, T network) where T : Module
    {
        var tool = BuiltInTool.All.Single(tool => tool.Name == name);
        if (!tool.Exists) throw new CheckpointException($"{name}, which comes with Easel and {tool.Description}, is not at {tool.Path}.");
        using var file = TensorFile.Open(tool.Path);
        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys) tensors.Add(key, new Slot(file, key));
        tensors.Load(network, name, ScalarType.Float32, CPU);
        return network;
    }
}
