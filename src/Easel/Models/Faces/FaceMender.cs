using Easel.Imaging;
using Easel.Models.Tools;

namespace Easel.Models.Faces;

/// <summary>A network that mends faces, as it is read off its tensors.</summary>
/// <param name="Name">"GFPGAN" or "CodeFormer".</param> <param name="Build">Makes it, still without its weights.</param>
internal sealed record FaceMenderSpec(string Name, Func<Module> Build);

/// <summary>Finds the faces of a picture, turns each upright, has a network mend it, and lays it back.</summary>
internal sealed class FaceMender : IDisposable
{
    /// <summary>How sure the finder must be that it sees a face.</summary>
    public const double Confidence = 0.5;

    private const double LeastBetweenEyes = 5; // pixels; nearer ones leave nothing to mend

    private readonly Module _network;
    private readonly FaceFinder _finder;
    private readonly FacePointsNet _points;
    private readonly ScalarType _type;
    private readonly Device _device;

    /// <summary>Takes all of them over.</summary>
    public FaceMender(FaceMenderSpec spec, Module network, FaceFinder finder, FacePointsNet points, ScalarType type, Device device) =>
        (Name, _network, _finder, _points, _type, _device) = (spec.Name, network, finder, points, type, device);

    /// <inheritdoc cref="FaceMenderSpec.Name"/>
    public string Name { get; }

    /// <summary>Mends the faces of a picture.</summary>
    /// <param name="visibility">How much of what was mended is seen, 0 to 1.</param>
    /// <param name="fidelity">How true to what was there, 0 to 1, where the network can be told.</param>
    /// <param name="onFace">Told (faces done, faces in all) after each.</param>
    /// <returns>The picture, and how many faces it has.</returns>
    public (RgbImage Picture, int Faces) Mend(RgbImage picture, double visibility, double fidelity, Action<int, int>? onFace, CancellationToken cancel)
    {
        using var inference = inference_mode();
        var frames = _finder.Find(picture, Confidence).Select(face => Points(picture, face)).OfType<IReadOnlyList<FacePoint>>()
            .Where(points => Math.Sqrt(Math.Pow(points[0].X - points[1].X, 2) + Math.Pow(points[0].Y - points[1].Y, 2)) > LeastBetweenEyes)
            .Select(FaceFrame.Into).ToList();
        for (var i = 0; i < frames.Count; i++)
        {
            cancel.ThrowIfCancellationRequested();
            picture = FaceFrame.Laid(picture, Mended(FaceFrame.Cut(picture, frames[i]), fidelity), frames[i], visibility);
            onFace?.Invoke(i + 1, frames.Count);
        }
        return (picture, frames.Count);
    }

    /// <summary>A face of 512x512 pixels.</summary>
    internal RgbImage Mended(RgbImage face, double fidelity)
    {
        using var scope = NewDisposeScope();
        var x = ImageTensor.FromImage(face).to(_type, _device);
        var made = _network is CodeFormerNet former ? former.Restored(x, fidelity) : ((GfpganNet)_network).call(x);
        using var bytes = ((made.to(ScalarType.Float32).clamp(-1, 1) + 1) / 2 * 255).round_().to(ScalarType.Byte)[0].permute(1, 2, 0).contiguous().cpu();
        return new RgbImage((int)bytes.shape[1], (int)bytes.shape[0], bytes.data<byte>().ToArray());
    }

    public void Dispose()
    {
        _network.Dispose();
        _finder.Dispose();
        _points.Dispose();
    }

    /// <summary>Eyes, nose and corners of the mouth, the left ones first; null where the face lies outside the picture.</summary>
    private IReadOnlyList<FacePoint>? Points(RgbImage picture, Face face)
    {
        var (left, top) = (Math.Max(0, (int)Math.Floor(face.X)), Math.Max(0, (int)Math.Floor(face.Y)));
        var right = Math.Min(picture.Width, (int)Math.Floor(face.X) + (int)Math.Floor(face.Width));
        var bottom = Math.Min(picture.Height, (int)Math.Floor(face.Y) + (int)Math.Floor(face.Height));
        if (right - left < 2 || bottom - top < 2) return null;
        var all = All(picture.Crop(new ImageRegion(left, top, right - left, bottom - top)), _points);
        return [Middle(36, 42), Middle(42, 48), At(30), At(48), At(54)];

        FacePoint At(int number) => new(left + all[number].X, top + all[number].Y);

        FacePoint Middle(int first, int end) => new(left + all[first..end].Average(point => point.X), top + all[first..end].Average(point => point.Y));
    }

    /// <summary>The 68 points of a face that fills a picture, in its pixels.</summary>
    internal static FacePoint[] All(RgbImage face, FacePointsNet network)
    {
        using var scope = NewDisposeScope();
        var square = Math.Max(face.Width, face.Height);
        var difference = Math.Abs(face.Width - face.Height);
        var (before, after) = (difference - (difference + 1) / 2, (difference + 1) / 2); // black, so that the face is in the middle of a square
        var x = ((ImageTensor.FromImage(face) + 1) * 127.5).round();
        x = functional.pad(x, face.Width < face.Height ? [before, after, 0, 0] : [0, 0, before, after]);
        var shares = network.call(FaceFinder.Resized(x, FacePointsNet.Side)).cpu().data<float>().ToArray();
        var (across, down) = face.Width < face.Height ? (difference / 2.0, 0.0) : (0.0, difference / 2.0);
        return [.. Enumerable.Range(0, shares.Length / 2).Select(i => new FacePoint(shares[2 * i] * square - across, shares[2 * i + 1] * square - down))];
    }
}
