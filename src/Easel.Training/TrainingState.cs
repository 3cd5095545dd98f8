using System.Globalization;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Training;

/// <summary>All that a run needs to go on as if it had not been stopped: weights, optimizer, averages, the number of the step. Chance is drawn anew at each step from its number.</summary>
internal sealed class TrainingState(FlatWeights weights, AdamW optimizer, AveragedWeights average)
{
    /// <summary>Steps done.</summary>
    public long Step { get; set; }

    /// <summary>Seconds of training done.</summary>
    public double Seconds { get; set; }

    /// <summary>Writes the state beside and renames it into place.</summary>
    public void Save(string path)
    {
        using var guard = no_grad();
        SafeTensorsWriter.Write(path, Vectors(), metadata: new Dictionary<string, string>
        {
            ["step"] = Step.ToString(CultureInfo.InvariantCulture),
            ["seconds"] = Seconds.ToString("R", CultureInfo.InvariantCulture),
            ["parameters"] = string.Join(' ', weights.Names),
        });
    }

    /// <summary>Takes a saved state.</summary>
    /// <exception cref="EaselException">It is of a run with other networks.</exception>
    public void Load(string path)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(path);
        if (!file.Metadata.TryGetValue("parameters", out var names) || names != string.Join(' ', weights.Names) || file.Tensors["weights"].ElementCount != weights.Count)
            throw new EaselException($"{path} is the state of a run with networks of another shape; begin a new one in another folder.");
        foreach (var (name, vector) in Vectors()) vector.copy_(file.View(name));
        Step = long.Parse(file.Metadata["step"], CultureInfo.InvariantCulture);
        Seconds = double.Parse(file.Metadata["seconds"], CultureInfo.InvariantCulture);
    }

    private Dictionary<string, Tensor> Vectors() =>
        new() { ["weights"] = weights.Values, ["mean"] = optimizer.Mean, ["square"] = optimizer.Square, ["average"] = average.Values };
}
