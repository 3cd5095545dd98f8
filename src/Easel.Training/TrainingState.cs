using Easel.Weights.Formats;

namespace Easel.Training;

/// <summary>What a run needs to go on as if never stopped: weights, optimizer, averages, the step's number, from which its chance is drawn anew.</summary>
internal sealed class TrainingState(FlatWeights weights, double weightDecay, double averaging)
{
    private readonly AdamW _optimizer = new(weights, weightDecay);
    private readonly AveragedWeights _average = new(weights, averaging);

    public Tensor Average => _average.Values;
    public long Step { get; set; }
    public double Seconds { get; set; }

    /// <summary>Ends a step: moves the weights by their gradients, and the average after them.</summary>
    public double Update(double rate)
    {
        var norm = _optimizer.Step(Step, rate);
        _average.Update(Step);
        return norm;
    }

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

    /// <exception cref="EaselException">It is of a run with other networks.</exception>
    public void Load(string path)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(path);
        if (!file.Metadata.TryGetValue("parameters", out var names) || names != string.Join(' ', weights.Names)
            || file.Tensors["weights"].ElementCount != weights.Count)
            throw new EaselException($"{path} is the state of a run with networks of another shape; begin a new one in another folder.");
        foreach (var (name, vector) in Vectors()) vector.copy_(file.View(name));
        Step = long.Parse(file.Metadata["step"], CultureInfo.InvariantCulture);
        Seconds = double.Parse(file.Metadata["seconds"], CultureInfo.InvariantCulture);
    }

    private Dictionary<string, Tensor> Vectors() =>
        new() { ["weights"] = weights.Values, ["mean"] = _optimizer.Mean, ["square"] = _optimizer.Square, ["average"] = _average.Values };
}
