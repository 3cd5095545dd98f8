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
public sealed record InputPicture(string Name, RgbImage Image, PictureSettings? Settings, string? Parameters);

/// <summary>What one open tab is about to draw: its settings and its input picture, which outlive a visit to another page of it.</summary>
internal sealed class DrawState(ModelLibrary library, StyleLibrary styles, JobQueue queue, Gallery gallery, PictureReader pictures, Browser browser)
{
    private const string Key = "easel.draw";
    private bool _isRead;

    public event Action? Changed;

    public PageSettings Settings { get; private set; } = new();

    public InputPicture? Input { get; private set; } // the picture to begin from; null for none
    public IReadOnlyList<ControlUnit> Controls { get; set; } = []; // what steers beside the prompt
    public Margins Extend { get; set; } = new(); // pixels to add around it
    public Exception? Refusal { get; private set; } // what the last try to draw came to, where it was refused

    /// <summary>The setting that was refused, as the request names it.</summary>
    public string? RefusedField => (Refusal as InvalidRequestException)?.Field;

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
        KnobNeeds.DepthModel => Model?.Model is { TakesDepth: true },
        _ => true,
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
        Settings = PageSettings.FromJson(await browser.Ask<string?>("recall", Key));
    }

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
    public void TakeInput(string name, byte[] file)
    {
        var image = pictures.Load(new MemoryStream(file, writable: false), name);
        var metadata = ImageFile.ReadMetadata(new MemoryStream(file, writable: false), name);
        Input = new InputPicture(name, image, PictureSettings.Read(metadata), metadata.Parameters);
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

    /// <summary>Takes a picture of the gallery to begin from.</summary>
    public async Task TakeInput(Picture picture)
    {
        TakeInput(Path.GetFileName(picture.File), gallery.Read(picture.Id));
        Input = Input! with { Settings = null }; // to use these is a button of the gallery
        await browser.Call("hold", $"/api/pictures/{picture.Id}/file");
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
    public Job? Draw(GrayImage? mask, string client)
    {
        Refusal = null;
        if (!Settings.SeedIsLocked || Settings.Request.Seed is null) Settings.Turn(nameof(GenerationRequest.Seed), Random.Shared.NextInt64(1L << 32));
        try
        {
            if (Input is null && NeedsPicture && Settings.Use != InputUse.Enlarge)
                throw new InvalidRequestException(
                    nameof(GenerationRequest.InitImage), $"{Model!.Name} begins from a picture: open one, paste it, or drop it here.");
            var job = queue.Submit(Settings.Use == InputUse.Enlarge && Input is not null ? Enlargement(Input, Settings.Upscaler, Settings.Scale)
                : Drawing(mask), client);
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
        return queue.Submit(new JobRequest
        {
            Model = picture.Model is { } name ? library.Find(name, ModelUse.Checkpoint)?.Name
            : null,
            Request = request
        }, client);
    }

    /// <summary>Enlarges a picture of the gallery with the best that there is.</summary>
    public Job Enlarge(Picture picture, string client)
    {
        using var file = new MemoryStream(gallery.Read(picture.Id), writable: false);
        Shown = null;
        return queue.Submit(Enlargement(new InputPicture(picture.File, pictures.Load(file, picture.File), null, picture.Parameters), Settings.Upscaler,
            scale: null), client);
    }

    private static PictureSettings SettingsOf(Picture picture) => PictureSettings.Read(new ImageMetadata(picture.Parameters))
        ?? throw new EaselException("The text in this picture does not tell how it was made.");

    private static JobRequest Enlargement(InputPicture input, string? upscaler, double? scale) => new()
    {
        Task = JobTask.Enlarge,
        Model = upscaler,
        Scale = scale,
        Parameters = input.Parameters,
        Request = new GenerationRequest { InitImage = input.Image },
    };

    private JobRequest Drawing(GrayImage? mask)
    {
        var size = Size;
        var turned = Knobs.All.Where(knob => !Applies(knob)).Aggregate(Settings.Request, (rest, knob) => knob.Set(rest, knob.Default));
        var own = Settings.Styles.Intersect(styles.Own.Select(style => style.Name)).ToList(); // the server's are in the prompts already
        var request = turned with
        {
            Prompts = [.. Settings.Prompts.Select(prompt => styles.Apply(prompt, "", own).Prompt)],
            NegativePrompt = styles.Apply("", Settings.NegativePrompt.Trim(), own).Negative,
            Width = size?.Width,
            Height = size?.Height,
            Controls = Controls,
        };
        if (Input is { } input) request = WithInput(request, input, mask);
        return new JobRequest { Model = Model?.Name ?? Settings.Model, Vae = Settings.Vae, Request = request };
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
