using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>A script of img2img that draws in rounds or with another picture than the one sent: "Loopback", "SD upscale" and "Outpainting mk2", whose
/// arguments come by their places.</summary>
internal abstract record PictureScript
{
    /// <summary>The scripts there are, as the web UI lists them.</summary>
    public static IReadOnlyList<string> Names { get; } = ["loopback", "outpainting mk2", "sd upscale"];

    /// <summary>What is told of it beside the settings.</summary>
    public abstract IReadOnlyList<KeyValuePair<string, string>> Told { get; }

    public static bool Is(string script) => Names.Contains(script.Trim(), StringComparer.OrdinalIgnoreCase);

    /// <summary>The script of a body; null where it names none.</summary>
    public static PictureScript? Of(ImageToImageBody body, ModelLibrary library)
    {
        var name = body.ScriptName?.Trim().ToLowerInvariant() ?? "";
        if (!Names.Contains(name)) return null;
        var taken = ArgumentsOf(name, library).Count();
        if (body.ScriptArgs.Count > taken) body.Notes.Add($"The script {body.ScriptName} takes {taken} arguments; those behind were passed over.");
        return name switch
        {
            "loopback" => Loopback.Of(body.ScriptArgs),
            "outpainting mk2" => Outpainting.Of(body.ScriptArgs, body.Notes),
            _ => TiledRedraw.Of(body.ScriptArgs, library, body.Notes),
        };
    }

    /// <summary>The arguments of a script, for who asks.</summary>
    public static IEnumerable<object> ArgumentsOf(string script, ModelLibrary library) => script switch
    {
        "loopback" =>
        [
            Argument("Loops", 4, 1, 32, 1), Argument("Final denoising strength", 0.5, 0, 1, 0.01),
            Argument("Denoising strength curve", "Linear", choices: Loopback.Curves),
            Argument("Append interrogated prompt at each iteration", "None", choices: ["None"]),
        ],
        "outpainting mk2" =>
        [
            Argument("", ""), Argument("Pixels to expand", 128, 8, 256, 8), Argument("Mask blur", 8, 0, 64, 1),
            Argument("Outpainting direction", Outpainting.Directions, choices: Outpainting.Directions),
            Argument("Fall-off exponent (lower=higher detail)", 1, 0, 4, 0.01), Argument("Color variation", 0.05, 0, 1, 0.01),
        ],
        _ =>
        [
            Argument("", ""), Argument("Tile overlap", 64, 0, 256, 16), Argument("Upscaler", Extras.None, choices: SdapiUpscalers.All(library)),
            Argument("Scale Factor", 2, 0, 4, 1),
        ],
    };

    /// <summary>Has it drawn.</summary>
    /// <param name="first">What a body without a script would have drawn.</param>
    /// <param name="count">How often it is done, each time with other seeds.</param>
    /// <returns>The jobs whose pictures are sent.</returns>
    public abstract Task<IReadOnlyList<Job>> RunAsync(SdapiTask task, JobRequest first, int count, Gallery gallery, CancellationToken aborted);

    /// <summary>How many pictures are drawn each time.</summary>
    public abstract int Rounds { get; }

    internal static object Argument(string label, object value, double? minimum = null, double? maximum = null, double? step = null,
        IReadOnlyList<string>? choices = null) => new { label, value, minimum, maximum, step, choices };

    protected static double Number(JsonArray args, int place, string name, double silent, double least, double most)
    {
        if (place >= args.Count || args[place] is not { } value) return silent;
        return double.TryParse(value.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number : throw Refused(FormattableString.Invariant($"The argument {name} is {value.ToJsonString()}; it must be from {least} to {most}."));
    }

    protected static RgbImage Drawn(Job job, Gallery gallery) =>
        ImageFile.Load(new MemoryStream(gallery.Read(job.Pictures[0]), writable: false), "the picture");
}

/// <summary>Draws over what was drawn, again and again, with a strength that changes on the way.</summary>
internal sealed record Loopback(int Loops, double Final, string Curve) : PictureScript
{
    public static IReadOnlyList<string> Curves { get; } = ["Aggressive", "Linear", "Lazy"];

