using Easel.Imaging;
using Easel.Metadata;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards the tools that Easel uses of itself, faces and safety: against the originals in TensorFlow.js, and what a run does with them.</summary>
public sealed class ToolTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _faces = Goldens.Tensors(Goldens.Unpacked("tools/faces.safetensors"));
    private readonly Dictionary<string, Tensor> _people = Goldens.Tensors(Goldens.Unpacked("tools/person.safetensors"));
    private readonly Dictionary<string, Tensor> _safety = Goldens.Tensors(Goldens.Unpacked("tools/safety.safetensors"));

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Every_tool_is_there_and_known()
    {
        foreach (var tool in BuiltInTool.All)
        {
            Assert.True(tool.Exists, tool.Name);
            Assert.Equal(tool.Kind, ModelFile.Read(tool.Path).Kind);
        }
        Assert.InRange(BuiltInTool.All.Sum(tool => new FileInfo(tool.Path).Length), 1, 15 << 20);
    }

    [Fact]
    public void Faces_are_found_as_by_the_original()
    {
        using var finder = ToolFile.Faces();
        var picture = Picture(_faces["crop.x"]);
        var made = finder.Network.call(Easel.Models.Tools.FaceFinder.Input(picture)).permute(0, 2, 3, 1);
        Close.Absolute(_faces["crop.out"], made, 1e-3, "network");

        var expected = _faces["crop.boxes"].data<double>().ToArray();
        var face = Assert.Single(finder.Find(picture, 0.3));
        double[] found = [face.Score, face.X, face.Y, face.Width, face.Height];
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second, pair.First - 0.05, pair.First + 0.05));
        Assert.Empty(finder.Find(picture, 0.9));
        Assert.Empty(finder.Find(new RgbImage(20, 500), 0.3));
    }

    [Fact]
    public void Points_of_a_face_are_found_as_by_the_original()
    {
        using var network = ToolFile.FacePoints();
        foreach (var (name, region) in ((string, ImageRegion)[])
            [("wide", new(92, 20, 110, 95)), ("high", new(90, 25, 101, 131)), ("square", new(95, 30, 112, 112))])
        {
            var points = Easel.Models.Faces.FaceMender.All(Picture(_faces["crop.x"]).Crop(region), network);
            var expected = _people[name + ".points"].data<double>().ToArray();
            for (var i = 0; i < points.Length; i++)
            {
                Assert.InRange(points[i].X, expected[2 * i] - 0.01, expected[2 * i] + 0.01);
                Assert.InRange(points[i].Y, expected[2 * i + 1] - 0.01, expected[2 * i + 1] + 0.01);
            }
        }
    }

    [Fact]
    public void People_are_found_as_by_the_original()
    {
        using var finder = ToolFile.Person();
        var picture = Picture(_faces["crop.x"]);
        var made = finder.Network.call(Easel.Models.Tools.PersonFinder.Input(picture))[0, 0];
        Close.Absolute(_people["person.out"].to(ScalarType.Float32), made, 1e-3, "network");

        var (person, background) = (BuiltInTool.MaskOf(picture, MaskSubject.Person)!, BuiltInTool.MaskOf(picture, MaskSubject.Background)!);
        Assert.Equal((picture.Width, picture.Height), (person.Width, person.Height));
        Assert.Equal((255, 0), (person.Pixels[100 * 300 + 150], person.Pixels[5 * 300 + 5])); // the face, and a corner
        Assert.All(person.Pixels.Zip(background.Pixels), pair => Assert.Equal(255, pair.First + pair.Second));
        Assert.Null(BuiltInTool.MaskOf(new RgbImage(64, 64), MaskSubject.Person));
    }

    /// <summary>Where nobody painted a mask it is found, and what is not of it stays to the bit.</summary>
    [Fact]
    public void A_mask_is_found_for_a_run()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var picture = Resampling.Resize(Picture(_faces["crop.x"]), 96, 64);
        var request = new GenerationRequest
        {
            Prompt = "a cat",
            Steps = 2,
            Seed = 5,
            Strength = 0.9,
            MaskBlur = 0,
            Watermark = false,
            InitImage = picture,
            MaskOf = MaskSubject.Background,
        };
        var image = generator.Generate(request).Images[0];
        Assert.Equal(At(picture, 48, 32), At(image.Image, 48, 32));
        Assert.NotEqual(At(picture, 3, 3), At(image.Image, 3, 3));
        var text = new ModelStamp("model.ckpt", new LoadOptions(), Hash: null).MetadataOf(image).Parameters!;
        Assert.Contains("Mask of: background", text);
        var nobody = Assert.Throws<InvalidRequestException>(() => generator.Generate(request with { InitImage = new RgbImage(96, 64) }));
        Assert.Equal(("MaskOf", true), (nobody.Field, nobody.Message.StartsWith("Nobody was found in the picture", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("cat")]
    [InlineData("waves")]
    public void Pictures_are_judged_as_by_the_original(string name)
    {
        using var filter = ToolFile.Safety();
        Close.Absolute(_safety[name + ".logits"], filter.Logits(Picture(_safety[name + ".x"])), 1e-3, name);
        var shares = filter.Judge(Picture(_safety[name + ".x"])).Shares;
        Close.Absolute(_safety[name + ".shares"], tensor(shares.ToArray()), 1e-3, name);
        Assert.Equal("Neutral", Easel.Models.Tools.SafetyVerdict.Classes[shares.ToList().IndexOf(shares.Max())]);
    }

    /// <summary>A face in a picture of which a corner is drawn is drawn anew, where it is and nowhere else.</summary>
    [Fact]
    public void Faces_are_drawn_anew()
    {
        // Sketch draws a face anew at its 128 pixels, which costs a sixteenth of another model's 512.
        using var generator = ImageGenerator.Load(new LoadOptions { Precision = Precision.Full });
        var request = Corner() with { Detail = DetailKind.Faces, DetailPrompt = "a face" };
        var (plain, all) = (generator.Generate(request with { Detail = DetailKind.None }).Images[0], generator.Generate(request));
        var detailed = all.Images[0];
        Assert.DoesNotContain(all.Remarks, remark => remark.Contains("does nothing here")); // its prompt had something to act on
        Assert.NotEqual(At(plain, 120, 120), At(detailed, 120, 120)); // within the face
        Assert.Equal(At(plain, 10, 150), At(detailed, 10, 150));
        Assert.Equal(At(plain, 280, 20), At(detailed, 280, 20));

        var text = new ModelStamp("model.ckpt", new LoadOptions(), Hash: null).MetadataOf(detailed).Parameters!;
        Assert.Contains("Detail: faces", text);
        Assert.NotEqual(generator.Generate(request with { DetailPrompt = "a dog" }).Images[0].Image.Pixels, detailed.Image.Pixels);

        // So small a model knows things, and not what a part of a picture looks like, unless it is told.
        var left = generator.Generate(request with { DetailPrompt = null });
        Assert.Equal(plain.Image.Pixels, left.Images[0].Image.Pixels);
        Assert.Contains(left.Remarks, remark => remark.StartsWith("No detail pass was made", StringComparison.Ordinal));
    }

    [Fact]
    public void Where_there_is_no_face_it_is_said()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var request = new GenerationRequest
        {
            Prompt = "a cat",
            Width = 64,
            Height = 64,
            Steps = 1,
            Seed = 1,
            Detail = DetailKind.Faces,
            DetailConfidence = 0.9
        };
        Assert.Contains("No face was found in picture 1, which is as it was drawn.", generator.Generate(request).Remarks);
        Assert.Contains(generator.Generate(request with { Detail = DetailKind.None }).Remarks, remark => remark.Contains("needs a detail pass"));
    }

    [Theory]
    [InlineData(SafetyAction.Tag)]
    [InlineData(SafetyAction.Blur)]
    [InlineData(SafetyAction.Refuse)]
    public void What_is_taken_for_explicit_is_dealt_with_and_told(SafetyAction action)
    {
        var request = new GenerationRequest { Prompt = "a cat", Width = 64, Height = 64, Steps = 1, Seed = 1 };
        var plain = Generate(SafetyAction.Off, share: 0).Images[0].Image;
        Assert.Equal(plain.Pixels, Generate(action, share: 1.1).Images[0].Image.Pixels); // nothing is explicit
        if (action == SafetyAction.Refuse)
        {
            Assert.Contains("is not given out", Assert.Throws<EaselException>(() => Generate(action, share: 0)).Message);
            return;
        }
        var result = Generate(action, share: 0); // everything is
        Assert.Equal(action == SafetyAction.Tag, plain.Pixels.SequenceEqual(result.Images[0].Image.Pixels));
        Assert.Contains(result.Remarks, remark => remark.StartsWith("Picture 1, which the safety filter takes for explicit", StringComparison.Ordinal));
        Assert.StartsWith(action == SafetyAction.Tag ? "tagged explicit" : "blurred explicit", result.Images[0].Safety);

        GenerationResult Generate(SafetyAction safety, double share)
        {
            using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"),
                new LoadOptions { Precision = Precision.Full, Safety = safety, SafetyShare = share });
            return generator.Generate(request);
        }
    }

    private GenerationRequest Corner()
    {
        var picture = Resampling.Resize(Picture(_faces["crop.x"]), 304, 200);
        var mask = new GrayImage(304, 200);
        for (var y = 0; y < 16; y++) mask.Pixels.AsSpan(y * 304, 16).Fill(255);
        return new GenerationRequest
        {
            Prompt = "a cat",
            Steps = 2,
            Seed = 5,
            Sampler = "euler",
            Watermark = false,
            InitImage = picture,
            Mask = mask,
            MaskBlur = 0,
            DetailStrength = 0.5,
        };
    }

    private static (byte, byte, byte) At(GeneratedImage image, int x, int y) => At(image.Image, x, y);

    private static (byte, byte, byte) At(RgbImage image, int x, int y)
    {
        var place = 3 * (y * image.Width + x);
        return (image.Pixels[place], image.Pixels[place + 1], image.Pixels[place + 2]);
    }

    private static RgbImage Picture(Tensor bytes) => new((int)bytes.shape[1], (int)bytes.shape[0], bytes.contiguous().data<byte>().ToArray());
}
