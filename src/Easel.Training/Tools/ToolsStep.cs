using System.Text.RegularExpressions;
using Easel.Training.Data;
using Easel.Weights.Formats;

namespace Easel.Training.Tools;

/// <summary>Makes the files of the tools that come with Easel (<see cref="BuiltInTool"/>) out of the trained weights in open packages, byte for byte the same
/// each time.</summary>
internal static partial class ToolsStep
{
    /// <summary>A tool, and where its weights come from.</summary>
    /// <param name="Tool">The name of the <see cref="BuiltInTool"/>.</param> <param name="Licence">What the package says it is under; nothing else is
    /// taken.</param>
    /// <param name="Read">Reads the weights out of the unpacked package.</param> <param name="Own">What we call a tensor; null for one that is not
    /// needed.</param>
    private sealed record Source(string Tool, string Package, string Version, string Licence, Func<string, IReadOnlyList<TfjsTensor>> Read,
        Func<string, string?> Own);

    private static readonly Source[] Sources =
    [
        new("rdn-psnr-x2", "@upscalerjs/esrgan-legacy", "1.0.0", "MIT", folder => Layers(Path.Combine(folder, "models", "psnr-small", "model.json")), Upscaler),
        .. ((int[])[2, 3, 4]).Select(times => new Source($"esrgan-slim-x{times}", "@upscalerjs/esrgan-slim", "1.0.0", "MIT",
            folder => Layers(Path.Combine(folder, "models", $"x{times}", "model.json")), Upscaler)),
        new("face-finder", "@vladmandic/face-api", "1.7.15", "MIT", package => Faces(package, "tiny_face_detector_model"), Face),
        new("face-points", "@vladmandic/face-api", "1.7.15", "MIT", package => Faces(package, "face_landmark_68_tiny_model"), FacePoint),
        new("safety-filter", "nsfwjs", "4.4.0", "MIT", Safety, MobileNet),
        new("person-finder", "@mediapipe/selfie_segmentation", "0.1.1675465747", "Apache-2.0", Person, Selfie),
    ];

    /// <summary>Fetches the packages that are not there yet and writes one file for each tool.</summary>
    /// <param name="cache">Folder of the packages.</param> <param name="folder">Folder of the files: "models" in the repository.</param>
    /// <returns>The files.</returns>
    /// <exception cref="EaselException">A package cannot be had, is under another licence, or holds something else than was expected.</exception>
    public static IReadOnlyList<string> Run(string cache, string folder, Action<string, double> progress, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder);
        var written = new List<string>();
        foreach (var source in Sources)
        {
            cancel.ThrowIfCancellationRequested();
            progress($"converting {source.Tool}", (double)written.Count / Sources.Length);
            using var scope = NewDisposeScope();
            var package = NpmPackage.Fetch(cache, source.Package, source.Version, source.Licence);
            var tensors = new Dictionary<string, Tensor>();
            foreach (var tensor in source.Read(package).OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
                if (source.Own(tensor.Name) is { } name) tensors.Add(name, tensor);
            var path = Path.Combine(folder, source.Tool + ".safetensors");
            // What are bytes there stay so, with their ranges; the rest is rounded to halves.
            SafeTensorsWriter.Write(path, tensors.ToDictionary(entry => entry.Key, entry => entry.Value.dtype == ScalarType.Float32 ? entry.Value.half()
                : entry.Value),
                metadata: new Dictionary<string, string>
                {
                    ["format"] = "pt",
                    ["modelspec.title"] = source.Tool,
                    ["modelspec.license"] = source.Licence,
                    ["modelspec.description"] = $"the weights of npm {source.Package} {source.Version}",
                });
            written.Add(path);
        }
        return written;
    }

