using Easel.Cli.Runs;
using Easel.Imaging;

namespace Easel.Tests.Cli;

/// <summary>Guards the rule by which a line means what it means in the original scripts, and that every flag is known in all its spellings.</summary>
public sealed class ProfileTests
{
    [Theory]
    [InlineData("easel txt2img x --plms")]
    [InlineData("easel txt2img x --dpm_solver")]
    [InlineData("easel txt2img x --dpm-solver")]
    [InlineData("easel txt2img x --dpm")]
    [InlineData("easel txt2img x --ddim_steps 5")]
    [InlineData("easel txt2img x --ddim-steps 5")]
    [InlineData("easel txt2img x --ddim_eta 0.5")]
    [InlineData("easel txt2img x --n_samples 2")]
    [InlineData("easel txt2img x --n-iter 2")]
    [InlineData("easel txt2img x --n_rows 2")]
    [InlineData("easel txt2img x --H 64")]
    [InlineData("easel txt2img x --W 64")]
    [InlineData("easel txt2img x --C 4")]
    [InlineData("easel txt2img x --f 8")]
    [InlineData("easel txt2img x --scale 5")]
    [InlineData("easel txt2img x --fixed_code")]
    [InlineData("easel txt2img x --skip_grid")]
    [InlineData("easel txt2img x --skip-save")]
    [InlineData("easel txt2img x --torchscript")]
    [InlineData("easel txt2img x --unet_bs 1")]
    [InlineData("easel txt2img --from-file f --repeat 2")]
    [InlineData("easel txt2img x --like compvis")]
    [InlineData("easel img2img x --ckpt m.ckpt --init_img b.png")]
    [InlineData("easel inpaint x.yaml m.ckpt")]
    public void ScriptsAreFollowedWhenTheirWordsAreUsed(string line) => Assert.True(Command.ReadLine(line).IsScript);

    [Theory]
    [InlineData("easel \"a cat\" --steps 5 --width 64 --height 64 --cfg 5 --count 2 --batch 2 --seed 1")]
    [InlineData("easel txt2img x -W 64 -H 64 --eta 0.5 --sampler ddim --ckpt m.ckpt --outdir o --precision full --config c.yaml")]
    [InlineData("easel img2img x --init-img b.png --strength 0.5")]
    [InlineData("easel txt2img x --like a1111-gpu")]
    [InlineData("easel draw -- --plms")]
    public void OthersKeepToEaselsOwnWays(string line) => Assert.False(Command.ReadLine(line).IsScript);

    [Fact]
    public void EveryFlagOfTheScriptsIsRead()
    {
        var settings = Command.ReadLine("easel txt2img --prompt \"a b\" --outdir o --skip_grid --skip_save --ddim_steps 7 --plms --fixed_code --ddim_eta 0.5"
            + " --n_iter 4 --H 64 --W 128 --C 4 --f 8 --n_samples 5 --n_rows 6 --scale 3.5 --config c.yaml --ckpt m.ckpt --seed 7 --precision full"
            + " --device cuda:1 --strength 0.25 --init-img i.png");
        var request = RequestBuilder.Turned(new GenerationRequest(), settings, new Inputs(null, null, null, null));
        Assert.Equal(("a b", "o", true, true, 7), (settings.Prompt, settings.OutputFolder, settings.SkipGrid, settings.SkipSave, request.Steps));
        Assert.Equal(("plms", true, 0.5, 4, 64, 128), (request.Sampler, request.FixedCode, request.Eta, request.BatchCount, request.Height, request.Width));
        Assert.Equal((4, 8, 5, 6, 3.5), (settings.Claimed.Channels, settings.Claimed.Factor, request.BatchSize, settings.Rows, request.GuidanceScale));
        Assert.Equal(("c.yaml", "m.ckpt", 7L, Precision.Full), (settings.Load.Config, settings.Model, request.Seed, settings.Load.Precision));
        Assert.Equal(("cuda:1", 0.25, "i.png"), (settings.Load.Device, request.Strength, settings.Init));
    }

