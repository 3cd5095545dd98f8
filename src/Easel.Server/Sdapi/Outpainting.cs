using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>The script "Outpainting mk2": draws on beyond the edges of a picture, which Easel does as it always does.</summary>
/// <param name="Pixels">How many are asked for at each of the sides.</param>
/// <param name="Blur">The softness of the seam.</param>
/// <param name="Sides">The sides, of <see cref="Directions"/>.</param>
internal sealed record Outpainting(int Pixels, double Blur, IReadOnlyList<string> Sides) : PictureScript
{
    private const int Grain = 64; // there, a picture's sides grow to a multiple of it

    public static IReadOnlyList<string> Directions { get; } = ["left", "right", "up", "down"];

    public override int Rounds => 1;

    public override IReadOnlyList<KeyValuePair<string, string>> Told => [];

    public static Outpainting Of(JsonArray args, List<string> notes)
    {
        var given = args.Count > 3 ? args[3] : null;
        IReadOnlyList<string> sides = given switch
        {
            null => Directions,
            JsonArray list => [.. list.Select(side => side?.ToString() ?? "")],
            _ => given.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        };
        if (sides.Count == 0 || sides.Any(side => !Directions.Contains(side)))
            throw Refused($"The argument direction is {given!.ToJsonString()}; it must be some of {string.Join(", ", Directions)}.");
        if (args.Count > 4)
            notes.Add("noise_q and color_variation of Outpainting mk2 were passed over: Easel begins what is added from the edges of the picture.");
        return new Outpainting((int)Number(args, 1, "pixels", 128, 8, 2048), Number(args, 2, "mask_blur", 8, 0, 64), sides);
    }

    /// <summary>What draws a picture on: the pixels asked for, and as many more as bring a side to a multiple of 64, shared as there.</summary>
    public GenerationRequest Applied(GenerationRequest request, RgbImage picture)
    {
        var (left, right) = Grown(picture.Width, "left", "right");
        var (top, bottom) = Grown(picture.Height, "up", "down");
        return request with
        {
            InitImage = picture,
            Extend = new Margins(left, top, right, bottom),
            MaskBlur = Blur,
            Width = null,
            Height = null,
        };
    }

    public override async Task<IReadOnlyList<Job>> RunAsync(SdapiTask task, JobRequest first, int count, Gallery gallery, CancellationToken aborted) =>
        await task.RunAsync([.. Enumerable.Range(0, count).Select(time => first with
        {
            Request = first.Request with { Seed = unchecked(first.Request.Seed + time * first.Request.BatchSize) },
        })], aborted);

    private (int Before, int Behind) Grown(int side, string before, string behind)
    {
        int Asked(string direction) => Sides.Contains(direction) ? Pixels : 0;
        var (first, second) = (Asked(before), Asked(behind));
        if (first + second == 0) return (0, 0);
        var grown = (side + first + second + Grain - 1) / Grain * Grain - side;
        first = first * grown / (first + second);
        return (first, grown - first);
    }
}
