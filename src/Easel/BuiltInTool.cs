using Easel.Imaging;
using Easel.Runtime;
using Easel.Weights;

namespace Easel;

/// <summary>A small network that comes with Easel beside the model that draws, and is loaded only when it is used.</summary>
/// <param name="Name">Its name, and its file's without ending: "esrgan-slim-x4".</param>
/// <param name="Description">What it is, in a few words.</param>
public sealed record BuiltInTool(string Name, string Description)
{
    internal const string Faces = "face-finder", FacePoints = "face-points", Safety = "safety-filter", Person = "person-finder";

    private static readonly BuiltInTool[] Enlarging =
    [
        new("rdn-psnr-x2", "enlarges pictures twice, finer and slower (RDN, PSNR small)") { Kind = ModelKind.Upscaler, Scale = 2 },
        .. ((int[])[2, 3, 4]).Select(times =>
            new BuiltInTool($"esrgan-slim-x{times}", $"enlarges pictures {times} times (ESRGAN slim)") { Kind = ModelKind.Upscaler, Scale = times }),
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<BuiltInTool> All { get; } =
    [
        .. Enlarging, new(Faces, "finds faces (face-api's tiny detector)") { Kind = ModelKind.Tool },
        new(FacePoints, "finds the points of a face (face-api's tiny network)") { Kind = ModelKind.Tool },
        new(Person, "tells people from what is around them (MediaPipe's selfie segmentation)") { Kind = ModelKind.Tool },
        new(Safety, "tells explicit pictures (nsfwjs' MobileNetV2)") { Kind = ModelKind.Tool },
    ];

    /// <summary>What it is good for.</summary>
    public required ModelKind Kind { get; init; }

    /// <summary>How many times it enlarges; 1 for what does not.</summary>
    public int Scale { get; init; } = 1;

    /// <summary>Where the build puts the file: in "models" beside the program.</summary>
    public string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "models", Name + ".safetensors");

    /// <summary>Whether the file is there.</summary>
    public bool Exists => File.Exists(Path);

    /// <summary>The tool of a name; null where there is none, or its file is not there.</summary>
    /// <param name="name">As in <see cref="Name"/>.</param>
    public static BuiltInTool? Find(string name) => All.FirstOrDefault(tool => tool.Name.Equals(name, StringComparison.OrdinalIgnoreCase) && tool.Exists);

    /// <summary>What enlarges a picture so many times: the tool that enlarges as much, of two the finer one, or, where none does, the one that
    /// enlarges most; null where none is there.</summary>
    /// <param name="times">Pixels wanted for each pixel along a side.</param>
    public static BuiltInTool? Enlarger(double times) =>
        Enlarging.Where(tool => tool.Exists).OrderBy(tool => tool.Scale >= times ? tool.Scale : 100 - tool.Scale).FirstOrDefault();

    /// <summary>The mask of what is in a picture, found with the tool that tells people from what is around them.</summary>
    /// <param name="picture">A photograph, or a drawing that is like one: the tool was trained on people who look into a camera.</param>
    /// <param name="subject">What is to be white.</param>
    /// <returns>As large as the picture; null where nobody was found in it.</returns>
    /// <exception cref="CheckpointException">The tool is not beside the program.</exception>
    public static GrayImage? MaskOf(RgbImage picture, MaskSubject subject)
    {
        ArgumentNullException.ThrowIfNull(picture);
        NativeRuntime.Prepare();
        using var finder = ToolFile.Person();
        var people = finder.Mask(picture);
        if (!people.Pixels.AsSpan().ContainsAnyExcept((byte)0)) return null;
        return subject == MaskSubject.Background ? MaskTools.Invert(people) : people;
    }
}
