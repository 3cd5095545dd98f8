using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Server;

/// <summary>
/// Guards that a server draws and enlarges with real networks as the library does. All else of it is tested without any, in Easel.Server.Tests.
/// </summary>
public sealed class DrawnByAServerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task JobsBecomeTheLibrarysPictures()
    {
        var (upscaler, vae) = (_folder.Path("sharp.pth"), _folder.Path("kl.safetensors"));
        File.Copy(Goldens.Path("upscalers/compact-x2.wrapped.pth"), upscaler);
        File.Copy(Path.Combine(RunningServer.Model, "vae", "diffusion_pytorch_model.safetensors"), vae);
        var options = RunningServer.OptionsFor(_folder) with { Models = [RunningServer.Model, upscaler, vae] };
        await using var server = await RunningServer.Start(options, source: new ModelFiles());

        var drawn = await Finished(new { vae = "kl", request = new { prompt = "a cat", steps = 3, width = 64, height = 64, batchCount = 2, seed = 5 } });
        using var generator = ImageGenerator.Load(RunningServer.Model, new LoadOptions { Precision = Precision.Full, Vae = vae });
        var expected = generator.Generate(new GenerationRequest { Prompt = "a cat", Steps = 3, Width = 64, Height = 64, Seed = 5, BatchCount = 2 });
        for (var i = 0; i < 2; i++)
        {
            var bytes = await server.Client.GetByteArrayAsync($"api/pictures/{drawn}-000{i}/file");
            Assert.Equal(expected.Images[i].Image.Pixels, ImageFile.Load(new MemoryStream(bytes), "picture").Pixels);
            var text = ImageFile.ReadMetadata(new MemoryStream(bytes), "picture").Parameters!;
            Assert.StartsWith("a cat\nSteps: 3, Sampler: DPM++ 2M", text);
            Assert.Contains("VAE: kl", text);
        }

        var picture = expected.Images[0].Image;
        var enlarged = await Finished(new
        {
            task = "enlarge",
            model = "sharp",
            request = new { initImage = Convert.ToBase64String(ImageFile.Encode(picture, ImageFormat.Png)) },
        });
        using var network = UpscalerFile.Load(upscaler, ScalarType.Float32, CPU);
        var file = await server.Client.GetByteArrayAsync($"api/pictures/{enlarged}-0000/file");
        Assert.Equal(network.Upscale(picture).Pixels, ImageFile.Load(new MemoryStream(file), "picture").Pixels);

        async Task<string> Finished(object body)
        {
            var id = await server.Submit(body);
            Assert.Equal("done", (await server.Finished(id)).GetProperty("state").GetString());
            return id;
        }
    }
}
