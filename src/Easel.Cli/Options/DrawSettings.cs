using Easel.Imaging;

namespace Easel.Cli.Options;

/// <summary>What the command line of a drawing command says, nothing added: what it does not say is null.</summary>
internal sealed record DrawSettings(ParseResult Parsed, DrawFlags Flags)
{
    public required DrawTask Task { get; init; }

    public bool IsScript { get; init; } // whether the words of the original scripts are used, so that the run follows them
    public bool IsOptimized { get; init; } // whether the scripts meant are those of optimizedSD
    public required IReadOnlyDictionary<string, object?> Turned { get; init; } // the knobs that are turned, by their property, but for the pictures
    public required IReadOnlyDictionary<string, string> Pictures { get; init; } // the files of the pictures that are given, by their property

    /// <summary>The value that a knob is turned to; the default of its type where it is not.</summary>
    public T? Of<T>(string property) => Turned.GetValueOrDefault(property) is T value ? value : default;

    public string? Prompt => Of<IReadOnlyList<string>>(nameof(GenerationRequest.Prompts))?[0];
    public string? Init => Pictures.GetValueOrDefault(nameof(GenerationRequest.InitImage));
    public string? Mask => Pictures.GetValueOrDefault(nameof(GenerationRequest.Mask));
    public string? Depth => Pictures.GetValueOrDefault(nameof(GenerationRequest.Depth));
    public IReadOnlyList<ControlFlag> Controls { get; init; } = []; // the networks that steer, with the files of their pictures
    public Margins? Extend => Of<Margins>(nameof(GenerationRequest.Extend)) ?? Extended;

    /// <summary>The margins of a picture that is made again.</summary>
    public Margins? Extended { get; init; }

    /// <summary>How many times upscale enlarges; null for as often as the network does.</summary>
    public double? Times => Parsed.GetValue(Flags.Times) is not { } times ? null : times is > 0 and <= 16 ? times
        : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--times is {times}; it must be above 0 and at most 16."));

    /// <summary>The axes of a plot, or the parts of the prompt that are combined; null where a plain run is asked for.</summary>
    /// <exception cref="EaselException">They cannot be read.</exception>
    public PictureGrid? Plot
    {
        get
        {
            var axes = new[] { Flags.X, Flags.Y, Flags.Z }.Select(flag => Parsed.GetValue(flag)).ToList();
            var isMatrix = Parsed.GetValue(Flags.Matrix);
            if (axes.All(axis => axis is null) && !isMatrix)
            {
                return Parsed.GetValue(Flags.NoLegend) || Parsed.GetValue(Flags.Margin) is not null
                    ? throw new UsageException("--margin and --no-legend are about the sheet of a plot: give --x, --y, --z or --matrix too.") : null;
            }
            if (isMatrix && axes.Exists(axis => axis is not null)) throw new UsageException("--matrix and axes were both given; give one of them.");
            return isMatrix ? PictureGrid.OfPromptMatrix(Prompt ?? "") : new PictureGrid(Axis("--x", axes[0]), Axis("--y", axes[1]), Axis("--z", axes[2]));
        }
    }

    /// <summary>The sheet of a plot, as the flags want it.</summary>
    public GridSheet SheetOf(PictureGrid plot) =>
        plot.Sheet with { HasLegend = !Parsed.GetValue(Flags.NoLegend), Margin = Parsed.GetValue(Flags.Margin) ?? 0 };

    private static GridAxis Axis(string flag, string? text)
    {
        if (text is null) return GridAxis.Nothing;
        var equals = text.IndexOf('=');
        return equals > 0 ? GridAxis.Parse(text[..equals], text[(equals + 1)..])
            : throw new UsageException($"{flag} takes what changes and its values, as {flag} steps=10,20,30, not '{text}'.");
    }

    public string? FromFile => Parsed.GetValue(Flags.FromFile);
    public int? Repeat => Parsed.GetValue(Flags.Repeat);
    public int? Count => Parsed.GetValue(Flags.Count);

    public string? Model { get; init; } = Parsed.GetValue(Flags.Model); // the model's file; null where none is named
    public LoadOptions Load { get; init; } = Flags.Load(Parsed); // how to load it, as Load reads it

    public string? Output => Parsed.GetValue(Flags.Output);
    public string? OutputFolder { get; init; } = Parsed.GetValue(Flags.OutputFolder);
    public bool Force => Parsed.GetValue(Flags.Force);
    public ImageFormat? Format => Parsed.GetValue(Flags.Format);
    public int? Quality => Parsed.GetValue(Flags.Quality);
    public bool Grid => Parsed.GetValue(Flags.Grid);
    public bool SkipGrid => Parsed.GetValue(Flags.SkipGrid);
    public bool SkipSave => Parsed.GetValue(Flags.SkipSave);
    public int? Rows => Parsed.GetValue(Flags.Rows);
    public bool NoMetadata => Parsed.GetValue(Flags.NoMetadata);
    public bool Plan => Parsed.GetValue(Flags.Plan);
    public bool Show => Parsed.GetValue(Flags.Show);
    public bool Quiet => Parsed.GetValue(Flags.Quiet);
    public bool Json => Parsed.GetValue(Flags.Json);

