using System.Diagnostics;
using Easel.Models;
using Easel.Pipeline;

namespace Easel.Planning;

/// <summary>Times the networks of one run, so that the next can be foretold. Loading a network whose turn has come is not part of what is timed.</summary>
internal sealed class RunMeter(MachineSpeed speed, LoadedNetworks model)
{
    private readonly Dictionary<MachineSpeed.Work, (int Passes, double Flops, double Seconds)> _done = [];

    public Predictor Over(Predictor predict) => call =>
    {
        model.Bring(model.UNetSlot);
        var (rows, height, width) = (call.X.shape[0], call.X.shape[2], call.X.shape[3]);
        var tokens = call.Rows[0].Condition.Context.shape[1];
        var work = NetworkWork.OfUNet(model.UNet.Config, rows, height, width, tokens, call.Deep is { IsKept: true } deep ? deep.OuterBlocks : null);
        return Time(MachineSpeed.Work.UNet, work.Flops, () => predict(call));
    };

    /// <summary>Latents to pixels, timed where it is the model's own autoencoder that makes them.</summary>
    /// <param name="latents">[1, channels, h, w].</param> <param name="tile">Side of a tile in positions; null for the whole at once.</param>
    /// <param name="onPart">Told the share that is done, where it is made in tiles.</param>
    public Tensor Decode(Tensor latents, int? tile, Action<double> onPart)
    {
        if (model.DecodesTiny) return model.Decode(latents, tile, Told);
        model.Bring(model.AutoencoderSlot);
        var (side, height, width) = (tile ?? int.MaxValue, latents.shape[2], latents.shape[3]);
        var each = NetworkWork.OfDecoder(model.Autoencoder.Config, 1, Math.Min(side, height), Math.Min(side, width));
        return Time(MachineSpeed.Work.Autoencoder, each.Flops * Tiles.Count((height, width), tile), () => model.Decode(latents, tile, Told));

        void Told(int done, int all) => onPart(all > 1 ? (double)done / all : 0);
    }

    /// <summary>Hands on what was seen, at the end of a run.</summary>
    public void Learn()
    {
        foreach (var (work, (passes, flops, seconds)) in _done)
        {
            if (work == MachineSpeed.Work.UNet && model.Residency == Residency.Streamed) continue; // that was the disk's speed, too
            speed.Learn(work, model.Format, model.Device, flops, seconds, flops / Math.Max(1, work == MachineSpeed.Work.UNet ? passes - 1 : passes));
        }
    }

    private T Time<T>(MachineSpeed.Work work, double flops, Func<T> pass)
    {
        var watch = Stopwatch.StartNew();
        var made = pass();
        var (passes, before, seconds) = _done.GetValueOrDefault(work);
        // The first look of a run is left out: it touches all memory for the first time.
        _done[work] = work == MachineSpeed.Work.UNet && passes == 0 ? (1, 0, 0) : (passes + 1, before + flops, seconds + watch.Elapsed.TotalSeconds);
        return made;
    }
}
