using Easel.Tests.Support;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that a model file which another program changes under our hands ends in a sentence: neither in the end of the process nor in weights that
/// are
/// half of the one file and half of the other.</summary>
public sealed class ChangedFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Copy(string golden)
    {
        var path = _folder.Path(Path.GetFileName(golden));
        File.Copy(Goldens.Path(golden), path, overwrite: true);
        return path;
    }

    [Theory]
    [InlineData("malicious/st_ok.safetensors")]
    [InlineData("malicious/benign_ok.ckpt")]
    public void CutShortWhileItIsOpen(string golden)
    {
        var path = Copy(golden);
        using var file = TensorFile.Open(path);
        using (var writer = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) writer.SetLength(8);
        Assert.True(file.IsOutdated);
        var refusal = Assert.Throws<CheckpointException>(() => file.View(file.Tensors.Keys.First()));
        Assert.Matches("was (cut short|changed) while it was read", refusal.Message);
    }

    [Fact]
    public void WrittenOverWhileItIsOpen()
    {
        var path = Copy("malicious/st_ok.safetensors");
        using var file = TensorFile.Open(path);
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        using (var writer = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) writer.Write(bytes);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5)); // clocks of file systems are coarse
        Assert.Contains("was changed while it was read", Assert.Throws<CheckpointException>(() => file.View("w")).Message);
    }

    [Fact]
    public void ReplacedWhileItIsOpenItIsStillTheOldOne()
    {
        var path = Copy("malicious/st_ok.safetensors");
        using var file = TensorFile.Open(path);
        var other = _folder.Path("other");
        File.WriteAllText(other, "another file altogether, as long as it likes to be");
        File.Move(other, path, overwrite: true);
        Assert.True(file.IsOutdated);
        Assert.Equal([1f, 2f, 3f, 4f], file.View("w").data<float>().ToArray());
    }

    [Fact]
    public void PartsOfATensorAreReadByThemselves()
    {
        var path = _folder.Path("parts.safetensors");
        using var whole = arange(24, ScalarType.Float32).reshape(6, 4);
        SafeTensorsWriter.Write(path, new Dictionary<string, Tensor> { ["w"] = whole });
        using var file = TensorFile.Open(path);
        for (var part = 0; part < 3; part++)
            Assert.Equal(Enumerable.Range(8 * part, 8).Select(number => (float)number), file.View("w", part, 3).data<float>().ToArray());
    }
}
