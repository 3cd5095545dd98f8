using Easel.Imaging;

namespace Easel.Cli.Options;

internal sealed record FlagGroup(string Title, params Option[] Options);

/// <summary>Every option of the commands that draw: those people would look for, and those of the original scripts beside them.</summary>
internal sealed class DrawFlags
{
    /// <summary>The options of the table of knobs.</summary>
    public IReadOnlyDictionary<Knob, Option> Knobs { get; } =
        Easel.Knobs.All.Select(knob => (knob, Option: Flags.Of(knob))).Where(row => row.Option is not null).ToDictionary(row => row.knob, row => row.Option!);

    // What to draw
    public readonly Option<string?> FromFile = Flags.Text("FILE", "a text file with one prompt per line; - is standard input", "--from-file");
    public readonly Option<int?> Repeat = Flags.Whole("draw each prompt of --from-file so often", "--repeat");
    public readonly Option<int?> Count = Flags.Whole("how many pictures, with seeds S, S+1, ... (default 1)", "--count");

    // Model
    public readonly Option<string?> Model =
        Flags.Text("FILE", "the checkpoint or diffusers folder (default $EASEL_MODEL, else the small one inside)", "--model", "-m", "--ckpt");
    public readonly Option<string?> Config = Flags.Text("FILE", "the original YAML configuration; hardly ever needed", "--config");
    public readonly Option<string?> TextEncoder = Flags.Text("FILE", "another text encoder (CLIP), a file or a folder", "--text-encoder", "--clip_l");
    public readonly Option<string?> Vae = Flags.Text("FILE", "another autoencoder, a file or a name", "--vae");
    public readonly Option<string?> TinyVae = Flags.Text("FILE", "the tiny autoencoder (TAESD) to decode with: faster, a little coarser",
        "--tiny-vae", "--taesd");
    public readonly Option<string?> DepthModel = Flags.Text("FILE", "the depth estimator (MiDaS) for a depth model that lacks it", "--depth-model");
    public readonly Option<string[]?> Loras = Flags.Texts("DIR",
        "LoRAs, called in prompts as <lora:name:0.8>; may be given several times (default $EASEL_LORAS, else what lies among the models)",
        "--lora-dir", "--lora-model-dir");
    public readonly Option<string[]?> Embeddings = Flags.Texts("DIR",
        "textual inversions, called by name; may be given several times (default $EASEL_EMBEDDINGS, else what lies among the models)",
        "--embeddings-dir", "--embd-dir");
    public readonly Option<string[]?> Controls = Flags.Texts("DIR",
        "ControlNets and the like, called by name; may be given several times (default $EASEL_CONTROLS, else what lies among the models)",
        "--control-dir", "--controlnet-dir");
    public readonly Option<string?> ImageEncoder = Flags.Text("FILE", "CLIP's vision tower, for IP-Adapters (default: image_encoder beside them)",
        "--image-encoder");
    public readonly Option<bool> Ema = Flags.Switch("run the averaged (EMA) weights where the file holds both", "--ema");
    public readonly Option<PredictionType?> Prediction = Flags.Choice("what the UNet predicts, where Easel mistakes it",
        [("eps epsilon", PredictionType.Epsilon), ("v v-prediction", PredictionType.V)], "--prediction");
    public readonly Option<Precision?> Precision = Flags.Choice("number format (default auto)",
        [
            ("auto autocast", Easel.Precision.Auto), ("full fp32", Easel.Precision.Full), ("bf16", Easel.Precision.BFloat16), ("fp16", Easel.Precision.Float16),
        ], "--precision");
    public readonly Option<WeightFormat?> Weights = Flags.Choice("in how many bits weights are kept: fewer take less memory (default auto)",
        [("auto", WeightFormat.Auto), ("full", WeightFormat.Full), ("q8 q8_0", WeightFormat.Q8), ("q4 q4_0", WeightFormat.Q4)], "--weights");
    public readonly Option<string?> Device = Flags.Text("NAME", "auto, cpu, cuda or cuda:1 (default auto)", "--device");

    public readonly Option<SafetyAction?> Safe = Flags.Choice("what becomes of pictures that the safety filter takes for explicit (default off)",
        [("off none", SafetyAction.Off), ("tag", SafetyAction.Tag), ("blur", SafetyAction.Blur), ("refuse", SafetyAction.Refuse)], "--safe");

    public readonly Option<int?> Threads = Flags.Whole("threads that compute (default: as many as pay, of the processors there are)", "--threads", "-t");
    public readonly Option<double?> Memory = Flags.Number("gigabytes that the model and its runs may take (default: what the system has free)", "--memory");
    public readonly Option<bool> LowPriority = Flags.Switch("give way to every other program", "--low-priority");

