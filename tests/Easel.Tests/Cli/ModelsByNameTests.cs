using Easel.Cli;
using Easel.Cli.Runs;
using Easel.Tests.Weights;

namespace Easel.Tests.Cli;

/// <summary>Guards that the command line finds files of every kind by name among the models, and that what is named goes before.</summary>
public sealed class ModelsByNameTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ModelsByNameTests()
    {
        foreach (var path in (string[])["ui/webui.py", "ui/models/Stable-diffusion/dream.ckpt", "ui/models/Lora/ink.safetensors", "ui/models/VAE/kl.pt",
            "ui/models/VAE-approx/taesd_decoder.safetensors", "ui/models/text_encoder/clip.safetensors", "ui/models/ESRGAN/4x-sharp.pth",
            "ui/models/ControlNet/canny.pth", "ui/embeddings/bad.pt", "own/oil.safetensors"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
            File.WriteAllText(At(path), "");
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_are_named_in_place_of_their_paths()
    {
        var asked = new LoadOptions { Vae = "kl", TinyVae = "taesd", TextEncoder = "clip.safetensors" };
        var options = ModelChoice.Options(asked, Shell());
        Assert.Equal((At("ui/models/VAE/kl.pt"), At("ui/models/VAE-approx/taesd_decoder.safetensors"), At("ui/models/text_encoder/clip.safetensors")),
            (options.Vae, options.TinyVae, options.TextEncoder));
        Assert.Equal([At("ui/models/Lora")], options.LoraFolders);
        Assert.Equal([At("ui/embeddings")], options.EmbeddingFolders);
        Assert.Equal([At("ui/models/ControlNet")], options.ControlFolders);
        Assert.Equal(At("ui/models/Stable-diffusion/dream.ckpt"), ModelChoice.Find("dream", Shell()));
        Assert.Equal(At("ui/models/ESRGAN/4x-sharp.pth"), ModelChoice.FindUpscaler("4x-sharp.pth", null, Shell()));
        Assert.Contains("autoencoder at kx", Assert.Throws<Easel.Hub.UnknownModelException>(() =>
            ModelChoice.Options(new LoadOptions { Vae = "kx" }, Shell())).Message);
        Assert.Contains("no autoencoder at kx.pt", Assert.Throws<UsageException>(() =>
            ModelChoice.Options(new LoadOptions { Vae = "kx.pt" }, Shell())).Message);
    }

    [Fact]
    public void Folders_that_are_named_take_the_place_of_those_that_are_found()
    {
        Assert.Equal([At("own")], ModelChoice.Options(new LoadOptions { LoraFolders = [At("own")] }, Shell()).LoraFolders);
        var both = string.Join(Path.PathSeparator, At("own"), At("ui"));
        Assert.Equal([At("own"), At("ui")], ModelChoice.Options(new LoadOptions(), Shell(("EASEL_LORAS", both))).LoraFolders);
        Assert.Equal([At("ui/models/Lora")], ModelChoice.Options(new LoadOptions(), Shell(), [At("ui/models")]).LoraFolders);
        Assert.Contains("which EASEL_LORAS names",
            Assert.Throws<UsageException>(() => ModelChoice.Options(new LoadOptions(), Shell(("EASEL_LORAS", At("nowhere"))))).Message);
    }

    [Fact]
    public void What_comes_with_Easel_is_not_deleted()
    {
        Assert.SkipUnless(BuiltInModel.Exists, "this build has no Sketch");
        var (code, _, error) = Command.Run(Shell(), "models", "rm", "sketch");
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("comes with Easel", error);
        Assert.True(BuiltInModel.Exists);
    }

    private string At(string path) => _folder.Path(path.Split('/'));

    private Shell Shell(params (string Name, string Value)[] more)
    {
        var variables = more.ToDictionary(pair => pair.Name, pair => pair.Value);
        (variables["EASEL_MODELS"], variables["HF_HUB_CACHE"]) = (At("ui"), At("no-cache"));
        return Command.Shell(variables: variables);
    }
}