    /// <summary>The latent channels and pixels per latent that the scripts' flags claim; checked against the model.</summary>
    public (int? Channels, int? Factor) Claimed => (Parsed.GetValue(Flags.Channels), Parsed.GetValue(Flags.Factor));

    /// <summary>What the person should be told of flags that mean little here.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <exception cref="UsageException">Flags contradict each other, or ask for what is not there.</exception>
    public static DrawSettings Read(ParseResult parsed, DrawFlags flags, string[] words, DrawTask task, bool optimized)
    {
        var (turned, pictures) = Knobs(parsed, flags);
        if (parsed.GetValue(flags.Laion400M))
            throw new UsageException("--laion400m asks for the model that came before Stable Diffusion (text2img-large), which Easel does not run.");
        if (parsed.GetValue(flags.Plms) && parsed.GetValue(flags.DpmSolver)) throw new UsageException("--plms and --dpm_solver are two samplers; choose one.");
        if (parsed.GetValue(flags.Count) is not null && turned.ContainsKey(nameof(GenerationRequest.BatchCount)))
            throw new UsageException("--count and --n_iter both say how many pictures there are to be; give one of them.");

        return new DrawSettings(parsed, flags)
        {
            Task = task,
            IsScript = optimized || ScriptFlags.AreIn(parsed, flags, turned),
            IsOptimized = optimized,
            Turned = turned,
            Pictures = pictures,
            Controls = [.. (parsed.GetValue((Option<string[]?>)flags.Knobs[Easel.Knobs.Find(nameof(GenerationRequest.Controls))!]) ?? [])
                .Select(ControlFlag.Parse)],
            Notes = [.. ScriptFlags.Notes(parsed, flags)],
        }.With(words);
    }

    /// <summary>
    /// Words that stand alone: the prompt, or, as the original demos take them, configuration, checkpoint and picture, known by their endings.
    /// </summary>
    private DrawSettings With(string[] words)
    {
        var settings = this;
        var isDemo = Task is DrawTask.Inpaint or DrawTask.Depth or DrawTask.Upscale;
        if (Task == DrawTask.Upscale && Init is null && words.Length > 0 && words.All(word => KindOf(word) == Word.Prompt && !File.Exists(word)))
            throw new UsageException($"There is no picture '{words[^1]}'; give the one to enlarge with -i, as in: -i picture.png.");
        foreach (var word in words)
        {
            var kind = isDemo ? KindOf(word) : Word.Prompt;
            // Of a file that is there its name's ending need not tell what it is; whether it is a picture is seen in it.
            if (Task == DrawTask.Upscale && kind == Word.Prompt && settings.Init is null && File.Exists(word)) kind = Word.Picture;
            if (kind == Word.Config && settings.Load.Config is null)
                settings = settings with { Load = settings.Load with { Config = word }, IsScript = true };
            else if (kind == Word.Model && settings.Model is null) settings = settings with { Model = word };
            else if (kind == Word.Picture && settings.Init is null)
                settings = settings with { Pictures = With(settings.Pictures, nameof(GenerationRequest.InitImage), word) };
            else if (kind != Word.Prompt)
                throw new UsageException($"'{word}' is one {(kind == Word.Picture ? "picture" : kind == Word.Model ? "model" : "configuration")} too many"
                    + $"{(kind != Word.Picture || Task == DrawTask.Upscale ? "" : "; --mask names a mask, --depth a depth map")}.");
            else if (settings.Prompt is null)
                settings = settings with { Turned = With(settings.Turned, nameof(GenerationRequest.Prompts), (string[])[word]) };
            else if (Prompt is not null) throw new UsageException($"There is a prompt in --prompt and another in '{word}'; give one of them.");
            else throw new UsageException($"'{word}' is a word too many; a prompt of several words goes in quotes: "
                + $"easel {(isDemo ? Parsed.CommandResult.Command.Name + " " : "")}\"{settings.Prompt} {word}\".");
        }
        if (settings is { Prompt: not null, FromFile: not null }) throw new UsageException("--from-file and a prompt were both given; give one of them.");
        return settings;
    }

    private enum Word { Prompt, Config, Model, Picture }

    private static Word KindOf(string word) => Path.GetExtension(word).ToLowerInvariant() switch
    {
        ".yaml" or ".yml" => Word.Config,
        ".ckpt" or ".safetensors" or ".gguf" or ".pt" or ".pth" or ".bin" => Word.Model,
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
            if (parsed.GetResult(option) is not { Implicit: false } || knob.Kind == KnobKind.Controls) continue;
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
