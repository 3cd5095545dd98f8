using System.CommandLine;
using Easel.Imaging;
using Easel.Sampling;

namespace Easel.Cli.Options;

/// <summary>Options that belong together in the help.</summary>
internal sealed record FlagGroup(string Title, params Option[] Options);

/// <summary>Every option of the commands that draw: those people would look for, and those of the original scripts beside them.</summary>
internal sealed class DrawFlags
{
    // What to draw
    public readonly Option<string?> Prompt = Flags.Text("TEXT", "what to draw; may also stand alone, without --prompt", "--prompt", "-p");
    public readonly Option<string?> Negative = Flags.Text("TEXT", "what not to draw", "--negative", "-n", "--negative-prompt");
    public readonly Option<string?> FromFile = Flags.Text("FILE", "a text file with one prompt per line; - is standard input", "--from-file");
    public readonly Option<int?> Repeat = Flags.Whole("draw each prompt of --from-file so often", "--repeat");
    public readonly Option<bool?> Literal = Flags.Toggle("take the prompt as it stands: no (weights), cut at 75 tokens", "--literal");
    public readonly Option<int?> ClipSkip = Flags.Whole("stop the text encoder so many layers before its end; 1 is none (default 1)", "--clip-skip");

    // Model
    public readonly Option<string?> Model = Flags.Text("FILE", "the checkpoint or diffusers folder (default $EASEL_MODEL, else the small one inside)", "--model", "-m", "--ckpt");
    public readonly Option<string?> Config = Flags.Text("FILE", "the original YAML configuration; hardly ever needed", "--config");
    public readonly Option<string?> Vae = Flags.Text("FILE", "another autoencoder", "--vae");
    public readonly Option<string?> TinyVae = Flags.Text("FILE", "the tiny autoencoder (TAESD) to decode with: faster, a little coarser",
        "--tiny-vae", "--taesd");
    public readonly Option<string?> DepthModel = Flags.Text("FILE", "the depth estimator (MiDaS) for a depth model that lacks it", "--depth-model");
    public readonly Option<string?> Loras = Flags.Text("DIR", "LoRAs, called in prompts as <lora:name:0.8> (default $EASEL_LORAS)",
        "--lora-dir", "--lora-model-dir");
    public readonly Option<string?> Embeddings = Flags.Text("DIR", "textual inversions, called by name (default $EASEL_EMBEDDINGS)",
        "--embeddings-dir", "--embd-dir");
    public readonly Option<bool> Ema = Flags.Switch("run the averaged (EMA) weights where the file holds both", "--ema");
    public readonly Option<PredictionType?> Prediction = Flags.Choice("what the UNet predicts, where Easel mistakes it",
        [("eps epsilon", PredictionType.Epsilon), ("v v-prediction", PredictionType.V)], "--prediction");
    public readonly Option<Precision?> Precision = Flags.Choice("number format (default auto)",
        [
            ("auto autocast", Easel.Precision.Auto), ("full fp32", Easel.Precision.Full), ("bf16", Easel.Precision.BFloat16), ("fp16", Easel.Precision.Float16),
        ], "--precision");
    public readonly Option<string?> Device = Flags.Text("NAME", "auto, cpu, cuda or cuda:1 (default auto)", "--device");

    // How to draw
    public readonly Option<int?> Width = Flags.Whole("width in pixels, a multiple of 8", "--width", "-W", "--W");
    public readonly Option<int?> Height = Flags.Whole("height in pixels, a multiple of 8", "--height", "-H", "--H");
    public readonly Option<int?> Steps = Flags.Whole("sampling steps (default 25)", "--steps", "--ddim_steps");
    public readonly Option<double?> Scale = Flags.Number("guidance scale: how strongly the prompt pulls (default 7.5)",
        "--cfg", "--scale", "--guidance", "--cfg-scale");
    public readonly Option<string?> Sampler = Flags.Text("NAME", "the sampler (default dpmpp_2m); easel samplers lists them", "--sampler");
    public readonly Option<string?> Schedule = Flags.Text("NAME", "the noise schedule (default: the sampler's own)", "--schedule", "--scheduler");
    public readonly Option<double?> Eta = Flags.Number("fresh noise in each step of DDIM and ancestral samplers, 0 to 1", "--eta", "--ddim_eta");

