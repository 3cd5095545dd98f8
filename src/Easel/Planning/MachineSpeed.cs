using System.Diagnostics;
using Easel.Kernels;
using Easel.Models;
using Easel.Runtime;

namespace Easel.Planning;

/// <summary>How fast this machine is, in operations per second: learnt from real runs and remembered in a file under the processor's name, the number of
/// threads and the version of libtorch. Until there was a run, a convolution of a few milliseconds is timed.</summary>
/// <param name="file">The file; null to remember nothing beyond this object.</param>
internal sealed class MachineSpeed(string? file)
{
    /// <summary>The UNet's share of what a lone convolution reaches.</summary>
    private const double Share = 0.8;

    private readonly CacheFile<double> _remembered = new(file, most: 200, rate => double.IsFinite(rate) && rate > 0);

    /// <summary>What a cache folder remembers; null to remember nothing beyond this object.</summary>
    public static MachineSpeed In(string? folder) => new(CacheFolder.File(folder, "speed.json"));

    public enum Work
    {
        /// <summary>Steps: operations per second.</summary>
        UNet,

        /// <summary>The autoencoder: operations per second.</summary>
        Autoencoder,

        /// <summary>Loading: values of weights per second.</summary>
        Loading,
    }

    /// <summary>What was learnt of a kind of work; null where there was no run like it yet.</summary>
    /// <param name="size">The amount done at once: small networks are slower by far, so that what is learnt serves for sizes within ten times of it.</param>
    public double? Learnt(Work work, NumberFormat format, Device device, double size)
    {
        foreach (var power in (int[])[Power(size), Power(size) + 1, Power(size) - 1])
        {
            if (_remembered.TryGet(Key(work, format, device, power), out var rate)) return rate;
        }
        return null;
    }

    /// <summary>Takes note of work that was done. Half of what was known before stays, for a run may have shared the machine with others.</summary>
    public void Learn(Work work, NumberFormat format, Device device, double amount, double seconds, double size)
    {
        if (!(amount > 0) || !(seconds > 0)) return;
        var (key, rate) = (Key(work, format, device, Power(size)), amount / seconds);
        _remembered.Set(key, _remembered.TryGet(key, out var before) ? (rate + before) / 2 : rate);
    }

    /// <summary>Operations per second to be expected: what was learnt, or else a share of what a convolution reaches now. Null on a device that cannot be tried
    /// quickly.</summary>
    public double? Expected(Work work, NumberFormat format, Device device, double size)
    {
        if (Learnt(work, format, device, size) is { } learnt) return learnt;
        if (device.type != TorchSharp.DeviceType.CPU) return null;
        var key = Key(null, format, device, 0);
        if (!_remembered.TryGet(key, out var peak)) _remembered.Set(key, peak = Probe(format));
        return peak * Share;
    }

    /// <summary>Operations per second of a 3x3 convolution like those in which a UNet spends half of its time. Takes about a tenth of a second.</summary>
    private static double Probe(NumberFormat format)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var layer = new Models.Conv2d(320, 320, kernel: 3, padding: 1) { Packs = OneDnn.Packs(format.Run) };
        layer.Assign("weight", (randn(320, 320, 3, 3) * 0.01).to(format.Run).DetachFromDisposeScope());
        layer.Assign("bias", zeros(320).to(format.Run).DetachFromDisposeScope());
        double Seconds(int side)
        {
            using var inner = NewDisposeScope();
            var x = randn(1, 320, side, side).to(format.Run).ChannelsLast();
            var watch = Stopwatch.StartNew();
            layer.call(x);
            return watch.Elapsed.TotalSeconds;
        }
        _ = Seconds(16);
        _ = Seconds(64);
        return 2 * 9 * 320.0 * 320 * 64 * 64 / Math.Min(Seconds(64), Math.Min(Seconds(64), Seconds(64)));
    }

    private static string Key(Work? work, NumberFormat format, Device device, int power) => string.Join('|', Processor.Name, $"{Threads.Most} threads",
        typeof(TorchSharp.torch).Assembly.GetName().Version, device,
        $"{format.Kept}-{format.Run}{(format.Weights == WeightFormat.Full ? "" : $"-{format.Weights}")}", work is null ? "trial" : $"{work} 1e{power}");

    private static int Power(double size) => (int)Math.Floor(Math.Log10(Math.Max(1, size)));
}
