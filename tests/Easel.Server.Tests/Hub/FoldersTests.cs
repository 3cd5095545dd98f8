using System.Text.Json;
using Easel.Hub;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Hub;

/// <summary>Guards that models of each kind are found where AUTOMATIC1111, ComfyUI and people's own habits keep them.</summary>
public sealed class FoldersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_folder_of_AUTOMATIC1111_is_known()
    {
        Put("webui/webui.py", "webui/models/Stable-diffusion/dream.safetensors", "webui/models/Lora/ink.safetensors", "webui/models/LyCORIS/oil.safetensors",
            "webui/models/VAE/dream.safetensors", "webui/models/VAE/anything.vae.pt", "webui/models/ControlNet/canny.pth", "webui/models/ESRGAN/4x-sharp.pth",
            "webui/models/GFPGAN/GFPGANv1.4.pth", "webui/models/hypernetworks/old.pt", "webui/embeddings/bad.pt", "webui/venv/lib/weights.safetensors");
        var folders = new ModelFolders([At("webui")]);
        Assert.Equal([At("webui/models/Lora"), At("webui/models/LyCORIS")], folders.Of(ModelPurpose.Lora));
        Assert.Equal([At("webui/embeddings")], folders.Of(ModelPurpose.Embedding));
        Assert.Equal([At("webui/models/ControlNet")], folders.Of(ModelPurpose.Control));
        Assert.Equal(At("webui/models/Stable-diffusion/dream.safetensors"), folders.Find("dream"));
        Assert.Equal(At("webui/models/VAE/dream.safetensors"), folders.Find("dream", ModelPurpose.Vae));
        Assert.Equal(At("webui/models/VAE/anything.vae.pt"), folders.Find("anything", ModelPurpose.Vae));
        Assert.Equal(At("webui/models/ESRGAN/4x-sharp.pth"), folders.Find("4x-sharp", ModelPurpose.Upscaler));
        Assert.Throws<UnknownModelException>(() => folders.Find("weights")); // Python's own files are no models
        Assert.Equal(At("webui/models/GFPGAN/GFPGANv1.4.pth"), folders.Find("GFPGANv1.4", ModelPurpose.FaceRestorer));
        Assert.Throws<UnknownModelException>(() => folders.Find("old"));
    }

    /// <summary>Either of a program's folders leads to the others beside it.</summary>
    [Theory]
    [InlineData("webui/models")]
    [InlineData("webui/models/Stable-diffusion")]
    public void What_lies_beside_the_models_is_known(string place)
    {
        Put("webui/models/Stable-diffusion/dream.safetensors", "webui/models/Lora/ink.safetensors", "webui/models/VAE/kl.safetensors",
            "webui/embeddings/bad.pt");
        var folders = new ModelFolders([At(place)]);
        Assert.Equal([At("webui/models/Lora")], folders.Of(ModelPurpose.Lora));
        Assert.Equal([At("webui/embeddings")], folders.Of(ModelPurpose.Embedding));
        Assert.Equal(At("webui/models/VAE/kl.safetensors"), folders.Find("kl.safetensors", ModelPurpose.Vae));
        Assert.Equal(At("webui/models/Stable-diffusion/dream.safetensors"), folders.Find("DREAM"));
    }

    /// <summary>Embeddings of language models, say, are often beside a folder of models that has nothing to do with pictures.</summary>
    [Fact]
    public void A_folder_of_embeddings_beside_other_models_is_somebody_elses()
    {
        Put("models/a.safetensors", "embeddings/glove.bin");
        Assert.Empty(new ModelFolders([At("models")]).Of(ModelPurpose.Embedding));
    }

    [Fact]
    public void The_folder_of_ComfyUI_and_its_extra_paths_are_known()
    {
        Put("comfy/custom_nodes/x/y.py", "comfy/models/checkpoints/one.safetensors", "comfy/models/unet/put_unet_files_here",
            "comfy/models/loras/ink.safetensors", "comfy/models/vae/kl/diffusion_pytorch_model.safetensors", "other/ckpt/two.safetensors",
            "other/extra/three.safetensors", "other/style/oil.safetensors", "other/up/4x.pth", "abs/ctl/canny.pth");
        File.WriteAllText(At("comfy/extra_model_paths.yaml"), $"""
            # as its example has it
            other:
                base_path: ../other/
                checkpoints: |
                    ckpt
                    extra
                loras: style
                upscale_models: "up"
                made_up_key: nowhere
            unused:
            mine:
                is_default: true
                controlnet: {At("abs/ctl")}
            """);
        var folders = new ModelFolders([At("comfy")]);
        Assert.Equal([At("comfy/models/loras"), At("other/style")], folders.Of(ModelPurpose.Lora));
        Assert.Equal([At("abs/ctl")], folders.Of(ModelPurpose.Control));
        foreach (var (name, path) in new[] { ("one", "comfy/models/checkpoints/one"), ("two", "other/ckpt/two"), ("three", "other/extra/three") })
            Assert.Equal(At(path + ".safetensors"), folders.Find(name));
        Assert.Equal(At("other/up/4x.pth"), folders.Find("4x", ModelPurpose.Upscaler));
        Assert.Equal(At("comfy/models/vae/kl/diffusion_pytorch_model.safetensors"), folders.Find("kl", ModelPurpose.Vae));
        Assert.Equal(At("other/ckpt/two.safetensors"), new ModelFolders([At("comfy/extra_model_paths.yaml")]).Find("two"));
    }

    [Theory]
    [InlineData("a:\n  base_path: x\n  loras: |\n    one\n\n    two\n", "x/one|x/two")]
    [InlineData("a:\n  loras: [one, two]\n", "one|two")]
    [InlineData("a:\n  loras: one\nb:\n  is_default: yes\n  loras: two\n", "two|one")]
    [InlineData("a:\n  base_path: ${EASEL_TEST_FOLDER}/x\n  loras: one\n", "v/x/one")]
    [InlineData("a:\n  base_path: $EASEL_TEST_NONE/x\n  loras: one\n", "$EASEL_TEST_NONE/x/one")]
    [InlineData("# nothing\n", "")]
    [InlineData("a:\nb: ~\n", "")]
    public void Extra_paths_are_read_as_ComfyUI_reads_them(string text, string paths)
    {
        Environment.SetEnvironmentVariable("EASEL_TEST_FOLDER", At("v"));
        File.WriteAllText(At("extra.yaml"), text);
        Assert.Equal(paths.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(At), ExtraModelPaths.Read(At("extra.yaml")).Select(path => path.Path));
    }

    [Theory]
    [InlineData("- a\n- b\n", "line 1")]
    [InlineData("a:\n  loras:\n    x: y\n", "line 3")]
    [InlineData("a: [1, 2]\n", "a must hold keys and folders")]
    [InlineData("a:\n  loras: \"one\n", "extra.yaml")]
    public void What_is_wrong_with_extra_paths_is_told(string text, string says)
    {
        File.WriteAllText(At("extra.yaml"), text);
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => ExtraModelPaths.Read(At("extra.yaml"))).Message);
    }

    /// <summary>A model of the list is there when it was fetched at its revision, or at another by some program, or put into a folder: one rule for all who
    /// ask.</summary>
    [Fact]
    public void A_known_model_is_known_wherever_it_came_from()
    {
        var taesd = KnownModels.Find("taesd")!;
        var snapshot = $"hub/models--madebyollin--taesd/snapshots/{new string('a', 40)}";
        Put($"{snapshot}/config.json");
        Assert.Null(new ModelFolders([At("hub")]).PathOf(taesd));
        Put($"{snapshot}/taesd_decoder.safetensors");
        Assert.Equal(At($"{snapshot}/taesd_decoder.safetensors"), new ModelFolders([At("hub")]).PathOf(taesd));
        Put("models/VAE-approx/taesd_decoder.safetensors", "models/v1-5-pruned-emaonly.safetensors");
        var own = new ModelFolders([At("models")]);
        Assert.Equal(At("models/VAE-approx/taesd_decoder.safetensors"), own.Find("taesd", ModelPurpose.Vae));
        Assert.Null(own.PathOf(KnownModels.Find("sd15")!)); // of that name, but not of that size
        Assert.Contains("easel pull sd15", Assert.Throws<UnknownModelException>(() => own.Find("sd15")).Message);
    }

    [Fact]
    public void A_fetched_LoRA_is_called_by_the_name_of_its_repository()
    {
        var snapshot = $"hub/models--latent-consistency--lcm-lora-sdv1-5/snapshots/{new string('b', 40)}";
        Put($"{snapshot}/pytorch_lora_weights.safetensors", "hub/models--org--pipe/snapshots/c/model_index.json");
        var folders = new ModelFolders([At("hub")]);
        Assert.Equal([At(snapshot)], folders.Of(ModelPurpose.Lora));
        Assert.Equal("lcm-lora-sdv1-5", Assert.Single(ModelFile.LorasIn(folders.Of(ModelPurpose.Lora))).Key);
        Assert.Equal(At("hub/models--org--pipe/snapshots/c"), folders.Find("org/pipe"));
    }

    /// <summary>All files of the layout have one name, so that the repository's counts; one that has a name of its own is called by it.</summary>
    [Fact]
    public void A_fetched_ControlNet_is_called_by_its_own_name_or_that_of_its_repository()
    {
        Put($"hub/models--xinsir--controlnet-union-sdxl-1.0/snapshots/{new string('b', 40)}/diffusion_pytorch_model.fp16.safetensors");
        var lineart = KnownModels.Find("control_v11p_sd15_lineart_fp16")!;
        Put($"hub/models--{lineart.Selection.Repository.Replace("/", "--")}/snapshots/{new string('c', 40)}/{lineart.Selection.Files[0].Path}");
        var folders = new ModelFolders([At("hub")]);
        Assert.Equal(["controlnet-union-sdxl-1.0", "control_v11p_sd15_lineart_fp16"],
            ModelFile.ControlsIn(folders.Of(ModelPurpose.Control)).Select(network => network.Key));
        Assert.NotNull(folders.PathOf(lineart));
        Assert.Null(folders.PathOf(KnownModels.Find("control_v11p_sd15_canny_fp16")!)); // of the same repository, but not fetched
    }

    /// <summary>A clone has beside the program what it has in its folder of models.</summary>
    [Fact]
    public void What_comes_with_Easel_is_listed_once()
    {
        Assert.SkipUnless(BuiltInModel.Exists, "this build has no Sketch");
        Directory.CreateDirectory(At("models"));
        File.Copy(BuiltInModel.Path, At("models/sketch.safetensors"));
        Assert.Equal(BuiltInModel.Path, Assert.Single(new ModelFolders([At("models")]).All(), model => model.Name == "sketch").Path);
        File.WriteAllText(At("models/sketch.safetensors"), "another");
        Assert.Equal(At("models/sketch.safetensors"), new ModelFolders([At("models")]).Find("sketch"));
    }

    [Fact]
    public async Task A_server_has_what_lies_in_the_folders_of_its_models()
    {
        foreach (var (from, to) in new[]
        {
            ("layouts/lora-kohya.fp16.safetensors", "models/Lora/people/style.safetensors"), ("layouts/my-style.a1111.pt", "models/embeddings/My-Style.pt"),
            ("layouts/diffusers-sd1-micro/vae/diffusion_pytorch_model.safetensors", "models/VAE/kl.safetensors"),
            ("upscalers/compact-x2.wrapped.pth", "models/ESRGAN/sharp.pth"),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(to))!);
            File.Copy(Goldens.Path(from), At(to));
        }
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [RunningServer.Model, At("models")] });
        var list = await server.Get("api/models");
        Assert.Equal("style", Assert.Single(list.GetProperty("loras").EnumerateArray()).GetString());
        Assert.Equal("My-Style", Assert.Single(list.GetProperty("embeddings").EnumerateArray()).GetString());
        Assert.Equal([(RunningServer.ModelName, "checkpoint"), ("kl", "vae"), ("sharp", "upscaler")], list.GetProperty("models").EnumerateArray()
            .Select(model => (model.GetProperty("name").GetString()!, model.GetProperty("use").GetString()!)));
        Assert.Equal("style", Assert.Single((await server.Get("sdapi/v1/loras")).EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Object, (await server.Get("sdapi/v1/embeddings")).GetProperty("loaded").GetProperty("My-Style").ValueKind);
    }

    private string At(string path) => _folder.Path(path.Split('/'));

    private void Put(params string[] paths)
    {
        foreach (var path in paths)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
            File.WriteAllText(At(path), "");
        }
    }
}
