using Easel.Imaging;
using Easel.Metadata;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;

namespace Easel.Server.Page;

/// <summary>A picture to begin from.</summary>
/// <param name="Name">Its file's name.</param>
/// <param name="Image">Its pixels.</param>
/// <param name="Settings">What its text tells; null for nothing.</param>
/// <param name="Parameters">Its text as it stands, which goes on with it where it is enlarged.</param>
public sealed record InputPicture(string Name, RgbImage Image, PictureSettings? Settings, string? Parameters)
{
    /// <summary>Its width in its file, where only a smaller copy was sent.</summary>
    public int FullWidth { get; init; } = Image.Width;

    /// <summary>Its height in its file.</summary>
    public int FullHeight { get; init; } = Image.Height;

    /// <summary>Whether the browser sent a smaller copy.</summary>
    public bool IsSmaller => (FullWidth, FullHeight) != (Image.Width, Image.Height);
}

/// <summary>What one open tab is about to draw: its settings and its input picture, which outlive a visit to another page of it.</summary>
internal sealed partial class DrawState(ModelLibrary library, StyleLibrary styles, Wildcards wildcards, JobIntake intake, Gallery gallery,
    PictureReader pictures, ServerLimits limits, Browser browser)
{
    private const string Key = "easel.draw", HistoryKey = "easel.history";
    private const int MostHistory = 60;
    private bool _isRead;

    private readonly Dictionary<string, string> _wrong = []; // by the property of the request
    private readonly List<string> _history = [];

    public event Action? Changed;

    public PageSettings Settings { get; private set; } = new();

    public InputPicture? Input { get; private set; } // the picture to begin from; null for none
    public IReadOnlyList<ControlUnit> Controls { get; set; } = []; // what steers beside the prompt
    public Margins Extend { get; set; } = new(); // pixels to add around it
    public Exception? Refusal { get; private set; } // what the last try to draw came to, where it was refused

    /// <summary>The setting that was refused, as the request names it.</summary>
    public string? RefusedField => (Refusal as InvalidRequestException)?.Field;

    /// <summary>What was drawn lately, the last first.</summary>
    public IReadOnlyList<string> History => _history;

    /// <summary>Why what stands in a field cannot be read; null where it can.</summary>
    public string? WrongIn(string property) => _wrong.GetValueOrDefault(property);

    /// <summary>Takes note that what stands in a field cannot be read, or again can; nothing is drawn meanwhile.</summary>
    public void Mark(Knob knob, string? text)
    {
        if (text is null) _wrong.Remove(knob.Property);
        else _wrong[knob.Property] = $"{knob.Label} is \"{(text.Length > 24 ? text[..24] + "…" : text)}\"; it must be {MustBe(knob)}.";
    }

    private string MustBe(Knob knob)
    {
        if (knob.Property == nameof(GenerationRequest.Seed)) return "a whole number, or empty for a new one each time";
        var range = RangeOf(knob);
        return range is var (least, most) ? string.Create(CultureInfo.InvariantCulture, $"{knob.ValueKind} from {least} to {most}") : knob.ValueKind;
    }

    /// <summary>What a number may be here: the server's limits are narrower than the library's.</summary>
    public (double Least, double Most)? RangeOf(Knob knob) => knob.Range is not var (least, most) ? null : knob.Property switch
    {
        nameof(GenerationRequest.Steps) or nameof(GenerationRequest.HiresSteps) => (least, Math.Min(most, limits.Steps)),
        nameof(GenerationRequest.BatchCount) => (least, Math.Min(most, limits.Images)),
        nameof(GenerationRequest.Width) or nameof(GenerationRequest.Height) => (least, Math.Min(most, limits.Pixels / 64.0)),
        _ => (least, most),
    };

    /// <summary>The picture that the person chose to look at; null to follow what is drawn.</summary>
    public Picture? Shown
    {
        get;
        set
        {
            field = value;
            Changed?.Invoke();
        }
    }

    /// <summary>The model that will draw; null where there is none.</summary>
    public ModelEntry? Model => (Settings.Model is { } name ? library.Find(name, ModelUse.Checkpoint) : null) ?? library.Default;

    /// <summary>Whether nothing can be drawn without a picture.</summary>
    public bool NeedsPicture => Model?.Model is { NeedsPicture: true } or { TakesDepth: true };

    /// <summary>Width and height of the next picture; null where the input picture decides.</summary>
    public (int Width, int Height)? Size
    {
        get
        {
            if (Input is not null && (Settings.SizeOfPicture || Model?.Model is { Enlarges: > 1 })) return null;
            var own = Model?.NativeSize ?? 512;
            var request = Settings.Request;
            return (request.Width ?? own, request.Height ?? own);
        }
    }

    /// <summary>What is set, with what the model decides filled in.</summary>
    public GenerationRequest Asked => Model?.Defaults is { } defaults ? Settings.Request.With(defaults) : Settings.Request;

    /// <summary>Whether a knob does anything with the model and the picture that are chosen.</summary>
    public bool Applies(Knob knob) => knob.Needs switch
    {
        KnobNeeds.Picture or KnobNeeds.Start when Input is not null || knob.Needs == KnobNeeds.Picture =>
            Input is not null && Model?.Model is not { Enlarges: > 1 },
        KnobNeeds.Start or KnobNeeds.SecondPass => Input is null && Settings.Request.HasSecondPass,
        KnobNeeds.Detail => Settings.Request.Detail != DetailKind.None,
        KnobNeeds.Mask => Input is not null && Settings.Use == InputUse.Mask,
        KnobNeeds.Upscaler => Model?.Model is { Enlarges: > 1 },
        KnobNeeds.Refiner => Settings.Request.Refiner is not null,
        KnobNeeds.FaceRestorer => Settings.Request.FaceRestorer is not null,
        KnobNeeds.DepthModel => Model?.Model is { TakesDepth: true },
        _ => knob.Property != nameof(GenerationRequest.ExactSize) || Input is null && Model?.Model is { IsSmall: true },
    };

    public void SetSize(int? width, int? height)
    {
        Settings.Turn(nameof(GenerationRequest.Width), width);
        Settings.Turn(nameof(GenerationRequest.Height), height);
    }

    /// <summary>Reads what the browser remembers, once.</summary>
    public async Task Read()
    {
        if (_isRead) return;
        _isRead = true;
        var memory = await browser.Ask<Memory>("memory");
        Settings = PageSettings.FromJson(memory?.Settings);
        // What was typed while the connection was lost is only in the browser.
        if (memory?.Draft is [{ } prompt, { } negative]) (Settings.Prompt, Settings.NegativePrompt) = (prompt, negative);
        _history.AddRange(HistoryOf(memory?.History));
        ShowExample();
    }

    /// <summary>What the browser remembers.</summary>
    private sealed record Memory(string? Settings, string?[]? Draft, string? History);

    private static string[] HistoryOf(string? json)
    {
        try
        {
            return json is null ? [] : [.. (JsonSerializer.Deserialize<string?[]>(json) ?? []).OfType<string>().Take(MostHistory)];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    /// <summary>Has the browser remember the prompt among the earlier ones.</summary>
    public async Task RememberPrompt()
    {
        if (Settings.Prompt.Trim() is not { Length: > 0 } prompt || _history is [var last, ..] && last == prompt) return;
        _history.Remove(prompt);
        _history.Insert(0, prompt);
        if (_history.Count > MostHistory) _history.RemoveAt(MostHistory);
        await browser.Call("remember", HistoryKey, JsonSerializer.Serialize(_history));
    }

    /// <summary>Chooses a model, whose own size and example then hold.</summary>
    public void Choose(string? model)
    {
        Settings.Model = model;
        SetSize(null, null);
        ShowExample();
    }

    /// <summary>Writes a prompt that the model knows where nothing stands but the example of another.</summary>
    private void ShowExample()
    {
        if (Settings.Prompt != (Settings.Example ?? "")) return;
        Settings.Prompt = Settings.Example = Examples.First(Model);
    }

    /// <summary>The styles that the model knows, a person's own first.</summary>
    public IReadOnlyList<(string Group, IReadOnlyList<PromptStyle> Styles)> Styles =>
        styles.Own.Count > 0 ? [("Your own", styles.Own), .. PromptStyles.For(Model)] : PromptStyles.For(Model);

    /// <summary>Has the browser remember the settings, and takes back that others were refused.</summary>
    public Task Remember()
    {
        Refusal = null;
        Changed?.Invoke();
        return browser.Call("remember", Key, Settings.ToJson());
    }

    /// <summary>Puts all settings back, but for what is written.</summary>
    public void Reset() => Settings = new PageSettings { Prompt = Settings.Prompt, NegativePrompt = Settings.NegativePrompt, Model = Settings.Model };

    /// <summary>Takes a picture to begin from.</summary>
    /// <param name="head">The first bytes of the file where the browser made the picture smaller, for the text in them; null where it did not.</param>
    /// <param name="wasWidth">How wide the picture is in its file, upright.</param>
    /// <param name="wasHeight">How high.</param>
    public void TakeInput(string name, byte[] file, byte[]? head = null, int? wasWidth = null, int? wasHeight = null)
    {
        var image = pictures.Load(new MemoryStream(file, writable: false), name);
        var metadata = MetadataOf(head ?? file, name, isWhole: head is null);
        Input = new InputPicture(name, image, PictureSettings.Read(metadata), metadata.Parameters)
        {
            FullWidth = wasWidth ?? image.Width,
            FullHeight = wasHeight ?? image.Height,
        };
        Extend = new Margins();
        Refusal = null;
        // A photograph of twelve million pixels is drawn at a size that the model is at home in.
        var own = Model?.NativeSize ?? 512;
        Settings.SizeOfPicture = (double)image.Width * image.Height <= 2.5 * own * own && Math.Min(image.Width, image.Height) >= 64;
        if (Settings.SizeOfPicture) return;
        var scale = Math.Sqrt(1.5 * own * own / ((double)image.Width * image.Height));
        SetSize(Rounded(image.Width * scale), Rounded(image.Height * scale));

        static int Rounded(double side) => Math.Clamp((int)Math.Round(side / 64) * 64, 64, 2048);
    }

    /// <summary>The longest side to which the browser brings a photograph before it is sent, unless it is to be enlarged.</summary>
    public int LongestSide => Math.Max(1024, 2 * (Model?.NativeSize ?? 512));

    private static ImageMetadata MetadataOf(byte[] file, string name, bool isWhole)
    {
        try
        {
            return ImageFile.ReadMetadata(new MemoryStream(file, writable: false), name);
        }
        catch (EaselException) when (!isWhole)
        {
            return new ImageMetadata(null);
        }
    }

    /// <summary>Takes a picture of the gallery to begin from.</summary>
    public async Task TakeInput(Picture picture)
    {
        TakeInput(picture.Prompt.Length > 0 ? picture.Prompt : Path.GetFileName(picture.File), gallery.Read(picture.Id));
        Input = Input! with { Settings = null }; // to use these is a button of the gallery
        await browser.Call("hold", $"api/pictures/{picture.Id}/file");
    }

    public async Task DropInput()
    {
        (Input, Extend, Refusal) = (null, new Margins(), null);
        Changed?.Invoke();
        await browser.Call("hold", (string?)null);
    }

    /// <summary>Takes over the settings of a picture of the gallery.</summary>
    public async Task TakeSettings(Picture picture)
    {
        Settings.Take(SettingsOf(picture).ToRequest() with { Width = picture.Width / 8 * 8, Height = picture.Height / 8 * 8 });
        if (picture.Model is { } model && library.Find(model, ModelUse.Checkpoint) is { } entry) Settings.Model = entry.Name;
        await Remember();
    }

    /// <summary>Puts what is set into the queue.</summary>
    /// <param name="mask">What is painted over the input picture; null for nothing.</param>
    /// <returns>The job; null where it was refused, which <see cref="Refusal"/> tells.</returns>
    public async Task<Job?> Draw(GrayImage? mask, string client)
    {
        Refusal = null;
        try
        {
            if (Settings.Use != InputUse.Enlarge || Input is null)
            {
                foreach (var (property, sentence) in _wrong)
                    if (Applies(Knobs.Find(property)!)) throw new InvalidRequestException(property, sentence);
            }
            if (!Settings.SeedIsLocked || Settings.Request.Seed is null) Settings.Turn(nameof(GenerationRequest.Seed), Random.Shared.NextInt64(1L << 32));
            if (Input is null && NeedsPicture && Settings.Use != InputUse.Enlarge)
                throw new InvalidRequestException(
                    nameof(GenerationRequest.InitImage), $"{Model!.Name} begins from a picture: open one, paste it, or drop it here.");
            var asked = Settings.Use == InputUse.Enlarge && Input is not null ? Enlargement(Input, Settings.Upscaler, Settings.Scale) : Drawing(mask);
            // The pictures it begins from are written meanwhile; the page goes on.
            var job = await Task.Run(() => PlotOf(asked) is { } plot ? intake.Submit(plot, client) : intake.Submit(asked, client));
            Shown = null;
            return job;
        }
        catch (EaselException refusal)
        {
            Refusal = refusal;
            Changed?.Invoke();
            return null;
        }
    }

    /// <summary>Draws variations of a picture: its settings with fresh seeds.</summary>
    public Job DrawSimilar(Picture picture, string client)
    {
        var told = SettingsOf(picture);
        if (told.NeedsPicture) throw new EaselException("This picture was made from another one, which its settings do not hold: use it as input instead.");
        var request = told.ToRequest() with { Seed = null, BatchSize = 1, BatchCount = 4 };
        Shown = null;
        return intake.Submit(new JobRequest
        {
            Model = picture.Model is { } name ? library.Find(name, ModelUse.Checkpoint)?.Name
            : null,
            File = File,
            Request = request,
        }, client);
    }

    /// <summary>Enlarges a picture of the gallery with the best that there is.</summary>
    public Job Enlarge(Picture picture, string client)
    {
        using var file = new MemoryStream(gallery.Read(picture.Id), writable: false);
        Shown = null;
        return intake.Submit(Enlargement(new InputPicture(picture.File, pictures.Load(file, picture.File), null, picture.Parameters), Settings.Upscaler,
            scale: null), client);
    }

    private static PictureSettings SettingsOf(Picture picture) => PictureSettings.Read(new ImageMetadata(picture.Parameters))
        ?? throw new EaselException("The text in this picture does not tell how it was made.");

    private KeptForm? File => Settings.File == new KeptForm() ? null : Settings.File;

    private JobRequest Enlargement(InputPicture input, string? upscaler, double? scale) => new()
    {
        File = File,
        Task = JobTask.Enlarge,
        Model = upscaler,
        Scale = scale,
        Parameters = input.Parameters,
        Request = new GenerationRequest { InitImage = input.Image },
    };

    /// <summary>Whether something in the prompt is to be chosen: {red|blue}, __animal__.</summary>
    public bool HasChoices => Settings.Prompt.Contains('|') && Settings.Prompt.Contains('{') || Settings.Prompt.Contains("__", StringComparison.Ordinal);

    /// <summary>How many pictures will be drawn, as far as the prompt can be read.</summary>
    public long PictureCount
    {
        get
        {
            var each = Math.Max(1, Settings.Request.BatchCount) * PlacesOfPlot;
            if (!Settings.AllChoices || !HasChoices) return (long)Settings.Prompts.Count * each;
            try
            {
                return Settings.Prompts.Sum(prompt => Math.Min(1_000_000, PromptTemplate.Parse(prompt, wildcards.Find).Count)) * each;
            }
            catch (InvalidRequestException)
            {
                return 1; // drawing it tells
            }
        }
    }

    /// <summary>The prompts with a choice made wherever there is one: all of them in turn, or another for each picture.</summary>
    private (IReadOnlyList<string> Prompts, int Each) Chosen(int each)
    {
        if (!HasChoices) return (Settings.Prompts, each);
        var templates = Settings.Prompts.Select(prompt => PromptTemplate.Parse(prompt, wildcards.Find)).ToList();
        if (!templates.Exists(template => template.HasChoices)) return ([.. templates.Select(template => template.All(1)[0])], each);
        if (Settings.AllChoices) return ([.. templates.SelectMany(template => template.All(limits.Images))], each);
        if ((long)each * templates.Count > limits.Images) return ([.. templates.Select(template => template.Draw(Random.Shared))], each); // refused then
        return ([.. Enumerable.Range(0, each).SelectMany(_ => templates.Select(template => template.Draw(Random.Shared)))], 1);
    }

    private JobRequest Drawing(GrayImage? mask)
    {
        var (prompts, each) = Chosen(Settings.Request.BatchCount);
        var size = Size;
        var turned = Knobs.All.Where(knob => !Applies(knob)).Aggregate(Settings.Request, (rest, knob) => knob.Set(rest, knob.Default));
        var chosen = Styles.SelectMany(group => group.Styles).Select(style => style.Name).Where(Settings.Styles.Contains).ToList();
        var request = turned with
        {
            Prompts = [.. prompts.Select(prompt => Styled(prompt, chosen))],
            NegativePrompt = styles.Apply("", Settings.NegativePrompt.Trim(), chosen).Negative,
            Width = size?.Width,
            Height = size?.Height,
            BatchCount = each,
            Controls = Controls,
        };
        if (Input is { } input) request = WithInput(request, input, mask);
        return new JobRequest { Model = Model?.Name ?? Settings.Model, Vae = Settings.Vae, File = File, Request = request };
    }

    private GenerationRequest WithInput(GenerationRequest request, InputPicture input, GrayImage? mask)
    {
        request = request with { InitImage = input.Image };
        if (Model?.Model is { Enlarges: > 1 }) return request;
        if (Settings.Use == InputUse.Extend)
        {
            if (!Extend.Any) throw new InvalidRequestException(
                nameof(request.Extend), "Nothing is added to the picture yet: drag an edge outwards, or write how many pixels.");
            return request with { Extend = Extend, Strength = Math.Max(request.Strength, 0.9) };
        }
        if (Settings.Use != InputUse.Mask) return request;
        if (mask is null) throw new InvalidRequestException(nameof(request.Mask), "Nothing is painted yet: paint over what is to be drawn anew.");
        return request with { Mask = mask };
    }
}