    // Many at once
    public readonly Option<string?> X = Flags.Text("AXIS=VALUES", "draw a plot: what changes from column to column, as steps=10,20,30 or sampler=*", "--x");
    public readonly Option<string?> Y = Flags.Text("AXIS=VALUES", "what changes from row to row, as guidance=3-9 (+2)", "--y");
    public readonly Option<string?> Z = Flags.Text("AXIS=VALUES", "what changes from sheet to sheet, as \"Prompt S/R=red,blue\"", "--z");
    public readonly Option<bool> Matrix = Flags.Switch("draw all combinations of the prompt's parts: \"a house | at night | in snow\"", "--matrix");
    public readonly Option<int?> Margin = Flags.Whole("white pixels between the pictures of a plot (default 0)", "--margin");
    public readonly Option<bool> NoLegend = Flags.Switch("write no labels on a plot", "--no-legend");

    // Of upscale alone
    public readonly Option<double?> Times =
        Flags.Number("with upscale: how many times as wide and high the picture becomes (default: as many as the network does)", "--times");

    // Where it goes
    public readonly Option<string?> Output = Flags.Text("FILE", "the picture's file; several become name-2, name-3, ...", "--output", "-o");
    public readonly Option<string?> OutputFolder = Flags.Text("DIR", "where pictures are saved (default outputs)", "--outdir");
    public readonly Option<bool> Force = Flags.Switch("let --output replace a file that is there", "--force");
    public readonly Option<ImageFormat?> Format = Flags.Choice("format of the files (default png)",
        [("png", ImageFormat.Png), ("jpg jpeg", ImageFormat.Jpeg), ("webp", ImageFormat.WebP)], "--format");
    public readonly Option<int?> Quality = Flags.Whole("quality of JPEG and WebP, 1 to 100 (default 95)", "--quality");
    public readonly Option<bool> Grid = Flags.Switch("save all pictures on one sheet too", "--grid");
    public readonly Option<bool> NoMetadata = Flags.Switch("do not write the settings into the files", "--no-metadata");
    public readonly Option<bool> Show = Flags.Switch("show a small picture of the result in the terminal", "--show");
    public readonly Option<bool> Quiet = Flags.Switch("print the file names and nothing else", "--quiet", "-q");
    public readonly Option<bool> Plan = Flags.Switch("tell the memory and the time that the run would take, and draw nothing", "--plan");
    public readonly Option<bool> Json = Flags.Switch("print one JSON object per picture and one at the end", "--json");

    // The original scripts' own
    public readonly Option<bool> Plms = Flags.Switch("the PLMS sampler", "--plms");
    public readonly Option<bool> DpmSolver = Flags.Switch("the DPM-Solver++ sampler", "--dpm_solver", "--dpm");
    public readonly Option<int?> Rows = Flags.Whole("pictures per row of the grid (0: as many as in a batch)", "--n_rows");
    public readonly Option<bool> SkipGrid = Flags.Switch("save no grid", "--skip_grid");
    public readonly Option<bool> SkipSave = Flags.Switch("save no single pictures", "--skip_save");
    public readonly Option<int?> Channels = Flags.Whole("latent channels; the model's own are all there are", "--C");
    public readonly Option<int?> Factor = Flags.Whole("pixels per latent; the model's own is all there is", "--f");
    public readonly Option<bool> Laion400M = Flags.Switch("an older kind of model, which Easel does not run", "--laion400m");
    public readonly Option<bool> TorchScript = Flags.Switch("accepted; changes nothing", "--torchscript");
    public readonly Option<bool> Ipex = Flags.Switch("accepted; changes nothing", "--ipex");
    public readonly Option<bool> BFloat16 = Flags.Switch("as --precision bf16", "--bf16");
    public readonly Option<bool> Turbo = Flags.Switch("accepted; changes nothing", "--turbo");
    public readonly Option<int?> UNetBatch = Flags.Whole("accepted; changes nothing", "--unet_bs");

    /// <summary>How the flags say to load a model; whether the files that they name are there is not looked at.</summary>
    public LoadOptions Load(ParseResult parsed) => new()
    {
        Precision = PrecisionOf(parsed) ?? Easel.Precision.Auto,
        Weights = parsed.GetValue(Weights) ?? WeightFormat.Auto,
        Device = parsed.GetValue(Device) ?? "auto",
        Config = parsed.GetValue(Config),
        Prediction = parsed.GetValue(Prediction),
        Ema = parsed.GetValue(Ema),
        TextEncoder = parsed.GetValue(TextEncoder),
        Vae = parsed.GetValue(Vae),
        TinyVae = parsed.GetValue(TinyVae),
        DepthModel = parsed.GetValue(DepthModel),
        LoraFolders = parsed.GetValue(Loras) ?? [],
        EmbeddingFolders = parsed.GetValue(Embeddings) ?? [],
        Threads = parsed.GetValue(Threads),
        Safety = parsed.GetValue(Safe) ?? SafetyAction.Off,
        MemoryLimit = MemoryOf(parsed),
        LowPriority = parsed.GetValue(LowPriority),
        ControlFolders = parsed.GetValue(Controls) ?? [],
        ImageEncoder = parsed.GetValue(ImageEncoder),
    };