    [Fact]
    public void EveryNaturalFlagIsRead()
    {
        var settings = Command.ReadLine("easel draw -p \"a b\" -n bad -m m --steps 7 -W 64 -H 128 --cfg 3 --sampler euler --schedule karras --count 3 --batch 2"
            + " -s 9 --like per-picture -o o.png --outdir d --format webp --quality 80 -i i.png --strength 0.5 --mask m.png --mask-blur 2 --invert-mask"
            + " --fill noise --only-masked --padding 8 --extend left=1,bottom=2 --depth d.png --noise-level 30 --clip-skip 2 --literal --fit pad --eta 0.1"
            + " --precision bf16 --device cpu --config c --vae v --prediction v --ema"
            + " --no-watermark --no-metadata --show -q --json --force --grid --lora-dir l --embeddings-dir e --tiny-vae t --depth-model dm");
        var request = RequestBuilder.Turned(new GenerationRequest(), settings, new Inputs(null, null, null, null));
        Assert.Equal(("a b", "bad", "m", 7, 64, 128, 3.0),
            (settings.Prompt, request.NegativePrompt, settings.Model, request.Steps, request.Width, request.Height, request.GuidanceScale));
        Assert.Equal(("euler", "karras", 3, 2, 9L), (request.Sampler, request.Schedule, settings.Count, request.BatchSize, request.Seed));
        Assert.Equal((NoiseLike.PerPicture, "o.png", "d", ImageFormat.WebP, 80),
            (request.Like, settings.Output, settings.OutputFolder, settings.Format, settings.Quality));
        Assert.Equal(("i.png", 0.5, "m.png", 2.0, true), (settings.Init, request.Strength, settings.Mask, request.MaskBlur, request.InvertMask));
        Assert.Equal((MaskFill.Noise, true, 8, new Margins(1, 0, 0, 2)), (request.Fill, request.OnlyMasked, request.OnlyMaskedPadding, request.Extend));
        Assert.Equal(("d.png", 30, 2, true, ImageFit.Pad, 0.1),
            (settings.Depth, request.NoiseLevel, request.ClipSkip, request.Literal, request.Fit, request.Eta));
        Assert.Equal((Precision.BFloat16, "cpu", "c", "v", PredictionType.V, true),
            (settings.Load.Precision, settings.Load.Device, settings.Load.Config, settings.Load.Vae, settings.Load.Prediction, settings.Load.Ema));
        Assert.Equal((false, true, true, true, true, true, true),
            (request.Watermark, settings.NoMetadata, settings.Show, settings.Quiet, settings.Json, settings.Force, settings.Grid));
        Assert.Equal(("l", "e", "t", "dm"), (settings.Load.LoraFolders.Single(), settings.Load.EmbeddingFolders.Single(), settings.Load.TinyVae,
            settings.Load.DepthModel));
    }

    [Theory]
    [InlineData("--precision autocast", Precision.Auto)]
    [InlineData("--precision auto", Precision.Auto)]
    [InlineData("--precision fp16", Precision.Float16)]
    [InlineData("--bf16", Precision.BFloat16)]
    [InlineData("--precision full --precision bf16", Precision.BFloat16)] // the last one counts, as in argparse
    public void Precisions(string flags, Precision expected) => Assert.Equal(expected, Command.ReadLine("easel txt2img x " + flags).Load.Precision);

    [Theory]
    [InlineData("--seed 0", 0L)]
    [InlineData("--seed -5", -5L)]
    [InlineData("--seed -1", null)]
    [InlineData("--seed random", null)]
    public void Seeds(string flags, long? expected)
    {
        var request = Command.Request("easel txt2img x --plms " + flags);
        Assert.Equal(expected, request.Seed);
    }

