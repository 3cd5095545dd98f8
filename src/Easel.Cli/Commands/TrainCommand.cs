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
    private const int DefaultScenes = 250_000;

    public static Command Create(Shell shell) => new PlainCommand("train", "train the small model that ships with Easel",
        new HelpNotes("data|prepare|autoencoder|diffusion|model|evaluate|tools [flags]", ["easel train data --out sketch.data",
            "easel train autoencoder --data sketch.data --out run"]),
        [Data(shell), Prepare(shell), Autoencoder(shell), Diffusion(shell), Model(shell), Evaluate(shell), Tools(shell)]);

    private static Command Data(Shell shell)
    {
        var file = Flags.Text("FILE", "the data set to write", "--out");
        var concepts = Flags.Whole("draw the N best-known things alone (default: all)", "--concepts");
        var scenes = Flags.Whole($"compose N scenes (default: {DefaultScenes})", "--scenes");
        var quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");
        return new PlainCommand("data", "build the data set, one file, from open packages; needs npm and rsvg-convert",
            new HelpNotes("--out FILE [flags]", ["easel train data --out sketch.data"]), [file, concepts, scenes, quiet], parsed =>
        {
            var path = parsed.GetValue(file) ?? throw new UsageException("Name a file for the data set with --out.");
            OutputFiles.RequirePlace(path, force: true);
            var count = parsed.GetValue(scenes) ?? DefaultScenes;
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet));
            MakeData(path, parsed.GetValue(concepts) ?? int.MaxValue, count, progress, shell);
        });
    }

    private static void MakeData(string path, int concepts, int scenes, IProgressDisplay progress, Shell shell)
    {
        var made = DataStep.Run(path, concepts, scenes, progress.Working, shell.Cancel);
        progress.Result(string.Create(CultureInfo.InvariantCulture,
            $"{made.Drawings} drawings of {made.Things} things, {scenes} scenes, {new FileInfo(path).Length / 1e6:F1} MB in {path}")
            + (made.LeftOut > 0 ? $"; {made.LeftOut} that the renderer cannot draw are left out" : ""));
    }

    private static Command Prepare(Shell shell)
    {
        var folder = Flags.Text("DIR", "folder for the run (default: training/run)", "--out");
        var quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");
        return new PlainCommand("prepare", "make all that the Python twin trains from: the data set, unless it is there, and what both networks begin with",
            new HelpNotes("[flags]", ["easel train prepare", "training/train-sketch.sh 9"]), [folder, quiet], parsed =>
        {
            var run = parsed.GetValue(folder) ?? Path.Combine("training", "run");
            var data = Path.Combine(run, "sketch.data");
            Directory.CreateDirectory(run);
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(quiet));
            if (!File.Exists(data)) MakeData(data, int.MaxValue, DefaultScenes, progress, shell);
            var pack = Pack.Open(data);
            string[] files = [data, .. new[] { AutoencoderTrainer.Name, DiffusionTrainer.Name }.Select(name => Trainer.StateIn(run, name))];
            if (!File.Exists(files[1])) new AutoencoderTrainer(new AutoencoderOptions { Data = data, Out = run }, pack).Begin();
            if (!File.Exists(files[2])) new DiffusionTrainer(new DiffusionOptions { Data = data, Out = run }, pack).Begin();
            foreach (var file in files) progress.Result(string.Create(CultureInfo.InvariantCulture, $"{file}: {MiB(file):F1} MiB"));
            progress.Result(string.Create(CultureInfo.InvariantCulture, $"{files.Sum(MiB):F1} MiB in all"));

            static double MiB(string file) => new FileInfo(file).Length / (1024.0 * 1024);
        });
    }

    private static Command Autoencoder(Shell shell)
    {
        var common = new CommonFlags();
        var channels = Flags.Text("A,B,C,D", "channels of each resolution level, finest first, multiples of 8 (default: 32,48,96,128)", "--channels");
        var latent = Flags.Whole("channels of a latent (default: 6)", "--latent");
        var crop = Flags.Whole("side in pixels of the parts that are trained on (default: 128)", "--crop");
        return new PlainCommand("autoencoder", "train the autoencoder, pixels to latents and back",
            new HelpNotes("--data FILE --out DIR [flags]", ["easel train autoencoder --data sketch.data --out run --minutes 30"]),
            [channels, latent, crop, .. common.All], parsed =>
        {
            var defaults = new AutoencoderOptions { Data = common.Data(parsed), Out = common.Out(parsed) };
            var options = common.Read(parsed, channels, defaults with
            {
                Crop = parsed.GetValue(crop) ?? defaults.Crop,
                LatentChannels = parsed.GetValue(latent) ?? defaults.LatentChannels,
            });
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            new AutoencoderTrainer(options, Pack.Open(options.Data)).Run(progress.Working, shell.Cancel);
            progress.Result(AutoencoderTrainer.ModelPath(options.Out));
        });
    }

    private static Command Diffusion(Shell shell)
    {
        var common = new CommonFlags();
        var channels = Flags.Text("A,B,C", "channels of each resolution level of the UNet, finest first, multiples of 32 (default: 64,128,256)", "--channels");
        var scenes = Flags.Whole("train on the first N scenes (default: 20000); their latents are made before", "--scenes");
        return new PlainCommand("diffusion", "train the UNet and the text encoder on the autoencoder's latents",
            new HelpNotes("--data FILE --out DIR [flags]",
                [
                    "easel train diffusion --data sketch.data --out run --minutes 60 --until 0.5",
                    "easel train diffusion --data sketch.data --out run --resume --minutes 60",
                ]),
            [channels, scenes, .. common.All], parsed =>
        {
            var defaults = new DiffusionOptions { Data = common.Data(parsed), Out = common.Out(parsed) };
            var options = common.Read(parsed, channels, defaults with { Scenes = parsed.GetValue(scenes) ?? defaults.Scenes });
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            var pack = Pack.Open(options.Data);
            var trainer = new DiffusionTrainer(options, pack, share => progress.Working("encoding scenes", share));
            progress.Note($"{pack.Drawings.Count} drawings, {trainer.ParameterCount:N0} parameters");
            trainer.Run(progress.Working, shell.Cancel);
            progress.Result(DiffusionTrainer.ModelPath(options.Out));
        });
    }

    private static Command Model(Shell shell)
    {
        var common = new CommonFlags();
        var state = Flags.Text("FILE", "the state to write (default: that of diffusion in the run's folder)", "--state");
        var file = Flags.Text("FILE", "the model to write (default: sketch.safetensors in the run's folder)", "--model");
        var title = Flags.Text("TEXT", "what the model calls itself (default: Easel Sketch 2); with \"LCM\" in it, it draws in 4 steps", "--title");
        return new PlainCommand("model", "write a model of a state, its own or the Python twin's",
            new HelpNotes("--data FILE --out DIR [flags]",
                [
                    "easel train model --data sketch.data --out run",
                    "easel train model --data sketch.data --out run --state run/few-steps-small.safetensors --title 'Easel Sketch 2 LCM' --model "
                        + "run/sketch-lcm.safetensors",
                ]),
            [state, file, title, common.DataFile, common.OutFolder, common.Quiet], parsed =>
        {
            var folder = common.Out(parsed);
            var options = new DiffusionOptions
            {
                Data = common.Data(parsed),
                Out = folder,
                From = parsed.GetValue(state) ?? Trainer.StateIn(folder, DiffusionTrainer.Name),
            };
            var path = parsed.GetValue(file) ?? DiffusionTrainer.ModelPath(folder);
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            new DiffusionTrainer(options, Pack.Open(options.Data), share => progress.Working("encoding scenes", share))
                .WriteModel(path, parsed.GetValue(title) ?? "Easel Sketch 2");
            progress.Result(path);
        });
    }

    private static Command Evaluate(Shell shell)
    {
        var common = new CommonFlags();
        var model = Flags.Text("FILE", "the model (default: the one that comes with Easel)", "--model");
        var prompts = Flags.Whole("pictures for each kind of prompt at most (default: 200)", "--prompts");
        var steps = Flags.Whole("sampling steps (default: 20)", "--steps");
        var scale = Flags.Number("guidance scale (default: the model's own)", "--cfg");
        var sheet = Flags.Text("FILE", "draw 64 of the fixed prompts on a sheet and measure nothing", "--sheet");
        var judge = Flags.Switch("measure the judge alone, on composed drawings", "--judge");
        var pixels = Flags.Switch("measure the model's autoencoder alone, on scenes", "--autoencoder");
        return new PlainCommand("evaluate", "measure how often a model draws what it is asked",
            new HelpNotes("--data FILE [flags]",
                ["easel train evaluate --data sketch.data", "easel train evaluate --data sketch.data --judge", "easel train evaluate --sheet sheet.png"]),
            [model, prompts, steps, scale, sheet, judge, pixels, common.DataFile, common.Quiet], parsed =>
        {
            using var progress = IProgressDisplay.For(shell, parsed.GetValue(common.Quiet));
            var most = parsed.GetValue(prompts) ?? 200;
            if (parsed.GetValue(judge))
            {
                foreach (var score in new Evaluator(Pack.Open(common.Data(parsed))).Itself(most)) progress.Result(score.ToString());
                return;
            }
            var path = parsed.GetValue(model) ?? ModelChoice.Find(null, shell);
            if (parsed.GetValue(pixels))
            {
                foreach (var line in AutoencoderMeasure.Of(path, Pack.Open(common.Data(parsed)))) progress.Result(line);
                return;
            }
            using var generator = ImageGenerator.Load(path);
            if (parsed.GetValue(sheet) is { } file)
            {
                ContactSheet.Draw(generator, parsed.GetValue(steps) ?? 20, parsed.GetValue(scale), file, progress.Working, shell.Cancel);
                progress.Result(file);
                return;
            }
            var evaluator = new Evaluator(Pack.Open(common.Data(parsed)));
            foreach (var score in evaluator.Run(generator, parsed.GetValue(steps) ?? 20, parsed.GetValue(scale), most, progress.Working, shell.Cancel))
                progress.Result(score.ToString());
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
        public readonly Option<string?> DataFile = Flags.Text("FILE", "the data set, made by easel train data", "--data");
        public readonly Option<string?> OutFolder = Flags.Text("DIR", "folder for the run: state, log, pictures", "--out");
        private readonly Option<int?> _batch = Flags.Whole("pictures at a time", "--batch");
        private readonly Option<double?> _rate = Flags.Number("highest learning rate", "--rate");
        private readonly Option<double?> _minutes = Flags.Number("train for so many minutes", "--minutes");
        private readonly Option<double?> _until = Flags.Number("with --minutes: the share of the whole way that is then done (default: 1)", "--until");
        private readonly Option<int?> _steps = Flags.Whole("the steps of the whole way, whatever time they take", "--steps");
        private readonly Option<int?> _seed = Flags.Whole("decides all that is left to chance (default: 0)", "--seed");
        private readonly Option<bool> _resume = Flags.Switch("go on with the run in the folder", "--resume");
        private readonly Option<bool> _fullPrecision = Flags.Switch("compute in fp32 in place of bf16", "--full");
        public readonly Option<bool> Quiet = Flags.Switch("print nothing but the result", "--quiet", "-q");

        public Option[] All => [DataFile, OutFolder, _batch, _rate, _minutes, _until, _steps, _seed, _resume, _fullPrecision, Quiet];

        public string Data(ParseResult parsed) =>
            parsed.GetValue(DataFile) ?? throw new UsageException("Name the data set with --data; easel train data --out FILE makes one.");

        public string Out(ParseResult parsed) => parsed.GetValue(OutFolder) ?? throw new UsageException("Name a folder for the run with --out.");

        /// <summary>The options of a trainer, those that are not given as they are.</summary>
        public T Read<T>(ParseResult parsed, Option<string?> channels, T defaults) where T : TrainingOptions
        {
            var until = parsed.GetValue(_until) ?? 1;
            if (until is not (> 0 and <= 1)) throw new UsageException(
                $"--until takes a share above 0 and up to 1, not {until.ToString(CultureInfo.InvariantCulture)}.");
            return (T)((TrainingOptions)defaults with
            {
                Channels = parsed.GetValue(channels) is { } list ? Numbers(list) : defaults.Channels,
                Batch = parsed.GetValue(_batch) ?? defaults.Batch,
                Rate = parsed.GetValue(_rate) ?? defaults.Rate,
                Minutes = parsed.GetValue(_minutes),
                Until = until,
                Steps = parsed.GetValue(_steps),
                Resume = parsed.GetValue(_resume),
                FullPrecision = parsed.GetValue(_fullPrecision),
                Seed = parsed.GetValue(_seed) ?? 0,
            });
        }

        private static IReadOnlyList<int> Numbers(string list) => [.. list.Split(',').Select(text => int.TryParse(text, out var n) && n > 0 ? n
            : throw new UsageException($"--channels takes whole numbers with commas between, not '{list}'."))];
    }
}
