using Easel.Pipeline;
using Easel.Runtime;
using Easel.Weights;

namespace Easel.Planning;

/// <summary>Chooses the number format of a model by the memory there is.</summary>
internal static class ModelLoader
{
    /// <summary>Loads a model in the first of the formats in which one picture of the model's own size can be drawn.</summary>
    public static LoadedNetworks Load(string path, LoadOptions options, IReadOnlyList<NumberFormat> formats, Device device, Action<double>? onProgress = null)
    {
        var checkpoint = Checkpoint.Open(path, options);
        try
        {
            checkpoint.RequireBase();
            var (size, available) = (ModelSize.Of(checkpoint), MemoryPlan.Budget(options.MemoryLimit));
            var side = size.Family.NativeSize / size.Family.Latent.PixelsPerPosition;
            var (format, memory) = Choose(formats, device, format => MemoryPlan.For(size, format, rows: 2, (side, side), encodes: false, available));
            MemoryPlan.Check(path, size, format, device, available);
            return LoadedNetworks.Load(checkpoint, options, format, device, onProgress, device.type == DeviceType.CPU ? memory.Residency : Residency.Together);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The first of the formats under which a run suffers least from the memory there is; the first of all where it is a card's memory that
    /// counts.</summary>
    public static (NumberFormat Format, MemoryPlan Memory) Choose(IReadOnlyList<NumberFormat> formats, Device device, Func<NumberFormat, MemoryPlan> plan)
    {
        var plans = formats.Select(format => (format, Memory: plan(format))).ToList();
        return device.type == DeviceType.CPU ? plans.MinBy(plan => plan.Memory.Shortage) : plans[0];
    }

    /// <summary>How a run of a loaded model is done in the memory there is, if the model were in another format.</summary>
    /// <param name="taken">Bytes that another model has taken, which gives way.</param>
    public static MemoryPlan MemoryFor(LoadedNetworks model, RunShape run, NumberFormat format, long? limit, double taken, ModelSize? size = null)
    {
        var available = MemoryPlan.Budget(limit, ModelSize.Taken(model) + taken);
        var plan = MemoryPlan.For(size ?? ModelSize.Of(model), format, run.Rows, run.Latent, run.Encodes, available, run.IsShort);
        return model.Device.type == DeviceType.CPU ? plan : plan with { Residency = Residency.Together }; // what a card has free is not known here
    }
}
