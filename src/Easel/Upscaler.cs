using Easel.Imaging;
using Easel.Models.Upscaling;
using Easel.Runtime;
using Easel.Weights;
using Easel.Weights.Formats;

namespace Easel;

/// <summary>
/// Enlarges pictures with an upscaling network, of which people have trained hundreds and three come with Easel: without a prompt and without chance. Memory
/// follows the tile and not the picture. An upscaler is used from one thread at a time.
/// </summary>
/// <example>
/// <code>
/// using var upscaler = Upscaler.Load("RealESRGAN_x4plus.pth");
/// ImageFile.Save("large.png", upscaler.Upscale(ImageFile.Load("small.png")));
/// </code>
/// </example>
public sealed class Upscaler : IUpscaler
{
    private const int ChannelsWithin = 64; // of every such network that is known

    private readonly TiledUpscaler _network;

    private readonly int? _threads;

    private Upscaler(TiledUpscaler network, int? threads) => (_network, _threads) = (network, threads);

    /// <inheritdoc/>
    public int Scale => _network.Scale;

    /// <summary>Loads a network: ESRGAN's (RRDBNet), Real-ESRGAN's compact one, or the one that comes with Easel, of any depth and scale.</summary>
    /// <param name="path">A <c>.pth</c> or <c>.safetensors</c> file.</param>
    /// <param name="options">Device and number format, where <see cref="Precision.Auto"/> is full precision here; null for the best of this machine.</param>
    /// <exception cref="CheckpointException">It is something else, or damaged.</exception>
    /// <exception cref="InvalidRequestException">A device or precision that is not at hand.</exception>
    public static Upscaler Load(string path, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        Threads.Check(options);
        NativeRuntime.Prepare();
        var device = Hardware.Device(options.Device);
        var precision = options.Precision == Precision.Auto ? Precision.Full : options.Precision;
        return new Upscaler(UpscalerFile.Load(path, Hardware.NumberFormat(precision, device).Run, device), options.Threads);
    }

    /// <summary>Loads the network that comes with Easel and fits best: see <see cref="BuiltInTool.Enlarger"/>.</summary>
    /// <param name="times">How many times pictures are to be enlarged.</param>
    /// <param name="options">As for <see cref="Load"/>.</param>
    /// <exception cref="CheckpointException">Its file is not there, or damaged.</exception>
    public static Upscaler LoadBuiltIn(double times, LoadOptions? options = null) =>
        Load((BuiltInTool.Enlarger(times) ?? throw new CheckpointException("The upscalers that come with Easel are not beside the program.")).Path, options);

    /// <summary>Whether a file holds such a network; false also for what cannot be read.</summary>
    /// <param name="path">The file.</param>
    public static bool IsIn(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            using var file = TensorFile.Open(path);
            return UpscalerFile.IsIn(file);
        }
        catch (CheckpointException)
        {
            return false; // whoever loads it next says why
        }
    }

    /// <inheritdoc/>
    public RgbImage Upscale(RgbImage picture, int? tile = null, Action<int, int>? onTile = null, CancellationToken cancel = default)
    {
        var side = (long)(tile ?? _network.Tile);
        Threads.Use(Math.Min(side * side, (long)picture.Width * picture.Height) * ChannelsWithin, _threads);
        return _network.Upscale(picture, tile, onTile, cancel);
    }

    /// <summary>Lets the network go and gives its memory back to the system.</summary>
    public void Dispose()
    {
        _network.Dispose();
        NativeRuntime.Trim();
    }
}