    private long? MemoryOf(ParseResult parsed)
    {
        if (parsed.GetValue(Memory) is not { } gigabytes) return null;
        return (long)(gigabytes * (1 << 30)) is > 0 and var bytes ? bytes
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--memory is {gigabytes}; it must be a number of gigabytes above 0."));
    }

    /// <summary>The number format that is asked for; null where none is.</summary>
    public Precision? PrecisionOf(ParseResult parsed) => parsed.GetValue(Precision) ?? (parsed.GetValue(BFloat16) ? Easel.Precision.BFloat16 : null);

    /// <summary>The words that only the original scripts use, by which a command line is known to mean what it means there.</summary>
    public IReadOnlySet<string> ScriptWords => Flags.Spellings(
    [
        .. Knobs.Keys.SelectMany(knob => knob.ScriptFlags),
        .. new Option[] { Repeat, Plms, DpmSolver, Rows, SkipGrid, SkipSave, Channels, Factor, Laion400M, BFloat16, TorchScript, Ipex, Turbo, UNetBatch }
            .SelectMany(option => option.Aliases.Append(option.Name)),
    ]).ToHashSet();

    /// <summary>All of them, as the help shows them.</summary>
    public IReadOnlyList<FlagGroup> Groups =>
    [
        new("What to draw", [.. Of("Prompts", "NegativePrompt"), FromFile, Repeat, .. Of("Literal", "ClipSkip")]),
        new("Model", Model, TextEncoder, Vae, TinyVae, DepthModel, Loras, Embeddings, Controls, ImageEncoder, Precision, Weights, Device, Threads, Memory,
            LowPriority, Prediction, Ema, Config, Safe),
        new("How", [.. Rest(KnobNeeds.Nothing), Count]),
        new("Many on a labelled sheet", X, Y, Z, Matrix, Margin, NoLegend),
        new("Larger in a second pass", [.. Of("HiresScale", "HiresWidth", "HiresHeight"), .. Rest(KnobNeeds.SecondPass)]),
        new("Finished by another model", [.. Of("Refiner"), .. Rest(KnobNeeds.Refiner)]),
        new("Faces drawn anew", [.. Of("Detail"), .. Rest(KnobNeeds.Detail)]),
        new("Faces mended", [.. Of("FaceRestorer"), .. Rest(KnobNeeds.FaceRestorer)]),
        new("From a picture", [.. Of("InitImage"), .. Rest(KnobNeeds.Start, KnobNeeds.Picture, KnobNeeds.Mask, KnobNeeds.DepthModel, KnobNeeds.Upscaler),
            Times]),
        new("What a model is told that is told of sizes", [.. Rest(KnobNeeds.SizedModel)]),
        new("Files", [Output, OutputFolder, Force, Format, Quality, Grid, .. Of("Watermark"), NoMetadata]),
        new("Display", Plan, Show, Quiet, Json),
        new($"Of the original scripts (any of these, and the spellings {SharedSpellings}, "
            + "make the run follow them)",
            [
                .. Knobs.Where(row => row.Key.Flags.Count == 0).Select(row => row.Value),
                Plms, DpmSolver, Rows, SkipGrid, SkipSave, Channels, Factor, Laion400M, BFloat16, TorchScript, Ipex, Turbo, UNetBatch,
            ]),
    ];

    /// <summary>The scripts' own spellings of flags that have others too.</summary>
    private string SharedSpellings => string.Join(' ', Knobs.Keys.Where(knob => knob.Flags.Count > 0).SelectMany(knob => knob.ScriptFlags));

    private static readonly string[] Placed = ["Prompts", "NegativePrompt", "Literal", "ClipSkip", "InitImage", "Watermark",
        "HiresScale", "HiresWidth", "HiresHeight", "Refiner", "Detail", "FaceRestorer"];

    private IEnumerable<Option> Of(params string[] properties) => properties.Select(property => Knobs[Easel.Knobs.Find(property)!]);

    /// <summary>The knobs that have no place of their own.</summary>
    private IEnumerable<Option> Rest(params KnobNeeds[] needs) =>
        Knobs.Where(row => needs.Contains(row.Key.Needs) && row.Key.Flags.Count > 0 && !Placed.Contains(row.Key.Property)).Select(row => row.Value);
}
