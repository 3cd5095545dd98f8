using Easel.Cli;
using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Imaging;
using Easel.Tests.Weights;

namespace Easel.Tests.Cli;

/// <summary>Guards the names of files: those that the original scripts give, and that nothing is ever written over.</summary>
public sealed class OutputFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ScriptsCountOnFromWhatIsThere()
    {
        var files = Files("txt2img x --plms");
        Assert.Equal("samples/00000.png", Save(files));
        Assert.Equal("samples/00001.png", Save(files));
        Assert.Equal("grid-0000.png", Relative(files.SaveGrid(Picture(), null)));
        Assert.Equal("samples/00002.png", Save(Files("txt2img x --plms")));
        Assert.Equal("grid-0001.png", Relative(Files("txt2img x --plms").SaveGrid(Picture(), null)));

        // With a gap the count comes upon a name that is taken, and goes past it.
        File.Delete(_folder.Path("samples", "00000.png"));
        Assert.Equal("samples/00003.png", Save(Files("txt2img x --plms")));
    }

    [Fact]
    public void OwnNamesTellNumberSeedAndPrompt()
    {
        var files = Files("x");
        Assert.Equal("00000-42-a-cat-on-a-mat.png", Save(files, "A cat, on a mat!"));
        Assert.Equal("00001-7.png", Save(files, "../..", seed: 7));
        File.WriteAllText(_folder.Path("00041-1-other.jpg"), "");
        Assert.Equal("00042-42-x.webp", Save(Files("x --format webp")));
        Assert.Equal("grid-0000.png", Relative(Files("x").SaveGrid(Picture(), null)));
    }

    [Fact]
    public void OptimizedNamesAFolderForEachPrompt()
    {
        var files = Files("optimized_txt2img x");
        Assert.Equal("hello_world/seed_42_00000.png", Save(files, "hello world"));
        Assert.Equal("a-b_c/seed_42_00000.png", Save(files, "a/b:c"));
        Assert.Equal("hello_world/seed_43_00001.png", Save(files, "hello world", seed: 43));
        Assert.StartsWith("_/", Save(files, ".."));
    }

    [Fact]
    public void NamedFileAndItsFollowers()
    {
        var files = Files($"x -o {_folder.Path("new", "cat.jpg")} --grid");
        Assert.Equal("new/cat.jpg", Save(files, place: 0));
        Assert.Equal("new/cat-2.jpg", Save(files, place: 1));
        Assert.Equal("new/cat-grid.jpg", Relative(files.SaveGrid(Picture(), null)));
        Assert.Equal("new/dog.png", Save(Files($"x -o {_folder.Path("new", "dog")}")));
    }

    [Fact]
    public void NothingIsWrittenOverUnlessForced()
    {
        var name = _folder.Path("cat.png");
        Save(Files($"x -o {name}"));
        var error = Assert.Throws<UsageException>(() => Files($"x -o {name}"));
        Assert.Contains("--force", error.Message);
        Save(Files($"x -o {name} --force"));

        File.WriteAllText(_folder.Path("two-2.png"), "");
        Assert.Throws<UsageException>(() => Prepared(Command.ReadLine($"easel x -o {_folder.Path("two.png")}"), pictures: 2));
    }

    [Theory]
    [InlineData("x -o cat.bmp", ".png")]
    [InlineData("x -o cat.png --format webp", "disagree")]
    [InlineData("x --quality 0", "1 to 100")]
    public void NamesThatCannotBe(string line, string told)
    {
        var settings = Command.ReadLine("easel " + line);
        Assert.Contains(told, Assert.Throws<UsageException>(() => new OutputFiles(settings, Profile.For(settings))).Message);
    }

    [Fact]
    public void AFolderThatCannotBeWrittenIsFoundAtOnce()
    {
        var file = _folder.Write("file", []);
        Assert.Contains(file, Assert.Throws<UsageException>(() => Prepared(Command.ReadLine($"easel x --outdir {file}"), 1)).Message);
        Assert.Contains("folder", Assert.Throws<UsageException>(() => Prepared(Command.ReadLine($"easel x -o {Path.GetDirectoryName(file)}"), 1)).Message);
    }

    [Fact]
    public void AFolderThatNothingCameIntoGoesWithTheRun()
    {
        var there = Directory.CreateDirectory(_folder.Path("there")).FullName;
        var deep = Path.Combine(there, "a", "b");
        Prepared(Command.ReadLine($"easel x --outdir {deep}"), 1).Dispose();
        Assert.Empty(Directory.EnumerateFileSystemEntries(there));

        var files = Prepared(Command.ReadLine($"easel x --outdir {deep}"), 1);
        Save(files);
        files.Dispose();
        Assert.Single(Directory.EnumerateFiles(deep));
    }

    private OutputFiles Files(string line)
    {
        var settings = Command.ReadLine("easel " + line);
        return Prepared(settings.Output is null ? settings with { OutputFolder = _folder.Path() } : settings, 1);
    }

    private static OutputFiles Prepared(DrawSettings settings, int pictures)
    {
        var files = new OutputFiles(settings, Profile.For(settings));
        files.Prepare(pictures);
        return files;
    }

    private string Save(OutputFiles files, string prompt = "x", long seed = 42, int place = 0) =>
        Relative(files.Save(new GeneratedImage(Picture(), new GenerationRequest(), prompt, seed, place, false), null, place));

    private string Relative(string path) => Path.GetRelativePath(_folder.Path(), path).Replace('\\', '/');

    private static RgbImage Picture() => new(8, 8);
}