    /// <summary>A model in TensorFlow.js's layers format.</summary>
    private static IReadOnlyList<TfjsTensor> Layers(string path)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        return TfjsWeights.Read(json.RootElement.GetProperty("weightsManifest"), file => File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(path)!, file)));
    }

    /// <summary>A manifest alone, beside its bytes.</summary>
    private static IReadOnlyList<TfjsTensor> Faces(string package, string model)
    {
        var folder = Path.Combine(package, "model");
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, model + "-weights_manifest.json")));
        return TfjsWeights.Read(json.RootElement, file => File.ReadAllBytes(Path.Combine(folder, file)));
    }

    /// <summary>A model whose parts are scripts, which Node.js reads.</summary>
    private static IReadOnlyList<TfjsTensor> Safety(string package)
    {
        var folder = Path.Combine(package, "dist", "models", "mobilenet_v2");
        using var json = JsonDocument.Parse(Said("model"));
        return TfjsWeights.Read(json.RootElement.GetProperty("weightsManifest"), file => Convert.FromBase64String(
            JsonSerializer.Deserialize<string>(Said(file))!));

        string Said(string script) => NpmPackage.Run(folder, "node", ["-p", $"JSON.stringify(require('./{script}.min.js'))"]);
    }

    /// <summary>A TensorFlow Lite model, but for the last layer, which enlarges: its kernel is laid out the other way round.</summary>
    private static IReadOnlyList<TfjsTensor> Person(string package) =>
        [.. TfliteWeights.Read(Path.Combine(package, "selfie_segmentation.tflite"))
            .Select(tensor => tensor.Name == LastKernel ? tensor with { Values = tensor.Values.transpose(2, 3) } : tensor)];

    private const string LastKernel = "segment/Kernel";

    /// <summary>Our layers in the order in which the original numbers its own.</summary>
    private static readonly string[] SelfieLayers =
    [
        "stem", "blocks.0.expand", "blocks.0.squeeze1", "blocks.0.squeeze2", "blocks.0.project", "blocks.1.expand", "blocks.1.project", "blocks.2.expand",
        "blocks.2.project",
        .. Enumerable.Range(3, 5).SelectMany(i => (string[])[$"blocks.{i}.expand", $"blocks.{i}.squeeze1", $"blocks.{i}.squeeze2", $"blocks.{i}.project"]),
        "head", "gate",
        .. Enumerable.Range(0, 3).SelectMany(i => (string[])[$"ups.{i}.project", $"ups.{i}.squeeze1", $"ups.{i}.squeeze2", $"ups.{i}.mix"]),
    ];

    private static string? Selfie(string stored)
    {
        var match = Numbered().Match(stored);
        var kind = stored.EndsWith("/Bias", StringComparison.Ordinal) ? "bias" : "weight";
        if (stored.StartsWith("segment/", StringComparison.Ordinal)) return "last." + kind;
        if (!match.Success) throw new EaselException($"A person finder's tensor is called {stored}, which is not expected.");
        var number = match.Groups["number"].Success ? int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture) : 0;
        var layer = !match.Groups["depthwise"].Success ? SelfieLayers[number] : number < 8 ? $"blocks.{number}.depthwise" : $"ups.{number - 8}.depthwise";
        return $"{layer}.{kind}";
    }

    [GeneratedRegex(@"^(?<depthwise>depthwise_)?conv2d(?:_(?<number>\d+))?/(?:Kernel|Bias)$")]
    private static partial Regex Numbered();

    private static string? FacePoint(string stored) => stored.Split('/') switch
    {
        ["dense0", "conv0", "filters"] => "dense0.conv0.weight",
        ["dense0", "conv0", "bias"] => "dense0.conv0.bias",
        [var block, var conv, "depthwise_filter"] => $"{block}.{conv}.depthwise.weight",
        [var block, var conv, "pointwise_filter"] => $"{block}.{conv}.pointwise.weight",
        [var block, var conv, "bias"] => $"{block}.{conv}.pointwise.bias",
        ["fc", "weights"] => "fc.weight",
        ["fc", "bias"] => "fc.bias",
        _ => throw new EaselException($"A face's tensor is called {stored}, which is not expected."),
    };

    private static string? Face(string stored)
    {
        var parts = stored.Split('/') is [var layer, var part] ? (layer, part) : throw new EaselException($"A face finder's tensor is called {stored}.");
        return parts switch
        {
            ("conv0" or "conv8", "filters") => layer + ".weight",
            ("conv0" or "conv8", "bias") => layer + ".bias",
            (_, "depthwise_filter") => layer + ".depthwise.weight",
            (_, "pointwise_filter") => layer + ".pointwise.weight",
            (_, "bias") => layer + ".pointwise.bias",
            _ => throw new EaselException($"A face finder's tensor is called {stored}, which is not expected."),
        };
    }

    /// <summary>Keras' names of MobileNetV2 as ours.</summary>
    private static string? MobileNet(string stored)
    {
        var match = Block().Match(stored);
        if (!match.Success) throw new EaselException($"A classifier's tensor is called {stored}, which is not expected.");
        var kind = match.Groups["kind"].Value switch
        {
            "gamma" or "kernel" or "depthwise_kernel" => "weight",
            "beta" or "bias" => "bias",
            "moving_mean" => "running_mean",
            _ => "running_var",
        };
        var layer = match.Groups["layer"].Value;
        if (layer.StartsWith("dense_", StringComparison.Ordinal)) return $"dense{layer[^1]}.{kind}";
        var isNorm = layer.Contains("bn", StringComparison.OrdinalIgnoreCase);
        var place = layer switch
        {
            "Conv1" or "bn_Conv1" => "first",
            "Conv_1" or "Conv_1_bn" => "last",
            _ => $"blocks.{(match.Groups["block"].Success ? match.Groups["block"].Value : "0")}.{match.Groups["part"].Value}",
        };
        return $"{place}.{(isNorm ? "norm" : "conv")}.{kind}";
    }

    [GeneratedRegex(@"^(?<layer>Conv1|bn_Conv1|Conv_1|Conv_1_bn|dense_[123]|(?:expanded_conv|block_(?<block>\d+))_(?<part>expand|depthwise|project)(?:_BN)?)/"
        + "(?<kind>kernel|depthwise_kernel|bias|gamma|beta|moving_mean|moving_variance)$")]
    private static partial Regex Block();

    /// <summary>idealo's names (F for features, LFF and GFF for their local and global fusion, UPN for the enlarging part) as ours.</summary>
    private static string? Upscaler(string stored)
    {
        var (layer, kind) = stored.Split('/') is [var name, "kernel"] ? (name, "weight") : stored.Split('/') is [var other, "bias"] ? (other, "bias")
            : throw new EaselException($"An upscaler's tensor is called {stored}, which is not expected.");
        var own = layer switch
        {
            "F_m1" => "first",
            "F_0" => "second",
            "GFF_1" or "GFF_2" => "fuse" + layer[^1],
            "UPN1" or "UPN2" or "UPN3" => "up" + layer[^1],
            "SR" => "last",
            _ when Local().Match(layer) is { Success: true } fuse => $"blocks.{Before(fuse.Groups[1])}.fuse",
            _ when Dense().Match(layer) is { Success: true } dense => $"blocks.{Before(dense.Groups[1])}.convs.{Before(dense.Groups[2])}",
            _ => throw new EaselException($"An upscaler's layer is called {layer}, which is not expected."),
        };
        return $"{own}.{kind}";

        static int Before(Group number) => int.Parse(number.ValueSpan, CultureInfo.InvariantCulture) - 1;
    }

    [GeneratedRegex(@"^LFF_(\d+)$")]
    private static partial Regex Local();

    [GeneratedRegex(@"^F_(\d+)_(\d+)$")]
    private static partial Regex Dense();
}
