using Easel.Imaging;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>The routes of the ControlNet extension of AUTOMATIC1111's web UI.</summary>
internal static class ControlRoutes
{
    private const string NoModel = "None", PicturePrompt = "ip-adapter-auto";

    public static void Map(IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/controlnet").ExcludeFromDescription().AddEndpointFilter(SdapiErrors.Filter);
        api.MapGet("/version", object () => new { version = 3 });
        api.MapGet("/model_list", object (ModelLibrary library) => new { model_list = library.Controls.Select(ControlScript.TitleOf) });
        api.MapGet("/module_list", (bool? alias_names) => Modules(alias_names == true));
        api.MapGet("/control_types", (ModelLibrary library) => ControlTypes([.. library.Controls.Select(ControlScript.TitleOf)]));
        api.MapGet("/settings", object () => new { control_net_unit_count = ControlUnit.Most });
        api.MapPost("/detect", async Task<object> (HttpContext context, ServerOptions options, PictureReader pictures, ServerLimits limits) =>
        {
            var body = await SdapiJson.ReadAsync<DetectBody>(context);
            if (body.ControlnetInputImages.Count == 0) throw Refused("No image selected");
            var module = ControlScript.ModuleOf(body.ControlnetModule);
            var images = body.ControlnetInputImages.Select(image => pictures.Load(SentPicture.Open(image, "the picture"), "the picture")).ToList();
            var notes = new List<string>();
            var numbers = new ModuleNumbers(module, notes);
            var side = numbers.Side("controlnet_processor_res", body.ControlnetProcessorRes);
            var first = numbers.Threshold("controlnet_threshold_a", body.ControlnetThresholdA, 0);
            var second = numbers.Threshold("controlnet_threshold_b", body.ControlnetThresholdB, 1);
            var pixels = images.Select(image => Hint.SizeOf(image, module.Kind, side)).Sum(size => (long)size.Width * size.Height);
            if (pixels > limits.InputPixels)
                throw Refused($"The hints of {images.Count} pictures would have {pixels} pixels in all; this server allows {limits.InputPixels} in a request.");
            var hints = new List<string>();
            foreach (var image in images)
            {
                context.RequestAborted.ThrowIfCancellationRequested();
                hints.Add(Convert.ToBase64String(await Task.Run(() => pictures.InTurn(() => ImageFile.Encode(
                    Hint.Make(image, module.Kind, side, first, second, options.Load.DepthModel), ImageFormat.Png)), context.RequestAborted)));
            }
            SdapiJson.Tell(context, notes);
            return new { info = "Success", images = hints };
        });
        api.Map("/{**route}", IResult (string? route) => throw new Errors.ServerException(Status404NotFound, $"There is no /controlnet/{route}."));
    }

    private static object Modules(bool aliases)
    {
        var detail = HintInfo.All.ToDictionary(row => aliases ? row.Label : row.Module, row => (object)new { model_free = false, sliders = Sliders(row) });
        detail[PicturePrompt] = new { model_free = false, sliders = Array.Empty<object>() };
        return new { module_list = detail.Keys, module_detail = detail };
    }

    private static IEnumerable<object> Sliders(HintInfo row)
    {
        if (row.TakesResolution) yield return new { name = "Resolution", value = 512.0, min = 64.0, max = 2048.0, step = 8.0 };
        foreach (var setting in row.Settings)
            yield return new { name = setting.Label, value = setting.Default, min = setting.Least, max = setting.Most, step = setting.Step };
    }

    private static object ControlTypes(IReadOnlyList<string> models)
    {
        var tags = HintInfo.All.SelectMany(row => row.Tags).Append("IP-Adapter").Distinct().Order(StringComparer.Ordinal).Prepend("All");
        return new { control_types = tags.ToDictionary(tag => tag, tag => OfType(tag, models)) };
    }

    private static object OfType(string tag, IReadOnlyList<string> models)
    {
        var modules = HintInfo.All.Where(row => tag == "All" || row.Kind == HintKind.None || row.Tags.Contains(tag)).Select(row => row.Label).ToList();
        if (tag is "All" or "IP-Adapter") modules.Add(PicturePrompt);
        string[] words = tag switch
        {
            "T2I-Adapter" => ["t2i-adapter", "t2i_adapter", "t2iadapter", "t2ia"],
            "IP-Adapter" => ["ip-adapter", "ip_adapter", "ipadapter"],
            "Scribble" => ["scribble", "sketch", "union"],
            "Tile" => ["tile", "blur", "union"],
            "Recolor" => ["recolor"],
            _ => [tag, "union"],
        };
        var fitting = models.Where(model => tag == "All"
            || words.Any(word => model.Contains(word, StringComparison.OrdinalIgnoreCase))).Prepend(NoModel).ToList();
        return new
        {
            module_list = modules,
            model_list = fitting,
            default_option = tag == "All" || modules.Count == 1 ? "none" : modules[1],
            default_model = tag == "All" || fitting.Count == 1 ? NoModel : fitting.FirstOrDefault(model => model.Split('[')[0].Contains("11")) ?? fitting[1],
        };
    }

    private sealed record DetectBody
    {
        public string ControlnetModule { get; init; } = "none";
        public IReadOnlyList<string> ControlnetInputImages { get; init; } = [];
        public int ControlnetProcessorRes { get; init; } = -1;
        public double ControlnetThresholdA { get; init; } = -1;
        public double ControlnetThresholdB { get; init; } = -1;
        public bool LowVram { get; init; }
    }
}
