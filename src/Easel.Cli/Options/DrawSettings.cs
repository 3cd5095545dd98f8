using System.CommandLine;
using Easel.Imaging;
using Easel.Sampling;

namespace Easel.Cli.Options;

/// <summary>What the command line of a drawing command says, nothing added: what it does not say is null.</summary>
internal sealed record DrawSettings
{
    public required Job Job { get; init; }

    /// <summary>Whether the words of the original scripts are used, so that the run follows them.</summary>
    public bool IsScript { get; init; }

    /// <summary>Whether the scripts meant are those of optimizedSD.</summary>
    public bool IsOptimized { get; init; }

    public string? Prompt { get; init; }
    public string? Negative { get; init; }
    public string? FromFile { get; init; }
    public int? Repeat { get; init; }
    public bool? Literal { get; init; }
    public int? ClipSkip { get; init; }

    public string? Model { get; init; }
    public string? Config { get; init; }
    public string? Vae { get; init; }
    public string? TinyVae { get; init; }
    public string? DepthModel { get; init; }
    public string? Loras { get; init; }
    public string? Embeddings { get; init; }
    public bool Ema { get; init; }
    public PredictionType? Prediction { get; init; }
    public Precision? Precision { get; init; }
    public string? Device { get; init; }

    public int? Width { get; init; }
    public int? Height { get; init; }
    public int? Steps { get; init; }
    public double? Scale { get; init; }
    public string? Sampler { get; init; }
    public string? Schedule { get; init; }
    public double? Eta { get; init; }
    public FastLevel? Fast { get; init; }
    public SeedChoice? Seed { get; init; }
    public int? Count { get; init; }
    public int? Batch { get; init; }
    public int? Iterations { get; init; }
    public NoiseLike? Like { get; init; }
    public bool FixedCode { get; init; }

    public string? Init { get; init; }
    public double? Strength { get; init; }
    public ImageFit? Fit { get; init; }
    public string? Mask { get; init; }
    public double? MaskBlur { get; init; }
    public bool InvertMask { get; init; }
    public MaskFill? Fill { get; init; }
    public bool OnlyMasked { get; init; }
    public int? Padding { get; init; }
    public Margins? Extend { get; init; }
    public string? Depth { get; init; }
    public int? NoiseLevel { get; init; }

    public string? Output { get; init; }
    public string? OutputFolder { get; init; }
    public bool Force { get; init; }
    public ImageFormat? Format { get; init; }
    public int? Quality { get; init; }
    public bool Grid { get; init; }
    public bool SkipGrid { get; init; }
    public bool SkipSave { get; init; }
    public int? Rows { get; init; }
    public bool NoWatermark { get; init; }
    public bool NoMetadata { get; init; }
    public bool Plan { get; init; }
    public bool Show { get; init; }
    public bool Quiet { get; init; }
    public bool Json { get; init; }

    /// <summary>The latent channels and pixels per latent that the scripts' flags claim; checked against the model.</summary>
    public (int? Channels, int? Factor) Claimed { get; init; }

