using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Library;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>A grid as a body's script asks for it: "x/y/z plot" and "prompt matrix", whose arguments come by their places.</summary>
/// <param name="HasParts">Whether the sheet of each value of Z is sent too.</param>
/// <param name="HasPictures">Whether the pictures on the sheet are sent too.</param>
/// <param name="HasOwnSeeds">Whether a seed that is left to chance is another for each picture.</param>
internal sealed record ScriptGrid(PictureGrid Grid, GridSheet Layout, bool HasParts, bool HasPictures, bool HasOwnSeeds = false)
{
    private const string Plot = "x/y/z plot", Matrix = "prompt matrix";

    /// <summary>The axes of a plot there, and the names that they have here; null for one that Easel does not do. By their places in the list, of which there
    /// are two: that of text to image, and that of image to image. Some came with version 1.10.</summary>
    private static readonly (string Label, string? Axis, bool? IsImage, bool IsLate)[] Axes =
    [
        ("Nothing", "Nothing", null, false), ("Seed", "Seed", null, false), ("Var. seed", "Variation seed", null, false),
        ("Var. strength", "Variation strength", null, false), ("Steps", "Steps", null, false), ("Hires steps", "Hires steps", false, false),
        ("CFG Scale", "Guidance", null, false), ("Image CFG Scale", null, true, false), ("Prompt S/R", GridAxis.SearchReplace, null, false),
        ("Prompt order", GridAxis.Order, null, false), ("Sampler", "Sampler", false, false), ("Hires sampler", "Hires sampler", false, false),
        ("Sampler", "Sampler", true, false), ("Checkpoint name", GridAxis.Model, null, false),
        ("Negative Guidance minimum sigma", "s_min_uncond", null, false), ("Sigma Churn", "s_churn", null, false), ("Sigma min", "s_tmin", null, false),
        ("Sigma max", "s_tmax", null, false), ("Sigma noise", "s_noise", null, false), ("Schedule type", "Schedule", null, false),
        ("Schedule min sigma", "sigma_min", null, false), ("Schedule max sigma", "sigma_max", null, false), ("Schedule rho", "rho", null, false),
        ("Beta schedule alpha", null, null, true), ("Beta schedule beta", null, null, true), ("Eta", "Eta", null, false),
        ("Clip skip", "Clip skip", null, false), ("Denoising", "denoising_strength", null, false),
        ("Initial noise multiplier", "initial_noise_multiplier", null, false), ("Extra noise", null, null, false),
        ("Hires upscaler", "Hires upscaler", false, false), ("Cond. Image Mask Weight", null, true, false), ("VAE", GridAxis.Vae, null, false),
        ("Styles", "Styles", null, false), ("UniPC Order", "Order", null, false), ("Face restore", "Face restore", null, false),
        ("Token merging ratio", null, null, false), ("Token merging ratio high-res", null, null, false),
        ("Always discard next-to-last sigma", null, null, false), ("SGM noise multiplier", null, null, false),
        ("Refiner checkpoint", "Refiner", null, false), ("Refiner switch at", "Refiner at", null, false), ("RNG source", "RNG source", null, false),
        ("FP8 mode", null, null, true), ("Size", GridAxis.Size, null, true),
    ];

    /// <summary>The scripts that draw grids.</summary>
    public static IReadOnlyList<string> Names { get; } = [Matrix, Plot];

    /// <summary>What is drawn at each place.</summary>
    public IReadOnlyList<IReadOnlyList<JobRequest>> Places { get; init; } = [];

    /// <summary>Whether the parts of a prompt are combined, each picture once.</summary>
    public bool IsMatrix { get; init; }

    /// <summary>What is asked of the queue beside the pictures.</summary>
    public SheetRequest Sheet => new() { Layout = Layout, HasParts = HasParts, Told = Grid.Told };

    public static bool Is(string script) => Names.Contains(script.Trim(), StringComparer.OrdinalIgnoreCase);

    /// <summary>The grid of a body; null where it names no script.</summary>
    /// <param name="request">What is drawn without the script.</param>
    public static ScriptGrid? Of(DrawingBody body, GenerationRequest request, StyleLibrary styles) => body.ScriptName is not { } name || !Is(name) ? null
        : name.Trim().Equals(Matrix, StringComparison.OrdinalIgnoreCase) ? OfMatrix(body.ScriptArgs, request)
        : OfPlot(body.ScriptArgs, body is ImageToImageBody, styles);

