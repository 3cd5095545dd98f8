using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Text.Json;
using Easel.Models;
using Easel.Runtime;
using static TorchSharp.torch;

namespace Easel.Planning;

/// <summary>
/// How fast this machine is, in operations per second: learnt from real runs and remembered in a file under the processor's name, the number of threads and the version of libtorch.
/// Until there was a run, a convolution of a few milliseconds is timed. What goes wrong with the file is passed over, since all it can cost is a worse estimate.
/// </summary>
/// <param name="file">The file; null to remember nothing beyond this object.</param>
internal sealed class MachineSpeed(string? file)
{
    /// <summary>The UNet's share of what a lone convolution reaches.</summary>
    private const double Share = 0.8;

    private const int Most = 200;

    private readonly Dictionary<string, double> _own = [];

    /// <summary>What is timed.</summary>
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
        var remembered = Remembered();
        foreach (var power in (int[])[Power(size), Power(size) + 1, Power(size) - 1])
        {
            var key = Key(work, format, device, power);
            if (_own.TryGetValue(key, out var rate) || remembered.TryGetValue(key, out rate)) return rate;
        }
        return null;
    }

    /// <summary>Takes note of work that was done. Half of what was known before stays, for a run may have shared the machine with others.</summary>
    public void Learn(Work work, NumberFormat format, Device device, double amount, double seconds, double size)
    {
        if (!(amount > 0) || !(seconds > 0)) return;
        var (key, rate) = (Key(work, format, device, Power(size)), amount / seconds);
        if (_own.TryGetValue(key, out var before) || Remembered().TryGetValue(key, out before)) rate = (rate + before) / 2;
        _own[key] = rate;
        Remember(key, rate);
    }

    /// <summary>Operations per second to be expected: what was learnt, or else a share of what a convolution reaches now. Null on a device that cannot be tried quickly.</summary>
    public double? Expected(Work work, NumberFormat format, Device device, double size)
    {
        if (Learnt(work, format, device, size) is { } learnt) return learnt;
        if (device.type != TorchSharp.DeviceType.CPU) return null;
        var key = Key(null, format, device, 0);
        if (!_own.TryGetValue(key, out var peak) && !Remembered().TryGetValue(key, out peak)) Remember(key, peak = _own[key] = Probe(format));
        return peak * Share;
    }

    /// <summary>Operations per second of a 3x3 convolution like those in which a UNet spends half of its time. Takes about a tenth of a second.</summary>
    private static double Probe(NumberFormat format)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var layer = new Conv2d(320, 320, kernel: 3, padding: 1) { Packs = format.Kept == format.Run && Kernels.OneDnn.IsAvailable };
        layer.Assign("weight", (randn(320, 320, 3, 3) * 0.01).to(format.Kept).DetachFromDisposeScope());
        layer.Assign("bias", zeros(320).to(format.Kept).DetachFromDisposeScope());
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

    private static string Key(Work? work, NumberFormat format, Device device, int power) =>
        $"{Processor}|{get_num_threads()} threads|{typeof(TorchSharp.torch).Assembly.GetName().Version}|{device}|{format.Kept}-{format.Run}|{(work is null ? "trial" : $"{work} 1e{power}")}";

    private static int Power(double size) => (int)Math.Floor(Math.Log10(Math.Max(1, size)));

    /// <summary>The processor's name and model, as it tells them itself.</summary>
    private static string Processor { get; } = NameProcessor();

    private static string NameProcessor()
    {
        if (!X86Base.IsSupported || (uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < 0x80000004) return RuntimeInformation.OSArchitecture.ToString();
        var name = new byte[48];
        for (var i = 0; i < 3; i++)
        {
            var (a, b, c, d) = X86Base.CpuId(unchecked((int)0x80000002) + i, 0);
            int[] registers = [a, b, c, d];
            MemoryMarshal.AsBytes(registers.AsSpan()).CopyTo(name.AsSpan(16 * i));
        }
        return $"{Encoding.ASCII.GetString(name).TrimEnd('\0').Trim()} {X86Base.CpuId(1, 0).Eax:x}";
    }

    private Dictionary<string, double> Remembered()
    {
        try
        {
            if (file is null) return [];
            var all = JsonSerializer.Deserialize<Dictionary<string, double>>(File.ReadAllText(file)) ?? [];
            foreach (var (key, rate) in all)
                if (!double.IsFinite(rate) || rate <= 0) all.Remove(key);
            return all;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    private void Remember(string key, double rate)
    {
        if (file is null) return;
        try
        {
            var all = Remembered();
            if (all.Count >= Most) all.Clear();
            all[key] = rate;
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) Directory.CreateDirectory(folder);
            var beside = $"{file}.{Guid.NewGuid():N}";
            File.WriteAllText(beside, JsonSerializer.Serialize(all));
            File.Move(beside, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It will be learnt again.
        }
    }
}
