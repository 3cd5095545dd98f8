using System.CommandLine;
using Easel.Imaging;
using Easel.Sampling;

namespace Easel.Cli.Options;

/// <summary>What the command line of a drawing command says, nothing added: what it does not say is null.</summary>
internal sealed record DrawSettings
{
    public required DrawTask Task { get; init; }

    /// <summary>Whether the words of the original scripts are used, so that the run follows them.</summary>
    public bool IsScript { get; init; }

    /// <summary>Whether the scripts meant are those of optimizedSD.</summary>
    public bool IsOptimized { get; init; }

    /// <summary>The knobs that are turned, by their property, but for the pictures.</summary>
    public required IReadOnlyDictionary<string, object?> Turned { get; init; }

    /// <summary>The files of the pictures that are given, by their property.</summary>
    public required IReadOnlyDictionary<string, string> Pictures { get; init; }

    /// <summary>The value that a knob is turned to; the default of its type where it is not.</summary>
    public T? Of<T>(string property) => Turned.GetValueOrDefault(property) is T value ? value : default;

    public string? Prompt => Of<IReadOnlyList<string>>(nameof(GenerationRequest.Prompts))?[0];
    public string? Init => Pictures.GetValueOrDefault(nameof(GenerationRequest.InitImage));
    public string? Mask => Pictures.GetValueOrDefault(nameof(GenerationRequest.Mask));
    public string? Depth => Pictures.GetValueOrDefault(nameof(GenerationRequest.Depth));
    public Margins? Extend => Of<Margins>(nameof(GenerationRequest.Extend)) ?? Extended;

    /// <summary>The margins of a picture that is made again.</summary>
    public Margins? Extended { get; init; }

    public string? FromFile { get; init; }
    public int? Repeat { get; init; }
    public int? Count { get; init; }

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

    public string? Output { get; init; }
    public string? OutputFolder { get; init; }
    public bool Force { get; init; }
    public ImageFormat? Format { get; init; }
    public int? Quality { get; init; }
    public bool Grid { get; init; }
    public bool SkipGrid { get; init; }
    public bool SkipSave { get; init; }
    public int? Rows { get; init; }
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
    public static DrawSettings Read(ParseResult parsed, DrawFlags flags, string[] words, DrawTask task, bool optimized)
    {
        T? Of<T>(Option<T?> option) => parsed.GetValue(option);
        var (turned, pictures) = Knobs(parsed, flags);
        if (parsed.GetValue(flags.Laion400M))
            throw new UsageException("--laion400m asks for the model that came before Stable Diffusion (text2img-large), which Easel does not run.");
        if (parsed.GetValue(flags.Plms) && parsed.GetValue(flags.DpmSolver)) throw new UsageException("--plms and --dpm_solver are two samplers; choose one.");
        if (Of(flags.Count) is not null && turned.ContainsKey(nameof(GenerationRequest.BatchCount)))
            throw new UsageException("--count and --n_iter both say how many pictures there are to be; give one of them.");

        return new DrawSettings
        {
            Task = task,
            IsScript = optimized || ScriptFlags.AreIn(parsed, flags, turned),
            IsOptimized = optimized,
            Turned = turned,
            Pictures = pictures,
            FromFile = Of(flags.FromFile),
            Repeat = Of(flags.Repeat),
            Count = Of(flags.Count),
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
            Output = Of(flags.Output),
            OutputFolder = Of(flags.OutputFolder),
            Force = parsed.GetValue(flags.Force),
            Format = Of(flags.Format),
            Quality = Of(flags.Quality),
            Grid = parsed.GetValue(flags.Grid),
            SkipGrid = parsed.GetValue(flags.SkipGrid),
            SkipSave = parsed.GetValue(flags.SkipSave),
            Rows = Of(flags.Rows),
            NoMetadata = parsed.GetValue(flags.NoMetadata),
            Plan = parsed.GetValue(flags.Plan),
            Show = parsed.GetValue(flags.Show),
            Quiet = parsed.GetValue(flags.Quiet),
            Json = parsed.GetValue(flags.Json),
            Claimed = (Of(flags.Channels), Of(flags.Factor)),
            Notes = [.. ScriptFlags.Notes(parsed, flags)],
        }.With(words);
    }

    /// <summary>
    /// The words that stand alone: the prompt, or, as the original demos take them, a configuration, a checkpoint and a picture, each known by its ending.
    /// </summary>
    private DrawSettings With(string[] words)
    {
        var settings = this;
        foreach (var word in words)
        {
            var kind = Task is DrawTask.Inpaint or DrawTask.Depth or DrawTask.Upscale ? KindOf(word) : Word.Prompt;
            if (kind == Word.Config && settings.Config is null) settings = settings with { Config = word, IsScript = true };
            else if (kind == Word.Model && settings.Model is null) settings = settings with { Model = word };
            else if (kind == Word.Picture && settings.Init is null) settings = settings with { Pictures = With(settings.Pictures, nameof(GenerationRequest.InitImage), word) };
            else if (settings.Prompt is null) settings = settings with { Turned = With(settings.Turned, nameof(GenerationRequest.Prompts), (string[])[word]) };
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

    /// <summary>What the flags of the table of knobs say.</summary>
    private static (Dictionary<string, object?> Turned, Dictionary<string, string> Pictures) Knobs(ParseResult parsed, DrawFlags flags)
    {
        var (turned, pictures) = (new Dictionary<string, object?>(), new Dictionary<string, string>());
        if (parsed.GetValue(flags.Plms)) turned[nameof(GenerationRequest.Sampler)] = "plms";
        if (parsed.GetValue(flags.DpmSolver)) turned[nameof(GenerationRequest.Sampler)] = "dpm_solver";
        foreach (var (knob, option) in flags.Knobs)
        {
            if (parsed.GetResult(option) is not { Implicit: false }) continue;
            if (knob.Kind == KnobKind.Picture) pictures[knob.Property] = parsed.GetValue((Option<string?>)option)!;
            else turned[knob.Property] = option switch
            {
                Option<bool?> toggle => parsed.GetValue(toggle) ?? true,
                Option<bool> => !(bool)knob.Default!,
                _ => parsed.GetValue((Option<Turned?>)option)?.Value,
            };
        }
        return (turned, pictures);
    }

    private static Dictionary<string, T> With<T>(IReadOnlyDictionary<string, T> values, string property, T value) => new(values) { [property] = value };
}