    public readonly Option<FastLevel?> Fast = Flags.Choice("leave out work, for a picture that differs a little (default: none)",
        [("light", FastLevel.Light), ("medium", FastLevel.Medium), ("strong", FastLevel.Strong), ("exact none off", FastLevel.Exact)], "--fast");

    // How many
    public readonly Option<int?> Count = Flags.Whole("how many pictures, with seeds S, S+1, ... (default 1)", "--count");
    public readonly Option<int?> Batch = Flags.Whole("how many of them at once (default 1)", "--batch", "--n_samples");
    public readonly Option<SeedChoice?> Seed = Flags.Valued<SeedChoice?>("S", "the seed; 'random' or -1 draws one (default random)",
        ["--seed", "-s"], SeedChoice.Parse, "a whole number or 'random'");
    public readonly Option<NoiseLike?> Like = Flags.Choice("whose noise a seed stands for (default per-picture)",
        [("compvis", NoiseLike.CompVis), ("per-picture", NoiseLike.PerPicture), ("a1111-gpu", NoiseLike.A1111Gpu)], "--like");

    // Pictures to begin from
    public readonly Option<string?> Init = Flags.Text("FILE", "the picture to begin from", "--init-img", "-i", "--init");
    public readonly Option<double?> Strength = Flags.Number("how far the result may stray from it, 0 to 1 (default 0.75)", "--strength");
    public readonly Option<ImageFit?> Fit = Flags.Choice("how it is brought to --width and --height (default crop)",
        [("crop", ImageFit.Crop), ("pad", ImageFit.Pad), ("stretch", ImageFit.Stretch)], "--fit");
    public readonly Option<string?> Mask = Flags.Text("FILE", "white is drawn anew, black is kept; without one the picture's transparency counts", "--mask");
    public readonly Option<double?> MaskBlur = Flags.Number("softness of the mask's edge in pixels (default 4)", "--mask-blur");
    public readonly Option<bool> InvertMask = Flags.Switch("draw the black part instead", "--invert-mask");
    public readonly Option<MaskFill?> Fill = Flags.Choice("what stands under the mask at first (default original)",
        [("original", MaskFill.Original), ("noise", MaskFill.Noise), ("blur fill", MaskFill.Blur), ("nothing", MaskFill.Nothing)], "--fill");
    public readonly Option<bool> OnlyMasked = Flags.Switch("draw the masked part alone, enlarged, and put it back", "--only-masked");
    public readonly Option<int?> Padding = Flags.Whole("pixels around the masked part for --only-masked (default 32)", "--padding");
    public readonly Option<Margins?> Extend = Flags.Valued("left=128,top=64", "draw on beyond the picture's edges (also right, bottom, all)",
        ["--extend"], MarginsText.Parse, "margins such as left=128,top=64 (left, top, right, bottom or all)");
    public readonly Option<string?> Depth = Flags.Text("FILE", "a depth map for a depth model, near is bright", "--depth");
    public readonly Option<int?> NoiseLevel = Flags.Whole("noise added before upscaling, 0 to 350 (default 20)", "--noise-level");

