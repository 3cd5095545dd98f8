using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Training;
using Easel.Training.Data;
using Easel.Training.Evaluation;
using Easel.Training.Tools;

namespace Easel.Cli.Commands;

/// <summary><c>easel train</c>: makes the small model that ships with Easel, from open drawings to the file.</summary>
internal static class TrainCommand
{
    public static Command Create(Shell shell) => new PlainCommand("train", "train the small model that ships with Easel",
        new HelpNotes("data|autoencoder|diffusion|evaluate|tools [flags]", ["easel train data --out data", "easel train autoencoder --data data --out run"]),
        [Data(shell), Autoencoder(shell), Diffusion(shell), Evaluate(shell), Tools(shell)]);

    private static Command Data(Shell shell)
    {
        var folder = Flags.Text("DIR", "folder for the data set", "--out");
        var concepts = Flags.Whole("draw the N best-known concepts alone (default: all)", "--concepts");
        var quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");
        return new PlainCommand("data", "build the data set from open packages; needs npm and rsvg-convert",
            new HelpNotes("--out DIR [flags]", ["easel train data --out data"]), [folder, concepts, quiet], parsed =>
        {
            var home = parsed.GetValue(folder) ?? throw new UsageException("Name a folder for the data set with --out.");
            var (drawn, leftOut) = (0, 0);
            using (var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet)))
                (drawn, leftOut) = DataStep.Run(home, parsed.GetValue(concepts) ?? int.MaxValue, progress.Working, shell.Cancel);
            shell.Out.WriteLine($"{drawn} drawings in {home}{(leftOut > 0 ? $"; {leftOut} that the renderer cannot draw are left out" : "")}");
        });
    }

    private static Command Autoencoder(Shell shell)
    {
        var common = new CommonFlags();
        var channels = Flags.Text("A,B,C,D", "channels of each resolution level, finest first, multiples of 32 (default: 32,32,64,128)", "--channels");
        var crop = Flags.Whole("side in pixels of the parts that are trained on (default: 64)", "--crop");
        return new PlainCommand("autoencoder", "train the autoencoder, pixels to latents and back",
            new HelpNotes("--data DIR --out DIR [flags]", ["easel train autoencoder --data data --out run --minutes 30"]),
            [channels, crop, .. common.All], parsed =>
        {
            var defaults = new AutoencoderOptions { Data = common.Data(parsed), Out = common.Out(parsed) };
            var options = common.Read(parsed, channels, defaults with { Crop = parsed.GetValue(crop) ?? defaults.Crop });
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            var gallery = Gallery(options, progress);
            new AutoencoderTrainer(options, gallery).Run(progress.Working, shell.Cancel);
            progress.Result(AutoencoderTrainer.ModelPath(options.Out));
        });
    }

    private static Command Diffusion(Shell shell)
    {
        var common = new CommonFlags();
        var channels = Flags.Text("A,B,C", "channels of each resolution level of the UNet, finest first, multiples of 32 (default: 64,128,192)", "--channels");
        var from = Flags.Text("FILE", "begin with the weights of this model, with its autoencoder, and not from nothing", "--from");
        var newText = Flags.Switch("with --from: begin the text encoder anew", "--new-text");
        return new PlainCommand("diffusion", "train the UNet and the text encoder on the autoencoder's latents",
            new HelpNotes("--data DIR --out DIR [flags]",
                [
                    "easel train diffusion --data data --out run --minutes 240",
                    "easel train diffusion --data data --out run2 --from run/sketch.safetensors --concepts 400",
                ]),
            [channels, from, newText, .. common.All], parsed =>
        {
            var defaults = new DiffusionOptions { Data = common.Data(parsed), Out = common.Out(parsed) };
            var options = common.Read(parsed, channels, defaults with { From = parsed.GetValue(from), NewText = parsed.GetValue(newText) });
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            var gallery = Gallery(options, progress);
            var trainer = new DiffusionTrainer(options, gallery, share => progress.Working("encoding drawings", share));
            progress.Note($"{gallery.Drawings.Count} drawings, {trainer.ParameterCount:N0} parameters");
            trainer.Run(progress.Working, shell.Cancel);
            progress.Result(DiffusionTrainer.ModelPath(options.Out));
        });
    }

    private static TrainingSet Gallery(TrainingOptions options, IProgressDisplay progress) => TrainingSet.Load(options.Data,
        Drawing.List(options.Data, options.Concepts, options.Sources), share => progress.Working("reading drawings", share));

    private static Command Evaluate(Shell shell)
    {
        var common = new CommonFlags();
        var model = Flags.Text("FILE", "the model (default: the one that comes with Easel)", "--model");
        var prompts = Flags.Whole("pictures for each kind of prompt at most (default: 300)", "--prompts");
        var steps = Flags.Whole("sampling steps (default: 20)", "--steps");
        var scale = Flags.Number("guidance scale (default: the model's own)", "--cfg");
        var sheet = Flags.Text("FILE", "draw the fixed 64 prompts on a sheet and measure nothing", "--sheet");
        return new PlainCommand("evaluate", "measure how often a model draws what it is asked",
            new HelpNotes("--data DIR [flags]", ["easel train evaluate --data data", "easel train evaluate --sheet sheet.png"]),
            [model, prompts, steps, scale, sheet, common.DataFolder, common.Concepts, common.Sources, common.Quiet], parsed =>
        {
            var path = parsed.GetValue(model) ?? ModelChoice.Find(null, shell);
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            using var generator = ImageGenerator.Load(path);
            if (parsed.GetValue(sheet) is { } file)
            {
                ContactSheet.Draw(generator, parsed.GetValue(steps) ?? 20, parsed.GetValue(scale), file, progress.Working, shell.Cancel);
                progress.Result(file);
                return;
            }
            var folder = common.Data(parsed);
            var drawings = Drawing.List(folder, parsed.GetValue(common.Concepts) ?? DiffusionOptions.DefaultConcepts, common.SourceList(parsed));
            var evaluator = new Evaluator(folder, drawings, generator, parsed.GetValue(steps) ?? 20, parsed.GetValue(scale));
            foreach (var score in evaluator.Run(parsed.GetValue(prompts) ?? 300, progress.Working, shell.Cancel)) progress.Result(score.ToString());
        });
    }

    private static Command Tools(Shell shell)
    {
        var folder = Flags.Text("DIR", "folder for the files (default: models)", "--out");
        var cache = Flags.Text("DIR", "folder in which the fetched packages are kept", "--cache");
        var quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");
        return new PlainCommand("tools", "convert the small tools that come with Easel from open packages; needs npm",
            new HelpNotes("--cache DIR [flags]", ["easel train tools --cache packages --out models"]), [folder, cache, quiet], parsed =>
        {
            var packages = parsed.GetValue(cache) ?? throw new UsageException("Name a folder for the packages with --cache.");
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet));
            foreach (var file in ToolsStep.Run(Path.GetFullPath(packages), parsed.GetValue(folder) ?? "models", progress.Working, shell.Cancel))
                progress.Result(file);
        });
    }

    /// <summary>What both trainers take.</summary>
    private sealed class CommonFlags
    {
        public readonly Option<string?> DataFolder = Flags.Text("DIR", "the data set, made by easel train data", "--data");
        private readonly Option<string?> _out = Flags.Text("DIR", "folder for the run: state, log, pictures", "--out");
        public readonly Option<string?> Sources =
            Flags.Text("A,B", $"sources of drawings (default: {string.Join(',', DiffusionOptions.DefaultSources)}; all for every one)", "--sources");
        public readonly Option<int?> Concepts = Flags.Whole($"take the N best-known concepts (default: {DiffusionOptions.DefaultConcepts})", "--concepts");
        private readonly Option<int?> _batch = Flags.Whole("pictures at a time", "--batch");
        private readonly Option<double?> _rate = Flags.Number("highest learning rate", "--rate");
        private readonly Option<double?> _minutes = Flags.Number("end after so many minutes, the time before a --resume counted in", "--minutes");
        private readonly Option<int?> _steps = Flags.Whole("end after so many steps", "--steps");
        private readonly Option<int?> _seed = Flags.Whole("decides all that is left to chance (default: 0)", "--seed");
        private readonly Option<bool> _resume = Flags.Switch("go on with the run in the folder", "--resume");
        private readonly Option<bool> _fullPrecision = Flags.Switch("compute in fp32 in place of bf16", "--full");
        public readonly Option<bool> Quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");

        public Option[] All => [DataFolder, _out, Sources, Concepts, _batch, _rate, _minutes, _steps, _seed, _resume, _fullPrecision, Quiet];

        public string Data(ParseResult parsed) =>
            parsed.GetValue(DataFolder) ?? throw new UsageException("Name the data set with --data; easel train data --out DIR makes one.");

        public string Out(ParseResult parsed) => parsed.GetValue(_out) ?? throw new UsageException("Name a folder for the run with --out.");

        public IReadOnlyList<string>? SourceList(ParseResult parsed) => parsed.GetValue(Sources) switch
        {
            null => DiffusionOptions.DefaultSources,
            "all" => null,
            var list => list.Split(','),
        };

        /// <summary>The options of a trainer, those that are not given as they are.</summary>
        public T Read<T>(ParseResult parsed, Option<string?> channels, T defaults) where T : TrainingOptions => (T)((TrainingOptions)defaults with
        {
            Concepts = parsed.GetValue(Concepts) ?? defaults.Concepts,
            Sources = SourceList(parsed),
            Channels = parsed.GetValue(channels) is { } list ? Numbers(list) : defaults.Channels,
            Batch = parsed.GetValue(_batch) ?? defaults.Batch,
            Rate = parsed.GetValue(_rate) ?? defaults.Rate,
            Minutes = parsed.GetValue(_minutes),
            Steps = parsed.GetValue(_steps),
            Resume = parsed.GetValue(_resume),
            FullPrecision = parsed.GetValue(_fullPrecision),
            Seed = parsed.GetValue(_seed) ?? 0,
        });

        private static IReadOnlyList<int> Numbers(string list) => [.. list.Split(',').Select(text => int.TryParse(text, out var n) && n > 0 ? n
            : throw new UsageException($"--channels takes whole numbers with commas between, not '{list}'."))];
    }
}
