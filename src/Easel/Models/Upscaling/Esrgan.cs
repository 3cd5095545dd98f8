using Easel.Imaging;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Easel.Models.Upscaling;

/// <summary>
/// Enlarges pictures with an ESRGAN or Real-ESRGAN network, of which people have trained hundreds. Memory follows the tile and not the picture. Used from one
/// thread at a time.
/// </summary>
public sealed class Esrgan : IDisposable
{
    /// <summary>The smallest tile: what the network sees around a pixel would otherwise be mostly edge.</summary>
    public const int SmallestTile = 32;

    private readonly int _unshuffle;
    private readonly ScalarType _type;
    private readonly Device _device;

    private Esrgan(Module<Tensor, Tensor> network, int scale, int unshuffle, ScalarType type, Device device) =>
        (Network, Scale, _unshuffle, _type, _device) = (network, scale, unshuffle, type, device);

    /// <summary>The network itself: [n, 3, h, w] in [0, 1] to [n, 3, scale · h, scale · w].</summary>
    internal Module<Tensor, Tensor> Network { get; }

    /// <summary>Pixels out for each pixel in, along a side: 1, 2, 4 or 8 as a rule.</summary>
    public int Scale { get; }

    /// <summary>
    /// Loads a network: RRDBNet under BasicSR's names or the older ones, of any depth and scale, or Real-ESRGAN's compact network; bare or inside
    /// <c>params_ema</c> or <c>params</c>.
    /// </summary>
    /// <param name="path">A <c>.pth</c> or <c>.safetensors</c> file.</param>
    /// <param name="type">The precision to run in.</param>
    /// <param name="device">Where to run.</param>
    /// <exception cref="CheckpointException">It is something else, or damaged.</exception>
    public static Esrgan Load(string path, ScalarType type, Device device)
    {
        using var file = TensorFile.Open(path);
        var tensors = EsrganKeys.Read(file);
        var (network, scale, unshuffle) = Rrdb(tensors, path) ?? Compact(tensors)
            ?? throw new CheckpointException($"{path} is no upscaler of the ESRGAN family"
                + (ModelKind.Describe(file.Tensors.Keys) is { } kind ? $" but {kind}." : "."));
        tensors.Load(network, "upscaler", type, device);
        return new Esrgan(network, scale, unshuffle, type, device);
    }

    /// <summary>Enlarges a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="tile">Side of a tile in pixels of <paramref name="picture"/>, at least <see cref="SmallestTile"/>. Neighbours overlap by a quarter and
    /// fade into each other.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="cancel">Ends the run before the next tile.</param>
    /// <returns>The picture, <see cref="Scale"/> times as wide and high.</returns>
    /// <exception cref="InvalidRequestException">The tile is too small.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public RgbImage Upscale(RgbImage picture, int tile = 256, Action<int, int>? onTile = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (tile < SmallestTile) throw new InvalidRequestException(nameof(tile), $"A tile of {tile} pixels is too small; the smallest has {SmallestTile}.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();

        var (right, bottom) = (Missing(picture.Width), Missing(picture.Height));
        var x = (ImageTensor.FromImage(picture) + 1) / 2;
        if (right + bottom > 0) x = functional.pad(x, [0, right, 0, bottom], PaddingModes.Replicate);

        var enlarged = Tiles.Map(x.to(_type, _device), tile / _unshuffle * _unshuffle, scaleUp: Scale * _unshuffle, scaleDown: _unshuffle, part =>
        {
            cancel.ThrowIfCancellationRequested();
            return Network.call(part);
        }, onTile);
        return ToImage(enlarged[.., .., ..(picture.Height * Scale), ..(picture.Width * Scale)]);

        int Missing(int side) => (_unshuffle - side % _unshuffle) % _unshuffle;
    }

    /// <summary>Whether a file holds such a network; false also for what cannot be read.</summary>
    internal static bool IsIn(string path)
    {
        if (Directory.Exists(path)) return false;
        try
        {
            using var file = TensorFile.Open(path);
            return IsIn(file);
        }
        catch (CheckpointException)
        {
            return false; // whoever opens it next says why
        }
    }

    /// <inheritdoc cref="IsIn(string)"/>
    internal static bool IsIn(TensorFile file)
    {
        var tensors = EsrganKeys.Read(file);
        using var network = (Rrdb(tensors, file.Path) ?? Compact(tensors))?.Network;
        return network is not null;
    }

    /// <summary>Lets the network go.</summary>
    public void Dispose() => Network.Dispose();

    private static RgbImage ToImage(Tensor enlarged) // [1, 3, h, w] in [0, 1], rounded as the original does
    {
        using var bytes = (enlarged.to(ScalarType.Float32).clamp(0, 1) * 255).round_().to(ScalarType.Byte)[0].permute(1, 2, 0).contiguous().cpu();
        return new RgbImage((int)bytes.shape[1], (int)bytes.shape[0], bytes.data<byte>().ToArray());
    }

    private static (Module<Tensor, Tensor> Network, int Scale, int Unshuffle)? Rrdb(StateDict tensors, string path)
    {
        if (tensors.Shape("conv_first.weight") is not { Length: 4 } first) return null;
        if (tensors.Shape("body.0.rdb1.conv1.weight") is not { Length: 4 } growing) return null;
        var unshuffle = first[1] switch { 3 => 1, 12 => 2, 48 => 4, _ => 0 };
        var doublings = Enumerable.Range(1, 3).TakeWhile(i => tensors.Shape($"conv_up{i}.weight") is not null).Count();
        var scale = unshuffle == 0 ? 0 : (1 << doublings) / unshuffle;
        if (scale == 0 || tensors.Shape("conv_last.weight") is not [3, ..])
            throw new CheckpointException($"{path} is an ESRGAN upscaler of a kind that Easel does not know: its first layer takes {first[1]} channels "
                + $"(3, 12 or 48 are known) and its last gives {tensors.Shape("conv_last.weight")?.FirstOrDefault() ?? 0} (3 is known).");
        var config = new RrdbConfig(unshuffle, first[0], growing[0], tensors.CountChildren("body."), doublings);
        return (new RrdbNet(config), scale, unshuffle);
    }

    private static (Module<Tensor, Tensor> Network, int Scale, int Unshuffle)? Compact(StateDict tensors)
    {
        var layers = tensors.CountChildren("body.");
        if (tensors.Shape("body.0.weight") is not [var features, 3, 3, 3] || layers % 2 == 0) return null;
        if (tensors.Shape($"body.{layers - 1}.weight") is not { Length: 4 } last) return null;
        var scale = (int)Math.Round(Math.Sqrt(last[0] / 3.0));
        return last[0] == 3L * scale * scale ? (new CompactUpscaler(scale, features, layers / 2 - 1), scale, 1) : null;
    }
}