    // Where it goes
    public readonly Option<string?> Output = Flags.Text("FILE", "the picture's file; several become name-2, name-3, ...", "--output", "-o");
    public readonly Option<string?> OutputFolder = Flags.Text("DIR", "where pictures are saved (default outputs)", "--outdir");
    public readonly Option<bool> Force = Flags.Switch("let --output replace a file that is there", "--force");
    public readonly Option<ImageFormat?> Format = Flags.Choice("format of the files (default png)",
        [("png", ImageFormat.Png), ("jpg jpeg", ImageFormat.Jpeg), ("webp", ImageFormat.WebP)], "--format");
    public readonly Option<int?> Quality = Flags.Whole("quality of JPEG and WebP, 1 to 100 (default 95)", "--quality");
    public readonly Option<bool> Grid = Flags.Switch("save all pictures on one sheet too", "--grid");
    public readonly Option<bool> NoWatermark = Flags.Switch("leave out the invisible watermark", "--no-watermark");
    public readonly Option<bool> NoMetadata = Flags.Switch("do not write the settings into the files", "--no-metadata");
    public readonly Option<bool> Show = Flags.Switch("show a small picture of the result in the terminal", "--show");
    public readonly Option<bool> Quiet = Flags.Switch("print the file names and nothing else", "--quiet", "-q");
    public readonly Option<bool> Plan = Flags.Switch("tell the memory and the time that the run would take, and draw nothing", "--plan");
    public readonly Option<bool> Json = Flags.Switch("print one JSON object per picture and one at the end", "--json");

    // The original scripts' own
    public readonly Option<bool> Plms = Flags.Switch("the PLMS sampler", "--plms");
    public readonly Option<bool> DpmSolver = Flags.Switch("the DPM-Solver++ sampler", "--dpm_solver", "--dpm");
    public readonly Option<int?> Iterations = Flags.Whole("how many batches", "--n_iter");
    public readonly Option<int?> Rows = Flags.Whole("pictures per row of the grid (0: as many as in a batch)", "--n_rows");
    public readonly Option<bool> FixedCode = Flags.Switch("begin every batch from the same noise", "--fixed_code");
    public readonly Option<bool> SkipGrid = Flags.Switch("save no grid", "--skip_grid");
    public readonly Option<bool> SkipSave = Flags.Switch("save no single pictures", "--skip_save");
    public readonly Option<int?> Channels = Flags.Whole("latent channels; 4 is all there is", "--C");
    public readonly Option<int?> Factor = Flags.Whole("pixels per latent; the model's own is all there is", "--f");
    public readonly Option<bool> Laion400M = Flags.Switch("an older kind of model, which Easel does not run", "--laion400m");
    public readonly Option<bool> TorchScript = Flags.Switch("accepted; changes nothing", "--torchscript");
    public readonly Option<bool> Ipex = Flags.Switch("accepted; changes nothing", "--ipex");
    public readonly Option<bool> BFloat16 = Flags.Switch("as --precision bf16", "--bf16");
    public readonly Option<bool> Turbo = Flags.Switch("accepted; changes nothing", "--turbo");
    public readonly Option<int?> UNetBatch = Flags.Whole("accepted; changes nothing", "--unet_bs");

    /// <summary>All of them, as the help shows them.</summary>
    public IReadOnlyList<FlagGroup> Groups =>
    [
        new("What to draw", Prompt, Negative, FromFile, Repeat, Literal, ClipSkip),
        new("Model", Model, Vae, TinyVae, DepthModel, Loras, Embeddings, Precision, Device, Prediction, Ema, Config),
        new("How", Width, Height, Steps, Scale, Sampler, Schedule, Eta, Fast, Seed, Count, Batch, Like),
        new("From a picture", Init, Strength, Fit, Mask, MaskBlur, InvertMask, Fill, OnlyMasked, Padding, Extend, Depth, NoiseLevel),
        new("Files", Output, OutputFolder, Force, Format, Quality, Grid, NoWatermark, NoMetadata),
        new("Display", Plan, Show, Quiet, Json),
        new("Of the original scripts (any of these, and the spellings --H --W --scale --ddim_steps --ddim_eta --n_samples, make the run follow them)",
            Plms, DpmSolver, Iterations, Rows, FixedCode, SkipGrid, SkipSave, Channels, Factor, Laion400M, BFloat16, TorchScript, Ipex, Turbo, UNetBatch),
    ];
}