    /// <summary>The arguments of a script, for who asks.</summary>
    public static IEnumerable<object> ArgumentsOf(string script, bool isImage)
    {
        if (script == Matrix)
        {
            return
            [
                Argument("Put variable parts at start of prompt", false), Argument("Use different seed for each picture", false),
                Argument("Select prompt", "positive", ["positive", "negative"]), Argument("Select joining char", "comma", ["comma", "space"]),
                Argument("Grid margins (px)", 0),
            ];
        }
        var labels = LabelsOf(isImage, isLate: true).Select(axis => axis.Label).ToArray();
        return
        [
            .. ((string[])["X", "Y", "Z"]).SelectMany(axis => new[]
            {
                Argument($"{axis} type", axis == "X" ? labels[1] : labels[0], labels), Argument($"{axis} values", ""), Argument($"{axis} values", null),
            }),
            Argument("Draw legend", true), Argument("Include Sub Images", false), Argument("Include Sub Grids", false),
            Argument("Keep -1 for seeds", false), Argument("Vary seeds for X", false), Argument("Vary seeds for Y", false),
            Argument("Vary seeds for Z", false), Argument("Grid margins (px)", 0), Argument("Use text inputs instead of dropdowns", false),
        ];

        static object Argument(string label, object? value, string[]? choices = null) =>
            new { label, value, minimum = (double?)null, maximum = (double?)null, step = (double?)null, choices };
    }

    private static List<(string Label, string? Axis, bool? IsImage, bool IsLate)> LabelsOf(bool isImage, bool isLate) =>
        [.. Axes.Where(axis => (axis.IsImage ?? isImage) == isImage && (isLate || !axis.IsLate))];

    /// <summary>Whether the parts stand first, whether each picture has a seed of its own, which prompt, what joins, the margin.</summary>
    private static ScriptGrid OfMatrix(JsonArray args, GenerationRequest request)
    {
        var which = OneOf(args, 2, "prompt_type", "positive", "negative");
        var joint = OneOf(args, 3, "variations_delimiter", "comma", "space");
        var grid = PictureGrid.OfPromptMatrix(which == "negative" ? request.NegativePrompt : request.Prompt, which == "negative", Truth(args, 0),
            joint == "space" ? " " : ", ", Truth(args, 1));
        return new ScriptGrid(grid, grid.Sheet with { Margin = Margin(args, 4) }, HasParts: false, HasPictures: true) { IsMatrix = true };
    }

    /// <summary>For each axis its type, its values, and its values once more where they were chosen; then legend, pictures too, sheets of Z too, seeds by
    /// chance, from 1.9 on a seed of its own along X, Y and Z, margin, and what the page asks with. The oldest had no chosen values.</summary>
    private static ScriptGrid OfPlot(JsonArray args, bool isImage, StyleLibrary styles)
    {
        if (args.Count < 2) throw Refused("The script x/y/z plot has no script_args: its axes, their values and its switches; see /sdapi/v1/script-info.");
        var each = args.Count >= 12 || At(args, 2) is JsonArray ? 3 : 2;
        var at = 3 * each;
        var variesSeeds = args.Count - at >= 9; // since 1.9
        var labels = LabelsOf(isImage, variesSeeds);
        var axes = Enumerable.Range(0, 3).Select(axis => Axis(labels, At(args, axis * each), At(args, axis * each + 1), each == 3 ? At(args, axis * each + 2)
            : null, styles)).ToList();
        if (variesSeeds)
        {
            var step = 1;
            for (var i = 0; i < 3; i++)
            {
                if (!Truth(args, at + 4 + i)) continue;
                axes[i] = Varying(axes[i], step);
                step *= axes[i].Labels.Count;
            }
        }
        var grid = new PictureGrid(axes[0], axes[1], axes[2]);
        var layout = grid.Sheet with { HasLegend = At(args, at) is null || Truth(args, at), Margin = Margin(args, variesSeeds ? at + 7 : at + 4) };
        return new ScriptGrid(grid, layout, Truth(args, at + 2), Truth(args, at + 1), Truth(args, at + 3));
    }