    public override int Rounds => Loops;

    public override IReadOnlyList<KeyValuePair<string, string>> Told =>
        [new("Final denoising strength", Final.ToString(CultureInfo.InvariantCulture)), new("Denoising curve", Curve)];

    public static Loopback Of(JsonArray args)
    {
        var loops = Number(args, 0, "loops", 4, 1, 32);
        if (loops != Math.Floor(loops))
            throw Refused($"The argument loops is {loops.ToString(CultureInfo.InvariantCulture)}; it must be a whole number from 1 to 32.");
        var curve = args.Count > 2 && args[2]?.ToString() is { Length: > 0 } named ? named : "Linear";
        if (args.Count > 3 && args[3]?.ToString() is { Length: > 0 } appended && !appended.Equals("None", StringComparison.OrdinalIgnoreCase))
            throw Refused($"The argument append_interrogation is \"{appended}\"; Easel does not put pictures into words, so it can only be None.");
        return new Loopback((int)loops, Number(args, 1, "final_denoising_strength", 0.5, 0, 1),
            Curves.FirstOrDefault(known => known.Equals(curve, StringComparison.OrdinalIgnoreCase))
                ?? throw Refused($"The argument denoising_curve is \"{curve}\"; it must be one of {string.Join(", ", Curves)}."));
    }

    /// <summary>The strength of a round.</summary>
    /// <param name="begin">That of the first.</param>
    /// <param name="round">From 0.</param>
    public double StrengthAt(double begin, int round)
    {
        if (Loops == 1) return begin;
        var way = (double)round / (Loops - 1);
        var share = Curve switch
        {
            "Aggressive" => Math.Sin(way * Math.PI / 2),
            "Lazy" => 1 - Math.Cos(way * Math.PI / 2),
            _ => way,
        };
        return Math.Clamp(begin + (Final - begin) * share, 0, 1);
    }

    public override async Task<IReadOnlyList<Job>> RunAsync(SdapiTask task, JobRequest first, int count, Gallery gallery, CancellationToken aborted)
    {
        var sent = new List<Job>();
        task.Expected = count * Loops;
        for (var time = 0; time < count && !task.Interrupted; time++)
        {
            var request = first.Request;
            for (var round = 0; round < Loops && !task.Interrupted; round++)
            {
                request = request with
                {
                    Seed = unchecked(first.Request.Seed + time * Loops + round),
                    Strength = StrengthAt(first.Request.Strength, round),
                };
                var job = (await task.RunAsync([first with { Request = request }], aborted))[0];
                if (job.Pictures.Count == 0) break; // skipped or interrupted
                if (count > 1 && sent.Count > time) sent.RemoveAt(time); // of several times only what each came to is sent, as there
                sent.Add(job);
                request = request with { InitImage = Drawn(job, gallery), Fill = MaskFill.Original };
            }
        }
        return sent;
    }
}

/// <summary>Enlarges a picture and draws over it tile by tile.</summary>
/// <param name="Upscaler">A network, "lanczos" or "nearest"; null for none.</param>
internal sealed record TiledRedraw(int Overlap, string? Upscaler, double Scale) : PictureScript
{
    private const int SmallestTile = 64;

    public override int Rounds => 1;

    public override IReadOnlyList<KeyValuePair<string, string>> Told =>
        [new("SD upscale overlap", Overlap.ToString(CultureInfo.InvariantCulture)), new("SD upscale upscaler", Upscaler ?? Extras.None)];

