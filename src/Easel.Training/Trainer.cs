namespace Easel.Training;

/// <summary>A training run: steps until its time is over, with a log, a saved state and a look at what it makes now and then.</summary>
/// <param name="name">What is trained, as files and the log call it.</param>
/// <param name="unit">What a batch is made of, as the log calls it.</param>
internal abstract class Trainer(TrainingOptions options, string name, string unit, long warmUp, TimeSpan saveEvery, TimeSpan showEvery)
{
    /// <summary>Steps between two lines of the log.</summary>
    protected const int Every = 20;

    private readonly LearningRate _rate = new(options.Rate, warmUp);

    /// <summary>The weights, to compare runs by.</summary>
    public abstract FlatWeights Weights { get; }

    protected abstract TrainingState State { get; }
    protected string StatePath => StateIn(options.Out, name);

    /// <summary>Where the state of a run in a folder is.</summary>
    public static string StateIn(string folder, string name) => Path.Combine(folder, $"{name}-state.safetensors");

    /// <summary>Writes what training begins with, in few bytes, to go on from elsewhere. Diffusion needs no autoencoder for it yet.</summary>
    public void Begin() => State.SaveBegin(StatePath);

    /// <summary>Trains to the end of the run.</summary>
    public virtual void Run(Action<string, double>? onProgress, CancellationToken cancel)
    {
        var length = options.Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : (TimeSpan?)null;
        var clock = new RunClock(options.Out, $"{name}.csv", length, options.Steps, saveEvery, showEvery, (State.Seconds, State.Progress), options.Until);
        var since = Stopwatch.StartNew();
        while (!clock.IsOver(State.Step) && !cancel.IsCancellationRequested)
        {
            var progress = clock.Progress(State.Step);
            Advance(_rate.At(State.Step + 1, progress), progress);
            if (State.Step % Every == 0)
            {
                var (measured, speed) = (Measure(), (double)Every * options.Batch / since.Elapsed.TotalSeconds);
                since.Restart();
                clock.Log(State.Step, [.. measured, ($"{unit}_per_second", speed)]);
                onProgress?.Invoke($"{name}, step {State.Step}, loss {measured[0].Value:F4}, {speed:F1}/s", clock.Done(State.Step));
            }
            if (clock.IsTimeToSave()) Save(clock.Seconds, clock.Progress(State.Step));
            if (clock.IsTimeToShow()) Show();
        }
        Save(clock.Seconds, clock.Progress(State.Step));
    }

    /// <summary>Writes the state, and the model with the averaged weights.</summary>
    public void Save(double seconds, double progress)
    {
        (State.Seconds, State.Progress) = (seconds, progress);
        State.Save(StatePath);
        Write();
    }

    protected abstract void Advance(double rate, double progress);

    /// <summary>What the log says of the steps since the last line, the loss first.</summary>
    protected abstract (string Name, double Value)[] Measure();

    /// <summary>Writes the model with the averaged weights.</summary>
    protected abstract void Write();

    /// <summary>Writes a sheet of what the model makes.</summary>
    protected abstract void Show();

    /// <summary>Goes on where an earlier run stopped, if that is asked for and there was one.</summary>
    protected void Resume()
    {
        if (options.Resume && File.Exists(StatePath)) State.Load(StatePath);
    }

    /// <summary>The chance of a step, decided by its number.</summary>
    protected int SeedOf(string what) => StableHash.Of($"{options.Seed}/{what}");

    /// <summary>Moves the weights by the gradients of a batch, whose parts run side by side.</summary>
    /// <param name="lossOf">The loss of the pictures of these numbers, int64, as their share of the batch's.</param>
    protected (double Loss, double GradientNorm) Learn(int count, double rate, Func<Tensor, Tensor> lossOf)
    {
        var shards = Shards.CountFor(count);
        var losses = new double[shards];
        Shards.Run(shards, shard =>
        {
            // Every so many, so that each part sees all levels of noise.
            using var loss = lossOf(arange(shard, count, shards));
            loss.backward();
            losses[shard] = loss.item<float>();
        });
        return (losses.Sum(), State.Update(rate));
    }
}