    private static GridAxis Axis(List<(string Label, string? Axis, bool? IsImage, bool IsLate)> labels, JsonNode? type, JsonNode? typed, JsonNode? chosen,
        StyleLibrary styles)
    {
        var named = type?.ToString().Trim() ?? "";
        var isPlace = int.TryParse(named, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var place);
        if (isPlace && (place < 0 || place >= labels.Count))
            throw Refused($"The axis {place} of the x/y/z plot is none; they are counted from 0 to {labels.Count - 1}.");
        var (label, axis, _, _) = isPlace ? labels[place]
            : labels.Find(known => known.Label.Equals(named, StringComparison.OrdinalIgnoreCase)) is { Label: not null } known
            ? known : (named, named.Length == 0 ? "Nothing" : named, null, false);
        if (axis is null) throw Refused($"Easel does not do what the axis \"{label}\" of the x/y/z plot changes.");
        IReadOnlyList<string> values = chosen is JsonArray { Count: > 0 } list ? [.. list.Select(value => value?.ToString() ?? "")]
            : GridAxis.Split(typed is JsonArray several ? string.Join(',', several) : typed?.ToString() ?? "");
        if (values.Count == 0 && chosen is JsonValue text) values = GridAxis.Split(text.ToString());
        return axis switch
        {
            "Styles" => new GridAxis(label, values, (cell, at) => cell with { Request = Styled(cell.Request, values[at], styles) }),
            "RNG source" => new GridAxis(label, [.. values.Select(value => $"RNG source: {value}")], (cell, at) => cell with
            {
                Request = cell.Request with
                {
                    Like = values[at].ToUpperInvariant() switch
                    {
                        "GPU" or "NV" => NoiseLike.A1111Gpu,
                        "CPU" => NoiseLike.PerPicture,
                        var other => throw Refused($"The RNG source is \"{other}\"; it must be GPU, NV or CPU."),
                    },
                },
            }),
            "Face restore" => new GridAxis(label, [.. values.Select(value => $"Face restore: {value}")], (cell, at) => cell with
            {
                Request = cell.Request with
                {
                    Detail = values[at].ToLowerInvariant() is "true" or "yes" or "y" or "1" or "codeformer" or "gfpgan" ? DetailKind.Faces : DetailKind.None,
                },
            }),
            GridAxis.Vae => new GridAxis(label, values, (cell, at) => cell with
            {
                Vae = values[at].ToLowerInvariant() is "none" or "auto" or "automatic" ? null : values[at],
            }),
            _ => GridAxis.Of(axis, values),
        };
    }

    /// <summary>An axis along which the seed changes too.</summary>
    private static GridAxis Varying(GridAxis axis, int step) => new(axis.Name, axis.Labels, (cell, place) => axis.Apply(cell, place) is var drawn
        ? drawn with { Request = drawn.Request with { Seed = unchecked(drawn.Request.Seed + place * step) } } : drawn);

    private static GenerationRequest Styled(GenerationRequest request, string names, StyleLibrary styles)
    {
        var (prompt, negative, unknown) = styles.Apply(request.Prompt, request.NegativePrompt, [.. names.Split(',', StringSplitOptions.TrimEntries)]);
        return unknown.Count == 0 ? request with { Prompt = prompt, NegativePrompt = negative }
            : throw Refused($"There is no prompt style \"{unknown[0]}\" here.");
    }

    private static JsonNode? At(JsonArray args, int place) => place < args.Count ? args[place] : null;

    private static bool Truth(JsonArray args, int place) => KnobJson.Truth(At(args, place)) == true;

    private static int Margin(JsonArray args, int place) => At(args, place) is not { } value ? 0
        : double.TryParse(value.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var margin) && margin is >= 0 and <= GridSheet.MostMargin
            ? (int)margin : throw Refused($"The grid's margin is {value.ToJsonString()}; it must be from 0 to {GridSheet.MostMargin} pixels.");

    private static string OneOf(JsonArray args, int place, string name, string first, string second) => At(args, place)?.ToString() switch
    {
        null or "" => first,
        var said when said == first || said == second => said,
        var other => throw Refused($"The argument {name} of the prompt matrix is \"{other}\"; it must be {first} or {second}."),
    };
}
