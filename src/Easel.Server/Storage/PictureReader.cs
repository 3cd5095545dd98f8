using Easel.Imaging;
using Easel.Server.Errors;

namespace Easel.Server.Storage;

/// <summary>Reads the pictures that came from elsewhere, at whichever door. Its header is asked for a picture's size before a pixel is decoded, for a few
/// bytes can stand for gigabytes of them; few are decoded at once, however many are sent; and those of one request may have so many pixels in all.</summary>
internal sealed class PictureReader(ServerLimits limits) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly AsyncLocal<Allowance?> Left = new(); // of the request that is being answered; null where there is none, as on the page

    private readonly SemaphoreSlim _turns = new(Math.Clamp(Environment.ProcessorCount / 2, 1, 4));

    /// <summary>From here on pictures count towards what one request may hold.</summary>
    public void BeginRequest() => Left.Value = new Allowance { Pixels = limits.SentPixels };

    public RgbImage Load(Stream file, string name) => Read(file, name, ImageFile.Load);

    public (RgbImage Image, GrayImage? Alpha) LoadWithAlpha(Stream file, string name) => Read(file, name, ImageFile.LoadWithAlpha);

    /// <summary>A picture that may have more pixels than are drawn on, since it is made smaller first.</summary>
    public (RgbImage Image, GrayImage? Alpha) LoadPhoto(Stream file, string name) =>
        Read(file, name, ImageFile.LoadWithAlpha, Math.Max(limits.InputPixels, limits.EnlargedPixels));

    public GrayImage LoadMask(Stream file, string name) => Read(file, name, ImageFile.LoadMask);

    public DepthImage LoadDepth(Stream file, string name) => Read(file, name, ImageFile.LoadGray16);

    /// <summary>A picture of the gallery, which may be as large as an enlarged one, or came into the folder from elsewhere.</summary>
    public RgbImage LoadKept(string path)
    {
        using var file = new MemoryStream(File.ReadAllBytes(path), writable: false);
        return Read(file, Path.GetFileName(path), ImageFile.Load, Math.Max(limits.InputPixels, limits.EnlargedPixels));
    }

    public void Dispose() => _turns.Dispose();

    private T Read<T>(Stream file, string name, Func<Stream, string, T> load, long? most = null)
    {
        var begin = file.Position;
        var (width, height) = ImageFile.SizeOf(file, name);
        var (pixels, allowed) = ((long)width * height, most ?? limits.InputPixels);
        if (pixels > allowed) throw ServerException.Refused($"{name} is {width}x{height} pixels, {pixels} in all; this server allows {allowed}.");
        if (Left.Value is { } left && Interlocked.Add(ref left.Pixels, -pixels) < 0)
            throw ServerException.Refused($"With {name} the pictures of this request have {limits.SentPixels - left.Pixels} pixels in all; "
                + $"this server allows {limits.SentPixels}.");
        file.Position = begin;
        return InTurn(() => load(file, name));
    }

    /// <summary>Does what takes as much as decoding a picture, when it is its turn.</summary>
    /// <exception cref="ServerException">That did not come for a minute (503).</exception>
    public T InTurn<T>(Func<T> work)
    {
        if (!_turns.Wait(Patience)) throw new ServerException(Status503ServiceUnavailable, "Too many pictures are being read at this moment; send it again.");
        try
        {
            return work();
        }
        finally
        {
            _turns.Release();
        }
    }

    private sealed class Allowance
    {
        public long Pixels;
    }
}
