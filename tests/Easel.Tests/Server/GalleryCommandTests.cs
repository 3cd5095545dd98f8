using Easel.Imaging;
using Easel.Tests.Weights;

namespace Easel.Tests.Server;

/// <summary>Guards what <c>easel gallery rebuild</c> says.</summary>
public sealed class GalleryCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TellsWhatWasFoundAndWhatCouldNotBeRead()
    {
        Directory.CreateDirectory(_folder.Path("pictures", ".easel"));
        File.WriteAllText(_folder.Path("pictures", ".easel", "easel.db"), "rubbish");
        foreach (var name in (string[])["photo.jpg", "other.png"]) ImageFile.Save(_folder.Path("pictures", name), new RgbImage(64, 64));
        File.WriteAllText(_folder.Path("pictures", "broken.png"), "no picture");
        var (code, output, error) = Cli.Command.Run("gallery", "rebuild", "--output", _folder.Path("pictures"));
        Assert.Equal((0, "2 pictures"), (code, output.Trim()));
        Assert.Contains("broken.png", error);
        Assert.Contains("the damaged database is now", error);
    }

    [Fact]
    public void WhereThereIsNothing()
    {
        var (code, _, error) = Cli.Command.Run("gallery", "rebuild", "--output", _folder.Path("nowhere"));
        Assert.Equal(1, code);
        Assert.Contains("There is no folder", error);
    }
}
