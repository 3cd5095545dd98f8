using System.Diagnostics;
using Easel.Pipeline;
using Easel.Planning;
using Easel.Runtime;
using Easel.Weights;

namespace Easel;

/// <content>How the model comes into memory, and what a run would take of memory and time.</content>
public sealed partial class ImageGenerator
{
    /// <summary>Loads a model.</summary>
    /// <param name="path">A <c>.ckpt</c>, <c>.safetensors</c>, <c>.pt</c> or <c>.bin</c> file in the original layout, or a diffusers folder.</param>
    /// <param name="options">Device, precision and the like; null for the best of this machine.</param>
    /// <param name="onProgress">Told the share loaded, 0 to 1.</param>
    /// <param name="cancel">Ends the loading; nothing of the model stays in memory.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    /// <exception cref="InvalidRequestException">A device or precision that is not at hand.</exception>
    /// <exception cref="EaselException">There is not enough memory, or libtorch cannot be loaded.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ImageGenerator Load(string path, LoadOptions? options = null, Action<double>? onProgress = null, CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        options ??= new LoadOptions();
        Threads.Heed(options);
        NativeRuntime.Load();
        var (speed, watch) = (MachineSpeed.In(options.CacheFolder), Stopwatch.StartNew());
        var model = ModelLoader.Load(path, options, MemoryPlan.Formats(options, Hardware.Device(options.Device)), Hardware.Device(options.Device),
            share =>
        {
            cancel.ThrowIfCancellationRequested();
            onProgress?.Invoke(share);
        });
        var values = ModelSize.Of(model.Checkpoint).Values();
        if (!model.Residency.GoesByTurns)
            speed.Learn(MachineSpeed.Work.Loading, model.Format, model.Device, values, watch.Elapsed.TotalSeconds, values);
        return new ImageGenerator(path, options, speed, model);
    }

    /// <summary>Loads the small model that comes with Easel: see <see cref="BuiltInModel"/>.</summary>
    /// <inheritdoc cref="Load(string, LoadOptions?, Action{double}?, CancellationToken)"/>
    public static ImageGenerator Load(LoadOptions? options = null, Action<double>? onProgress = null, CancellationToken cancel = default) =>
        Load(BuiltInModel.Path, options, onProgress, cancel);

    /// <summary>Tells what a run would take, without loading the model.</summary>
    /// <param name="path">The model's file or folder.</param>
    /// <param name="request">What would be drawn.</param>
    /// <param name="options">How the model would be loaded; null for the best of this machine.</param>
    /// <exception cref="CheckpointException">The path is no model that Easel can draw with; the message says what it is.</exception>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured.</exception>
    public static RunPlan Plan(string path, GenerationRequest request, LoadOptions? options = null)
    {
        NativeRuntime.Load();
        options ??= new LoadOptions();
        using var checkpoint = Checkpoint.Open(path, options);
        return RunPlanner.Of(checkpoint, request, options);
    }

    /// <summary>Tells what a run of the loaded model would take.</summary>
    /// <param name="request">What would be drawn.</param>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured.</exception>
    public RunPlan Plan(GenerationRequest request)
    {
        request.Validate();
        request = Model.Decide(request, _options.LoraFolders).Request;
        var shape = RunShape.Of(request, Family, _model.Noise);
        var controls = _controls.Open(request.Controls, _model.Checkpoint);
        var size = ModelSize.Of(_model.Checkpoint).With(controls);
        foreach (var file in controls) file.Dispose();
        using var refiner = RefinerShelf.Open(request, _model.Checkpoint, _options);
        var memory = ModelLoader.MemoryFor(_model, shape.Largest, _model.Format, _options.MemoryLimit, TakenByRefiner, size);
        return RunPlanner.Of(request, shape, size, refiner is null ? null : ModelSize.OfRefiner(refiner), memory, _model.Format, _model.Device,
            _model.DecodesTiny, _speed);
    }

    /// <summary>How the run is done in the memory there is. Where the format was Easel's to choose, a narrower one is taken if only that lets the run
    /// fit.</summary>
    private MemoryPlan FitIntoMemory(RunShape run, RunOutput output)
    {
        var memory = MemoryFor(run, _model.Format);
        if (MemoryPlan.Formats(_options, _model.Device).Where(format =>
            MemoryFor(run, format).Shortage < memory.Shortage).ToList() is { Count: > 0 } narrower)
        {
            Reload(narrower);
            output.Remark(_model.Format.Weights.Bits() is { } bits
                ? $"Memory is short: the weights are kept in {bits} bits; the picture differs slightly from one drawn with full weights."
                : "Memory is short: the weights are kept in half of it and computed with in full precision.");
            memory = MemoryFor(run, _model.Format);
        }
        memory.Check(ModelSize.Of(_model), _model.Format, run.Rows, run.Latent, _model.Device);
        _model.Residency = memory.Residency;
        if (memory.Residency == Residency.Streamed)
            output.Remark("Memory is short: the UNet's weights are read from the file at every step, which takes longer; the picture is the same.");
        return memory;
    }

    private MemoryPlan MemoryFor(RunShape run, NumberFormat format) =>
        ModelLoader.MemoryFor(_model, run, format, _options.MemoryLimit, TakenByRefiner);

    private void Reload(IReadOnlyList<NumberFormat> formats)
    {
        var (device, prediction, steering) = (_model.Device, _model.Noise.Prediction, _model.Steering);
        _model.Dispose();
        foreach (var file in steering) file.Slot.Unload();
        _model = ModelLoader.Load(_path, _options with { Prediction = prediction }, formats, device);
        _model.Steering = steering;
    }
}
