using Easel.Cli;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Tests.Cli;

/// <summary>Guards conversions: every tensor is there under its right name with its values, whatever the file was before.</summary>
public sealed class ConvertTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("micro.fp32.ckpt", "fp16", ScalarType.Float16)]
    [InlineData("micro.fp16.legacy.ckpt", "fp32", ScalarType.Float32)]
    [InlineData("micro.fp16.safetensors", "bf16", ScalarType.BFloat16)]
    public void FilesKeepTheirTensors(string name, string precision, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (input, output) = (Goldens.Unpacked("sd1-formats/" + name), _folder.Path("out.safetensors"));
        Assert.Equal(ExitCodes.Ok, Command.Run("convert", input, output, "--precision", precision).Code);

        using var before = TensorFile.Open(input);
        using var after = TensorFile.Open(output);
        Assert.Equal(before.Tensors.Keys.Order(), after.Tensors.Keys.Order());
        foreach (var key in before.Tensors.Keys)
        {
            var converted = after.View(key);
            var expected = before.View(key);
            if (key.Contains('.') && expected.is_floating_point()) expected = expected.to(type);
            Assert.Equal(expected.dtype, converted.dtype);
            Assert.True(expected.allclose(converted), key);
        }
    }

    [Fact]
    public void DiffusersFolderBecomesTheOriginalFile()
    {
        using var scope = NewDisposeScope();
        var output = _folder.Path("out.safetensors");
        Assert.Equal(ExitCodes.Ok, Command.Run("convert", Goldens.Path("layouts/diffusers-sd1-micro"), output, "--layout", "original").Code);

        using var original = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"));
        using var converted = TensorFile.Open(output);
        string[] parts = ["model.diffusion_model.", "first_stage_model.", "cond_stage_model."];
        var keys = original.Tensors.Keys.Where(key => parts.Any(part => key.StartsWith(part, StringComparison.Ordinal))
            && !key.EndsWith("position_ids", StringComparison.Ordinal)).ToList();
        Assert.Equal(keys.Order(), converted.Tensors.Keys.Order());
        foreach (var key in keys)
        {
            Assert.Equal(original.Tensors[key].Shape, converted.Tensors[key].Shape);
            Assert.True(original.View(key).to(ScalarType.Float32).allclose(converted.View(key).to(ScalarType.Float32)), key);
        }
    }

    [Fact]
    public void AveragedWeightsTakeThePlaceOfTheLiveOnes()
    {
        using var scope = NewDisposeScope();
        var (input, output) = (Goldens.Unpacked("sd1-formats/micro.fp32.ema.ckpt"), _folder.Path("out.safetensors"));
        Assert.Equal(ExitCodes.Ok, Command.Run("convert", input, output, "--ema").Code);

        using var before = TensorFile.Open(input);
        using var after = TensorFile.Open(output);
        const string Live = "model.diffusion_model.input_blocks.0.0.weight", Average = "model_ema.diffusion_modelinput_blocks00weight";
        Assert.DoesNotContain(after.Tensors.Keys, key => key.StartsWith("model_ema.", StringComparison.Ordinal));
        Assert.True(before.View(Average).allclose(after.View(Live)));
        Assert.False(before.View(Live).allclose(after.View(Live)));
        Assert.Equal(ExitCodes.BadInput, Command.Run("convert", LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"), output, "--ema", "--force").Code);
    }

    [Theory]
    [InlineData("sd1", "fp16")]
    [InlineData("sd2", "fp16")]
    public void NamesAreTheInverseOfTheLibrarys(string area, string precision)
    {
        using var checkpoint = Checkpoint.Open(LoadedModel.Path(area, $"model.{precision}.safetensors", config: null));
        var (unet, autoencoder) = (UNetNames.Original(checkpoint.UNet), AutoencoderNames.Original(checkpoint.Autoencoder!));
        foreach (var (name, slot) in checkpoint.UNetTensors.Slots)
            Assert.Equal(slot.Key, "model.diffusion_model." + unet.Stored(name).Name);
        foreach (var (name, slot) in checkpoint.AutoencoderTensors.Slots)
            Assert.Equal(slot.Key, "first_stage_model." + autoencoder.Stored(name).Name);
    }

    [Fact]
    public void NothingIsReplacedUnlessForced()
    {
        var (input, output) = (Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"), _folder.Write("out.safetensors", []));
        Assert.Equal(ExitCodes.BadInput, Command.Run("convert", input, output).Code);
        Assert.Equal(ExitCodes.BadInput, Command.Run("convert", output, output, "--force").Code);
        Assert.Equal(ExitCodes.Ok, Command.Run("convert", input, output, "--force", "-q").Code);
    }
}