    /// <summary>What the person should be told of flags that mean little here.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Reads a command line that parsed.</summary>
    /// <exception cref="UsageException">Flags contradict each other, or ask for what is not there.</exception>
    public static DrawSettings Read(ParseResult parsed, DrawFlags flags, Argument<string[]> words, Job job, bool optimized)
    {
        T? Of<T>(Option<T?> option) => parsed.GetValue(option);
        if (parsed.GetValue(flags.Laion400M))
            throw new UsageException("--laion400m asks for the model that came before Stable Diffusion (text2img-large), which Easel does not run.");
        if (parsed.GetValue(flags.Plms) && parsed.GetValue(flags.DpmSolver)) throw new UsageException("--plms and --dpm_solver are two samplers; choose one.");
        if (Of(flags.Count) is not null && Of(flags.Iterations) is not null)
            throw new UsageException("--count and --n_iter both say how many pictures there are to be; give one of them.");

        return new DrawSettings
        {
            Job = job,
            IsScript = optimized || ScriptFlags.AreIn(parsed, flags),
            IsOptimized = optimized,
            Prompt = Of(flags.Prompt),
            Negative = Of(flags.Negative),
            FromFile = Of(flags.FromFile),
            Repeat = Of(flags.Repeat),
            Literal = Literally(parsed, flags),
            ClipSkip = Of(flags.ClipSkip),
            Model = Of(flags.Model),
            Config = Of(flags.Config),
            Vae = Of(flags.Vae),
            TinyVae = Of(flags.TinyVae),
            DepthModel = Of(flags.DepthModel),
            Loras = Of(flags.Loras),
            Embeddings = Of(flags.Embeddings),
            Ema = parsed.GetValue(flags.Ema),
            Prediction = Of(flags.Prediction),
            Precision = Of(flags.Precision) ?? (parsed.GetValue(flags.BFloat16) ? Easel.Precision.BFloat16 : null),
            Device = Of(flags.Device),
            Width = Of(flags.Width),
            Height = Of(flags.Height),
            Steps = Of(flags.Steps),
            Scale = Of(flags.Scale),
            Sampler = Of(flags.Sampler) ?? (parsed.GetValue(flags.Plms) ? "plms" : parsed.GetValue(flags.DpmSolver) ? "dpm_solver" : null),
            Schedule = Of(flags.Schedule),
            Eta = Of(flags.Eta),
            Fast = Of(flags.Fast),
            Seed = Of(flags.Seed),
            Count = Of(flags.Count),
            Batch = Of(flags.Batch),
            Iterations = Of(flags.Iterations),
            Like = Of(flags.Like),
            FixedCode = parsed.GetValue(flags.FixedCode),
            Init = Of(flags.Init),
            Strength = Of(flags.Strength),
            Fit = Of(flags.Fit),
            Mask = Of(flags.Mask),
            MaskBlur = Of(flags.MaskBlur),
            InvertMask = parsed.GetValue(flags.InvertMask),
            Fill = Of(flags.Fill),
            OnlyMasked = parsed.GetValue(flags.OnlyMasked),
            Padding = Of(flags.Padding),
            Extend = Of(flags.Extend),
            Depth = Of(flags.Depth),
            NoiseLevel = Of(flags.NoiseLevel),
            Output = Of(flags.Output),
            OutputFolder = Of(flags.OutputFolder),
            Force = parsed.GetValue(flags.Force),
            Format = Of(flags.Format),
            Quality = Of(flags.Quality),
            Grid = parsed.GetValue(flags.Grid),
            SkipGrid = parsed.GetValue(flags.SkipGrid),
            SkipSave = parsed.GetValue(flags.SkipSave),
            Rows = Of(flags.Rows),
            NoWatermark = parsed.GetValue(flags.NoWatermark),
            NoMetadata = parsed.GetValue(flags.NoMetadata),
            Plan = parsed.GetValue(flags.Plan),
            Show = parsed.GetValue(flags.Show),
            Quiet = parsed.GetValue(flags.Quiet),
            Json = parsed.GetValue(flags.Json),
            Claimed = (Of(flags.Channels), Of(flags.Factor)),
            Notes = [.. ScriptFlags.Notes(parsed, flags)],
        }.With(parsed.GetValue(words) ?? []);
    }

    /// <summary>
    /// The words that stand alone: the prompt, or, as the original demos take them, a configuration, a checkpoint and a picture, each known by its ending.
    /// </summary>
    private DrawSettings With(string[] words)
    {
        var settings = this;
        foreach (var word in words)
        {
            var kind = Job is Job.Inpaint or Job.Depth or Job.Upscale ? KindOf(word) : Word.Prompt;
            if (kind == Word.Config && settings.Config is null) settings = settings with { Config = word, IsScript = true };
            else if (kind == Word.Model && settings.Model is null) settings = settings with { Model = word };
            else if (kind == Word.Picture && settings.Init is null) settings = settings with { Init = word };
            else if (settings.Prompt is null) settings = settings with { Prompt = word };
            else if (Prompt is not null) throw new UsageException($"There is a prompt in --prompt and another in '{word}'; give one of them.");
            else throw new UsageException($"'{word}' is a word too many; a prompt of several words goes in quotes: easel \"{settings.Prompt} {word}\".");
        }
        if (settings is { Prompt: not null, FromFile: not null }) throw new UsageException("--from-file and a prompt were both given; give one of them.");
        return settings;
    }

    private enum Word
    {
        Prompt,
        Config,
        Model,
        Picture,
    }

    private static Word KindOf(string word) => Path.GetExtension(word).ToLowerInvariant() switch
    {
        ".yaml" or ".yml" => Word.Config,
        ".ckpt" or ".safetensors" or ".pt" or ".pth" or ".bin" => Word.Model,
        ".png" or ".jpg" or ".jpeg" or ".webp" or ".bmp" or ".gif" => Word.Picture,
        _ => Word.Prompt,
    };

    private static bool? Literally(ParseResult parsed, DrawFlags flags) =>
        parsed.GetResult(flags.Literal) is { Implicit: false } ? parsed.GetValue(flags.Literal) ?? true : null;
}
