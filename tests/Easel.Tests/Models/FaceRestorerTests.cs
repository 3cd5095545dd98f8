using Easel.Cli;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Models;
using Easel.Models.Faces;
using Easel.Tests.Cli;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards what mends faces: the networks against the original code, a face cut out and laid back, and what a person is told.</summary>
public sealed class FaceRestorerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors(Goldens.Unpacked("faces/restorers.safetensors"));

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("gfpgan")]
    [InlineData("gfpgan-whole")] // one style for all layers, all channels steered
    public void Gfpgan_draws_as_the_original(string kind)
    {
        var tensors = Network(kind, out var file);
        using (file)
        {
            using var network = new GfpganNet(FaceMenderFile.GfpganShape(tensors)!);
            tensors.Load(network, kind, ScalarType.Float32, CPU);
            Close.Relative(_goldens[kind + ".y"], network.call(_goldens[kind + ".x"]), 1e-4, kind);
        }
    }

    [Theory]
    [InlineData(0.0, "00")]
    [InlineData(0.5, "05")]
    [InlineData(1.0, "10")]
    public void CodeFormer_draws_as_the_original(double fidelity, string name)
    {
        using var inference = inference_mode();
        var tensors = Network("codeformer", out var file);
        using (file)
        {
            using var network = new CodeFormerNet(FaceMenderFile.CodeFormerShape(tensors)! with { Groups = 2 });
            tensors.Load(network, "CodeFormer", ScalarType.Float32, CPU);
            var face = nn.functional.interpolate(_goldens["codeformer.x"], [512, 512], mode: InterpolationMode.Nearest);
            var made = network.Restored(face, fidelity);
            Close.Relative(_goldens[$"codeformer.y{name}.small"], nn.functional.avg_pool2d(made, 16), 1e-4, name);
            Close.Relative(_goldens[$"codeformer.y{name}.part"], made[.., .., 240..272, 240..272], 1e-4, name);
        }
    }

    [Fact]
    public void A_turn_and_a_change_of_size_are_found_and_undone()
    {
        var wanted = new Similarity(1.5, -0.7, 20, -3);
        FacePoint[] points = [new(1, 2), new(40, 3), new(20, 30), new(5, 44), new(38, 41)];
        var found = Similarity.Robust(points, [.. points.Select(point => wanted.At(point.X, point.Y))]);
        Assert.Equal((wanted.A, wanted.B, wanted.Right, wanted.Down), (found.A, found.B, found.Right, found.Down),
            (a, b) => Math.Abs(a.A - b.A) + Math.Abs(a.B - b.B) + Math.Abs(a.Item3 - b.Item3) + Math.Abs(a.Item4 - b.Item4) < 1e-5);
        var (x, y) = found.Inverse().At(found.At(7, 9).X, found.At(7, 9).Y);
        Assert.Equal((7, 9), (Math.Round(x, 9), Math.Round(y, 9)));
    }

    [Fact]
    public void A_face_is_turned_as_by_OpenCV_whatever_one_of_its_points_does()
    {
        var golden = Goldens.Tensors("faces/alignment.safetensors");
        var (points, matrices) = (golden["points"].data<float>().ToArray(), golden["matrices"].data<float>().ToArray());
        for (var face = 0; face < 64; face++)
        {
            var found = FaceFrame.Into([.. Enumerable.Range(5 * face, 5).Select(i => new FacePoint(points[2 * i], points[2 * i + 1]))]);
            double[] made = [found.A, -found.B, found.Right, found.B, found.A, found.Down];
            for (var i = 0; i < 6; i++) Assert.Equal(matrices[6 * face + i], made[i], 1e-5 + 1e-6 * Math.Abs(made[i]));
        }
    }

    /// <summary>A square that is cut out and laid back as it is leaves a smooth picture as it was, but for the picture's edges, where as in the original the
    /// colour around it shines in.</summary>
    [Fact]
    public void What_is_not_changed_comes_back()
    {
        var picture = new RgbImage(90, 70, [.. Enumerable.Range(0, 90 * 70 * 3).Select(i => (byte)(i / 3 % 90 + i / 270 + 20 * (i % 3)))]);
        var into = FaceFrame.Into([new(35, 30), new(55, 32), new(44, 42), new(36, 50), new(53, 51)]);
        var laid = FaceFrame.Laid(picture, FaceFrame.Cut(picture, into), into, visibility: 1);
        for (var i = 0; i < picture.Pixels.Length; i++)
        {
            var (x, y) = (i / 3 % 90, i / 270);
            if (x is > 0 and < 89 && y is > 0 and < 69) Assert.InRange(laid.Pixels[i] - picture.Pixels[i], -2, 2);
        }
        var painted = FaceFrame.Laid(picture, new RgbImage(512, 512), into, visibility: 0.5);
        Assert.Equal(picture.Pixels[0], painted.Pixels[0]);
        Assert.Equal(picture.Pixels[(40 * 90 + 45) * 3] / 2.0, painted.Pixels[(40 * 90 + 45) * 3], 1.0);
    }

    [Fact]
    public void A_face_is_mended_where_it_is()
    {
        var path = WriteGfpgan(_folder.Path("GFPGANv1.4.safetensors"));
        Assert.Equal(ModelKind.FaceRestorer, ModelFile.Read(path).Kind);
        using IUpscaler restorer = Upscaler.Load(path);
        Assert.Equal(("GFPGAN", 1), (restorer.MendsFaces, restorer.Scale));
        var picture = Face();
        var (mended, faces) = restorer.MendFaces(picture);
        Assert.Equal(1, faces);
        Assert.NotEqual(At(picture, 147, 80), At(mended, 147, 80)); // the nose
        Assert.Equal(At(picture, 290, 10), At(mended, 290, 10));
        Assert.Equal(picture.Pixels, restorer.MendFaces(picture, visibility: 0).Picture.Pixels);
        Assert.Equal((0, "x"), (restorer.MendFaces(new RgbImage(40, 30)).Faces, "x"));
    }

    [Fact]
    public void The_command_line_mends_and_says_what_it_found()
    {
        var (path, small) = (WriteGfpgan(_folder.Path("gfpgan.safetensors")), _folder.Path("small.png"));
        ImageFile.Save(small, new RgbImage(48, 40));
        var (code, _, error) = Command.Run("upscale", "-i", small, "-m", path, "-o", _folder.Path("out.png"));
        Assert.True(code == ExitCodes.Ok, error);
        Assert.Contains("No face was found in the picture.", error);
        Assert.Equal(48, ImageFile.Load(_folder.Path("out.png")).Width);
        (code, _, error) = Command.Run("upscale", "-i", small, "--times", "2", "--restore-faces", small, "-o", _folder.Path("out2.png"));
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("does not mend faces", error);
    }

    [Fact]
    public void A_drawing_is_mended_and_tells_with_what()
    {
        var path = WriteGfpgan(_folder.Path("GFPGANv1.4.safetensors"));
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var request = new GenerationRequest { Prompt = "a cat", Width = 64, Height = 64, Steps = 1, Seed = 1, FaceRestorer = path, FaceFidelity = 0.9 };
        var result = generator.Generate(request);
        Assert.Contains("No face was found in picture 1, which is as it was drawn.", result.Remarks);
        Assert.DoesNotContain(result.Remarks, remark => remark.Contains("needs a face restorer"));
        Assert.Contains("Face restoration: GFPGANv1.4", new ModelStamp("model.ckpt", new LoadOptions(), Hash: null)
            .MetadataOf(result.Images[0]).Parameters);
        Assert.Equal("FaceRestorer", Assert.Throws<InvalidRequestException>(() => generator.Generate(request with { FaceRestorer = "nowhere.pth" })).Field);
        Assert.Contains(generator.Generate(request with { FaceRestorer = null }).Remarks,
            remark => remark.Contains("needs a face restorer"));
    }

    [Fact]
    public void The_licence_is_told()
    {
        var path = Restorers.WriteCodeFormer(_folder.Path("codeformer.safetensors"));
        Assert.Equal("CodeFormer", Upscaler.FaceRestorerIn(path));
        Assert.Contains("S-Lab License", ModelFile.Read(path).Description);
        Assert.Contains("does not allow commercial use", Upscaler.LicenceOf("CodeFormer"));
        Assert.Null(Upscaler.LicenceOf("GFPGAN"));
        Assert.Contains("missing", Assert.Throws<CheckpointException>(() => Upscaler.Load(path)).Message);
    }

    /// <summary>A GFPGAN of a few channels that runs, at 512 pixels.</summary>
    private static string WriteGfpgan(string path)
    {
        using var network = new GfpganNet(new GfpganConfig([2, 2, 2, 2, 2, 2, 2, 2], [4, 4, 4, 4, 4, 4, 4, 4], 4, StylesEach: true, SteersHalf: true));
        var random = new Generator(7, CPU);
        SafeTensorsWriter.Write(path, network.named_modules().Where(entry => entry.module is Layer).SelectMany(entry => entry.module
            .named_parameters(recurse: false).Select(own => (Name: $"{entry.name}.{own.name}", own.parameter.shape)))
            .ToDictionary(tensor => tensor.Name, tensor => randn(tensor.shape, generator: random) * 0.3));
        return path;
    }

    private static RgbImage Face()
    {
        var x = Goldens.Tensors(Goldens.Unpacked("tools/faces.safetensors"))["crop.x"];
        return new RgbImage((int)x.shape[1], (int)x.shape[0], x.data<byte>().ToArray());
    }

    private static (byte, byte, byte) At(RgbImage image, int x, int y)
    {
        var at = (y * image.Width + x) * 3;
        return (image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]);
    }

    private StateDict Network(string kind, out TensorFile file)
    {
        var path = _folder.Path(kind + ".safetensors");
        SafeTensorsWriter.Write(path, _goldens.Where(golden => golden.Key.StartsWith(kind + ".net.", StringComparison.Ordinal))
            .ToDictionary(golden => golden.Key[(kind.Length + 5)..], golden => golden.Value));
        file = TensorFile.Open(path);
        var tensors = new StateDict();
        foreach (var key in file.Tensors.Keys) tensors.Add(key, new Slot(file, key));
        return tensors;
    }
}
