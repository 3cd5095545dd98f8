using Easel.Imaging;
using Easel.Models.Faces;
using Easel.Models.Upscaling;
using Easel.Runtime;
using Easel.Weights;
using Easel.Weights.Formats;

namespace Easel;

/// <summary>
/// Enlarges pictures with an upscaling network, of which people have trained hundreds and four come with Easel, or mends their faces: without a prompt and
/// without chance. Memory
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

    private readonly TiledUpscaler? _network;
    private readonly FaceMender? _mender;
    private readonly int? _threads;

    private Upscaler(TiledUpscaler? network, FaceMender? mender, int? threads) => (_network, _mender, _threads) = (network, mender, threads);

    /// <inheritdoc/>
    public int Scale => _network?.Scale ?? 1;

    /// <inheritdoc/>
    public string? MendsFaces => _mender?.Name;

    /// <summary>Loads a network of any make that Easel reads: one that enlarges, of any depth and scale, or one that mends faces, whose scale is 1.</summary>
    /// <param name="path">A <c>.pth</c> or <c>.safetensors</c> file.</param>
    /// <param name="options">Device and number format, where <see cref="Precision.Auto"/> is full precision here; null for the best of this machine.</param>
    /// <exception cref="CheckpointException">It is something else, or damaged.</exception>
    /// <exception cref="InvalidRequestException">A device or precision that is not at hand.</exception>
    public static Upscaler Load(string path, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        Threads.Heed(options);
        NativeRuntime.Prepare();
        var device = Hardware.Device(options.Device);
        var precision = options.Precision == Precision.Auto ? Precision.Full : options.Precision;
        var format = Hardware.NumberFormat(precision, device).Run;
        using var file = TensorFile.Open(path);
        return FaceMenderFile.NameIn(file) is not null ? new Upscaler(null, FaceMenderFile.Load(file, format, device), options.Threads)
            : new Upscaler(UpscalerFile.Load(path, format, device), null, options.Threads);
    }

    /// <summary>What a file mends faces with: "GFPGAN" or "CodeFormer"; null where it does not, also for what cannot be read.</summary>
    /// <param name="path">The file.</param>
    public static string? FaceRestorerIn(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            using var file = TensorFile.Open(path);
            return FaceMenderFile.NameIn(file);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <summary>What a person should be told who mends faces with a network; null for nothing.</summary>
    /// <param name="restorer">As in <see cref="IUpscaler.MendsFaces"/>.</param>
    public static string? LicenceOf(string? restorer) => restorer == FaceMenderFile.CodeFormerName
        ? "CodeFormer's weights are under the S-Lab License 1.0, which does not allow commercial use." : null;

    /// <summary>Loads the network that comes with Easel and fits best: see <see cref="BuiltInTool.Enlarger"/>.</summary>
    /// <param name="times">How many times pictures are to be enlarged.</param>
    /// <param name="options">As for <see cref="Load"/>.</param>
    /// <exception cref="CheckpointException">Its file is not there, or damaged.</exception>
    public static Upscaler LoadBuiltIn(double times, LoadOptions? options = null) =>
        Load((BuiltInTool.Enlarger(times) ?? throw new CheckpointException("The upscalers that come with Easel are not beside the program.")).Path, options);

    /// <summary>Whether a file holds such a network, be it one that mends faces; false also for what cannot be read.</summary>
    /// <param name="path">The file.</param>
    public static bool IsIn(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            using var file = TensorFile.Open(path);
            return UpscalerFile.IsIn(file) || FaceMenderFile.NameIn(file) is not null;
        }
        catch (CheckpointException)
        {
            return false; // whoever loads it next says why
        }
    }

    /// <inheritdoc/>
    public RgbImage Upscale(RgbImage picture, int? tile = null, Action<int, int>? onTile = null, CancellationToken cancel = default)
    {
        if (_network is null) return MendFaces(picture, onFace: onTile, cancel: cancel).Picture;
        var side = (long)(tile ?? _network.Tile);
        Threads.Use(Math.Min(side * side, (long)picture.Width * picture.Height) * ChannelsWithin, _threads);
        return _network.Upscale(picture, tile, onTile, cancel);
    }

    /// <inheritdoc/>
    public (RgbImage Picture, int Faces) MendFaces(RgbImage picture, double visibility = 1, double fidelity = IUpscaler.DefaultFidelity,
        Action<int, int>? onFace = null, CancellationToken cancel = default)
    {
        if (_mender is null) return (picture, 0);
        Threads.Use((long)FaceFrame.Side * FaceFrame.Side * ChannelsWithin, _threads);
        return _mender.Mend(picture, visibility, fidelity, onFace, cancel);
    }

    /// <summary>Lets the network go and gives its memory back to the system.</summary>
    public void Dispose()
    {
        _network?.Dispose();
        _mender?.Dispose();
        NativeRuntime.Trim();
    }
}