    public static TiledRedraw Of(JsonArray args, ModelLibrary library, List<string> notes)
    {
        var all = SdapiUpscalers.All(library);
        var named = args.Count > 2 ? args[2]?.ToString() ?? "" : "";
        // The page of the web UI sends a place in the list of upscalers; people write names.
        var upscaler = int.TryParse(named, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var place)
            ? place >= 0 && place < all.Count ? all[place]
                : throw Refused($"The argument upscaler_index is {place}; there are {all.Count} upscalers, counted from 0.")
            : SdapiUpscalers.Meant(named, library, notes);
        return new TiledRedraw((int)Number(args, 1, "overlap", 64, 0, 256),
            upscaler.Length == 0 || upscaler.Equals(Extras.None, StringComparison.OrdinalIgnoreCase) ? null
                : PlainEnlargement.IsOne(upscaler) ? upscaler.ToLowerInvariant()
                : GenerationRequest.IsDefaultEnlarger(upscaler) ? upscaler : library.Upscaler(upscaler).Name,
            Number(args, 3, "scale_factor", 2, 0.25, 16));
    }

    public override async Task<IReadOnlyList<Job>> RunAsync(SdapiTask task, JobRequest first, int count, Gallery gallery, CancellationToken aborted)
    {
        var picture = first.Request.InitImage!;
        var (wide, high) = (first.Request.Width!.Value, first.Request.Height!.Value);
        if (Upscaler is not null)
        {
            task.Expected = 2;
            var enlarge = new JobRequest { Task = JobTask.Enlarge, Model = Upscaler, Scale = Scale, Request = new GenerationRequest { InitImage = picture } };
            var job = (await task.RunAsync([enlarge], aborted))[0];
            if (job.Pictures.Count == 0) return [];
            picture = Drawn(job, gallery);
            gallery.Delete(job.Pictures[0]);
        }
        var layout = LayoutOf(picture, wide, high);
        var parts = layout.Regions.Select(picture.Crop).ToList();
        task.Expected = 1 + count * (parts.Count + 1);
        var sheets = new List<Job>();
        for (var time = 0; time < count && !task.Interrupted; time++)
        {
            var places = parts.Select((part, tile) => (IReadOnlyList<JobRequest>)[first with { Request = TileOf(first.Request, part, tile, time) }]).ToList();
            var jobs = await task.RunGridAsync(places, new SheetRequest { Tiles = layout, Told = Told }, aborted);
            sheets.Add(jobs[0]);
            foreach (var id in jobs.Skip(1).SelectMany(job => job.Pictures)) gallery.Delete(id); // parts of the picture, and none by themselves
        }
        return sheets;
    }

    private TileLayout LayoutOf(RgbImage picture, int wide, int high)
    {
        if (picture.Width < SmallestTile || picture.Height < SmallestTile)
            throw Refused($"The picture is {picture.Width}x{picture.Height}; SD upscale takes none below {SmallestTile} pixels.");
        var (width, height) = (Math.Min(wide, Even(picture.Width)), Math.Min(high, Even(picture.Height)));
        if (Overlap >= Math.Min(wide, high)) throw Refused($"The argument overlap is {Overlap}; it must be below the sides of a tile, which is {wide}x{high}.");
        return new TileLayout(picture.Width, picture.Height, width, height, Math.Min(Overlap, Math.Min(width, height) - GenerationRequest.SideStep));

        static int Even(int side) => side / GenerationRequest.SideStep * GenerationRequest.SideStep;
    }

    /// <summary>Seeds are counted as there: the pictures of a batch one after another, and the next batch from one further on.</summary>
    private static GenerationRequest TileOf(GenerationRequest request, RgbImage part, int tile, int time)
    {
        var (batch, place) = (tile / request.BatchSize, tile % request.BatchSize);
        var varies = request.VariationStrength > 0;
        return request with
        {
            InitImage = part,
            Width = part.Width,
            Height = part.Height,
            BatchSize = 1,
            BatchCount = 1,
            Seed = unchecked(request.Seed + time + batch + (varies ? 0 : place)),
            VariationSeed = varies ? unchecked(request.VariationSeed + place) : request.VariationSeed,
        };
    }
}
