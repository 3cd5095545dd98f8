using System.Diagnostics;
using Easel.Runtime;
using static TorchSharp.torch;

namespace Easel.Planning;

/// <summary>Times the networks of one run, so that the next can be foretold.</summary>
internal sealed class RunMeter(MachineSpeed speed, NumberFormat format, Device device)
{
    private readonly Dictionary<MachineSpeed.Work, (int Passes, double Flops, double Seconds)> _done = [];

    /// <summary>Runs and times a pass.</summary>
    public T Time<T>(MachineSpeed.Work work, double flops, Func<T> pass)
    {
        var watch = Stopwatch.StartNew();
        var made = pass();
        var (passes, before, seconds) = _done.GetValueOrDefault(work);
        // The first look of a run is left out: it touches all memory for the first time.
        _done[work] = work == MachineSpeed.Work.UNet && passes == 0 ? (1, 0, 0) : (passes + 1, before + flops, seconds + watch.Elapsed.TotalSeconds);
        return made;
    }

    /// <summary>Hands on what was seen, at the end of a run.</summary>
    public void Learn()
    {
        foreach (var (work, (passes, flops, seconds)) in _done)
        {
            var timed = Math.Max(1, work == MachineSpeed.Work.UNet ? passes - 1 : passes);
            speed.Learn(work, format, device, flops, seconds, flops / timed);
        }
    }
}
