using Easel.Imaging;
using Easel.Models.Midas;
using Easel.Tests.Support;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>
/// Guards the depth estimator against the original's outputs on a small network of its kind, and its names against those of the real checkpoint.
/// </summary>
public sealed class MidasDepthTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("easel-depth").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _goldens = Goldens.Tensors("midas/dpt-micro.goldens.safetensors");

    private static string Network => Goldens.Unpacked("midas/dpt-micro.fp16.safetensors");

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("case0")] // two pictures of a shape that the positions were not learned on
    [InlineData("case1")] // one of the shape they were
    public void Estimates_as_the_original(string golden)
    {
        using var file = TensorFile.Open(Network);
        using var model = DepthEstimatorFile.Load(file, ScalarType.Float32, CPU);
        Close.Relative(_goldens[golden + ".depth"], model.Forward(_goldens[golden + ".x"]), 1e-4, golden);
    }

    [Fact]
    public void Is_found_inside_a_depth_model()
    {
        var path = Path.Combine(_folder, "512-depth.safetensors");
        var tensors = new Dictionary<string, Tensor> { ["model.diffusion_model.input_blocks.0.0.weight"] = ones(3) };
        using (var alone = TensorFile.Open(Network))
            foreach (var key in alone.Tensors.Keys) tensors["depth_model.model." + key] = alone.View(key).clone();
        SafeTensorsWriter.Write(path, tensors);

        using var file = TensorFile.Open(path);
        using var model = DepthEstimatorFile.Load(file, ScalarType.Float32, CPU);
        Close.Relative(_goldens["case1.depth"], model.Forward(_goldens["case1.x"]), 1e-4);
    }

    [Fact]
    public void Looks_at_pictures_as_the_original()
    {
        for (var i = 0; i < 5; i++)
        {
            var size = _goldens[$"size{i}"].data<long>().ToArray();
            Assert.Equal(((int)size[3], (int)size[2]), MidasDepth.SizeFor((int)size[1], (int)size[0]));
        }
        for (var i = 0; i < 2; i++)
        {
            var pixels = _goldens[$"prepare{i}.image"];
            var prepared = MidasDepth.Prepare(new RgbImage((int)pixels.shape[1], (int)pixels.shape[0], pixels.data<byte>().ToArray()));
            Close.Absolute(_goldens[$"prepare{i}.corner"], prepared[0, .., ..40, (int)(prepared.shape[3] - 40)..], 2e-5, $"picture {i}");
        }
        Assert.Equal((32, 384), MidasDepth.SizeFor(10, 3000)); // the original makes a picture without width of it
    }

    [Fact]
    public void Estimates_a_picture_from_start_to_end()
    {
        using var file = TensorFile.Open(Network);
        using var model = DepthEstimatorFile.Load(file, ScalarType.BFloat16, CPU);
        var depth = model.Estimate(new RgbImage(120, 80));
        Assert.Equal([1, 1, 256, 384], depth.shape);
        Assert.Equal(ScalarType.Float32, depth.dtype);
        Assert.True(depth.isfinite().all().item<bool>() && depth.min().item<float>() >= 0);
    }

    [Fact]
    public void Has_the_names_and_shapes_of_the_real_checkpoint()
    {
        // A file with the real names and one value for each tensor's last dimension would take 490 MB; shapes are all that is needed to build the network.
        using var file = new ShapesOnly(Goldens.Json("midas/dpt-hybrid.keys.json").EnumerateObject()
            .ToDictionary(entry => entry.Name, entry => entry.Value.EnumerateArray().Select(n => n.GetInt64()).ToArray()));
        Assert.True(DepthEstimatorFile.IsIn(file));
        Assert.Equal("asked for values", Assert.Throws<NotSupportedException>(() => DepthEstimatorFile.Load(file, ScalarType.Float32, CPU)).Message);
    }

    [Fact]
    public void Refuses_what_holds_no_estimator()
    {
        var path = Path.Combine(_folder, "other.safetensors");
        SafeTensorsWriter.Write(path, new Dictionary<string, Tensor> { ["decoder.up.0.block.0.norm1.weight"] = ones(3) });
        using var file = TensorFile.Open(path);
        Assert.Contains("but an autoencoder (VAE) alone",
            Assert.Throws<CheckpointException>(() => DepthEstimatorFile.Load(file, ScalarType.Float32, CPU)).Message);
    }

    /// <summary>
    /// A file that says what it holds and holds nothing: a load that fails only when it asks for values has found every name and shape in order.
    /// </summary>
    private sealed class ShapesOnly(Dictionary<string, long[]> shapes) : TensorFile("shapes")
    {
        public override IReadOnlyDictionary<string, TensorInfo> Tensors { get; } =
            shapes.ToDictionary(s => s.Key, s => TensorInfo.Of(ScalarType.Float32, s.Value));
        public override bool IsOutdated => false;
        public override Tensor View(string name, int part, int parts) => throw new NotSupportedException("asked for values");
        public override void Dispose() { }
    }
}
