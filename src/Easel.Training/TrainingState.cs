using System.Text.Json.Nodes;
using Easel.Weights.Formats;

namespace Easel.Training;

/// <summary>
/// What a run needs to go on as if never stopped: weights, optimizer, averages, the step's number, from which its chance is drawn anew. The file says the
/// networks' shape too, so that the Python twin builds the same and goes on from it, and this from what the twin writes.
/// </summary>
internal sealed class TrainingState(FlatWeights weights, double weightDecay, double averaging, JsonObject shape)
{
    private const string SeedKey = "seed"; // in a file of what training begins with, and in no other

    private readonly AdamW _optimizer = new(weights, weightDecay);
    private readonly AveragedWeights _average = new(weights, averaging);

    public Tensor Average => _average.Values;
    public long Step { get; set; }
    public double Seconds { get; set; }

    /// <summary>The share of the whole way that is done, 0 to 1.</summary>
    public double Progress { get; set; }

    /// <summary>Further vectors that belong to the run.</summary>
    public Dictionary<string, Tensor> Others { get; } = [];

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
        SafeTensorsWriter.Write(path, Vectors().Concat(Others).ToDictionary(), metadata: Texts());
    }

    /// <summary>
    /// Writes what training begins with in few bytes: the seed that <see cref="FirstValues"/> are made of again, wherever they are read, and those parameters
    /// that have others, in half the bits.
    /// </summary>
    public void SaveBegin(string path)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var own = weights.Values.clone();
        weights.Begin();
        var first = weights.Values.clone();
        weights.Values.copy_(own);
        var given = weights.Split(own).Zip(weights.Split(first)).Where(pair => !pair.First.Value.equal(pair.Second.Value).all().item<bool>())
            .ToDictionary(pair => pair.First.Name, pair => pair.First.Value);
        SafeTensorsWriter.Write(path, given, ScalarType.Float16, new Dictionary<string, string>(Texts())
        {
            [SeedKey] = weights.Seed.ToString(CultureInfo.InvariantCulture),
        });
    }

    /// <summary>
    /// Takes a state over. A file of the averages alone, in half the bits, is enough to begin from: with it the optimizer begins anew. So is what
    /// <see cref="SaveBegin"/> writes.
    /// </summary>
    /// <exception cref="EaselException">It is of a run with other networks.</exception>
    public void Load(string path)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(path);
        var begin = file.Metadata.GetValueOrDefault(SeedKey);
        if (!file.Metadata.TryGetValue("parameters", out var names) || names != string.Join(' ', weights.Names)
            || (begin is null && (!file.Tensors.TryGetValue("average", out var average) || average.ElementCount != weights.Count)))
            throw new EaselException($"{path} is the state of a run with networks of another shape; begin a new one in another folder.");
        if (begin is not null)
        {
            if (begin != weights.Seed.ToString(CultureInfo.InvariantCulture))
                throw new EaselException($"{path} begins with seed {begin}, and this run has {weights.Seed}; give it --seed {begin}.");
            weights.Begin();
            foreach (var (name, value) in weights.Split(weights.Values))
                if (file.Tensors.ContainsKey(name)) value.copy_(file.View(name));
            Average.copy_(weights.Values);
            return;
        }
        foreach (var (name, vector) in Vectors())
            if (file.Tensors.ContainsKey(name)) vector.copy_(file.View(name));
            else if (name == "weights") vector.copy_(file.View("average"));
        foreach (var name in file.Tensors.Keys.Where(name => !Vectors().ContainsKey(name)))
            Others[name] = file.View(name).to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
        Step = Number(file.Tensors.ContainsKey("mean") ? "step" : "", 0L);
        Seconds = Number("seconds", 0.0);
        Progress = Number("progress", 0.0);

        T Number<T>(string name, T otherwise) where T : IParsable<T> =>
            file.Metadata.TryGetValue(name, out var text) ? T.Parse(text, CultureInfo.InvariantCulture) : otherwise;
    }

    private Dictionary<string, string> Texts() => new()
    {
        ["step"] = Step.ToString(CultureInfo.InvariantCulture),
        ["seconds"] = Seconds.ToString("R", CultureInfo.InvariantCulture),
        ["progress"] = Progress.ToString("R", CultureInfo.InvariantCulture),
        ["parameters"] = string.Join(' ', weights.Names),
        ["shape"] = shape.ToJsonString(),
        ["weight_decay"] = weightDecay.ToString("R", CultureInfo.InvariantCulture),
        ["averaging"] = averaging.ToString("R", CultureInfo.InvariantCulture),
    };

    private Dictionary<string, Tensor> Vectors() =>
        new() { ["weights"] = weights.Values, ["mean"] = _optimizer.Mean, ["square"] = _optimizer.Square, ["average"] = _average.Values };
}