    [Theory]
    [InlineData("easel \"a cat\" --count 5", 5, 1, 5)]
    [InlineData("easel \"a cat\" --count 6 --batch 2", 6, 2, 3)]
    [InlineData("easel \"a cat\" --count 5 --batch 2", 5, 2, 1)] // the last batch is a smaller one
    [InlineData("easel \"a cat\" --batch 4", 4, 4, 1)]
    [InlineData("easel txt2img \"a cat\" --n_samples 2 --n_iter 3", 6, 2, 3)]
    [InlineData("easel txt2img \"a cat\" --like compvis --count 4", 4, 3, 1)]
    public void CountsOfPictures(string line, int pictures, int atOnce, int batches)
    {
        var request = Command.Request(line);
        Assert.Equal(pictures, Batch.Of(request).Sum(batch => batch.Prompts.Count));
        Assert.Equal((atOnce, batches), (request.BatchSize, request.BatchCount));
        Assert.All(request.Prompts, prompt => Assert.Equal("a cat", prompt));
    }

    [Fact]
    public void PromptsOfAFileFillTheBatches()
    {
        Assert.Equal(["a,b", "c"], Batches("easel txt2img --from-file f --n_samples 2 --n_iter 1"));
        Assert.Equal(["a,a", "b,b", "c,c"], Batches("easel txt2img --from-file f --repeat 2 --n_samples 2 --n_iter 1"));
        Assert.Equal(["a", "b", "c"], Batches("easel --from-file f"));
        Assert.Equal(["a", "a", "b", "b", "c", "c"], Batches("easel --from-file f --count 2"));
        Assert.Equal(["a,a", "b,b", "c,c"], Batches("easel optimized_txt2img --from-file f --n_samples 2"));

        static IEnumerable<string> Batches(string line) =>
            Batch.Of(Command.Request(line, prompts: ["a", "b", "c"])).Select(batch => string.Join(',', batch.Prompts));
    }

    [Fact]
    public void ArticlesLines()
    {
        var hello = Command.Request("easel txt2img --prompt \"hello world\" --plms --ckpt sd-v1-4.ckpt --skip_grid --n_samples 1");
        Assert.Equal(("hello world", "plms", 1, 2, 42L), (hello.Prompt, hello.Sampler, hello.BatchSize, hello.BatchCount, hello.Seed));

        var optimized = Command.Request("easel optimized_txt2img --prompt \"hello world\" --ckpt sd-v1-4.ckpt --skip_grid --n_samples 1");
        Assert.Equal(("hello world", 1, 1), (optimized.Prompt, optimized.BatchSize, optimized.BatchCount));

        var bird = Command.Request("easel img2img --prompt \"A bird is sitting on a tree branch\" --ckpt sd-v1-4.ckpt --init-img bird.png --strength 0.8");
        Assert.Equal(("A bird is sitting on a tree branch", 0.8, 2, 1, 5.0, NoiseLike.CompVis),
            (bird.Prompt, bird.Strength, bird.BatchSize, bird.BatchCount, bird.GuidanceScale, bird.Like));

        var upscaler = Command.ReadLine("easel superresolution configs/stable-diffusion/x4-upscaling.yaml x4-upscaler-ema.ckpt");
        Assert.Equal(("configs/stable-diffusion/x4-upscaling.yaml", "x4-upscaler-ema.ckpt", null), (upscaler.Load.Config, upscaler.Model, upscaler.Prompt));
    }

    [Theory]
    [InlineData("[cat|dog] in the rain")]
    [InlineData("[cat|dog]")]
    [InlineData("@me")]
    [InlineData("a (red:1.3) hat, 50% \"quoted\"")]
    [InlineData("")]
    public void PromptsAreTakenAsTheyStand(string prompt)
    {
        Assert.Equal(prompt, Command.Read("txt2img", prompt).Prompt);
        Assert.Equal(prompt, Command.Read("--prompt", prompt).Prompt);
        if (prompt.Length > 0) Assert.Equal(prompt, Command.Read(prompt).Prompt);
    }
}
