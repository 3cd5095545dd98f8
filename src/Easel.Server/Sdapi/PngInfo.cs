using System.Text.RegularExpressions;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Server.Sdapi;

internal sealed record PngInfoBody
{
    public string Image { get; init; } = "";
}

/// <summary>The settings inside a picture, of whichever program, read as AUTOMATIC1111's parse_generation_parameters reads it.</summary>
internal static partial class PngInfo
{
    public static async Task<IResult> AnswerAsync(HttpContext context)
    {
        var body = await SdapiJson.ReadAsync<PngInfoBody>(context);
        var metadata = ImageFile.ReadMetadata(SentPicture.Open(body.Image, "the picture"), "the picture");
        var told = PictureSettings.Read(metadata) is { IsInfotext: false } other ? other with { Text = Named(other.Text) } : PictureSettings.Read(metadata);
        return SdapiJson.Answer(new
        {
            info = told is { IsInfotext: false } || metadata.Parameters is null ? told?.Text.ToString() ?? "" : metadata.Parameters,
            items = metadata.Others.GroupBy(other => other.Key).ToDictionary(same => same.Key, same => same.Last().Value),
            parameters = Parameters(told?.Text ?? Infotext.Parse(metadata.Parameters ?? "")),
        });
    }

    /// <summary>Another program's settings with the names that samplers and schedules have in AUTOMATIC1111.</summary>
    private static Infotext Named(Infotext text) => text with
    {
        Settings =
        [
            .. text.Settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Key switch
            {
                "Sampler" => Known(() => SamplerInfo.Resolve(setting.Value).Sampler.DisplayName) ?? setting.Value,
                "Schedule type" => Known(() => ScheduleInfo.Find(setting.Value)?.DisplayName) ?? setting.Value,
                _ => setting.Value,
            })),
        ],
    };

    private static string? Known(Func<string?> name)
    {
        try
        {
            return name();
        }
        catch (InvalidRequestException)
        {
            return null; // a name that is nobody's but that program's
        }
    }

    private static Dictionary<string, string> Parameters(Infotext read)
    {
        var parameters = new Dictionary<string, string> { ["Prompt"] = read.Prompt, ["Negative prompt"] = read.NegativePrompt };
        foreach (var (name, value) in read.Settings)
        {
            if (Size().Match(value) is { Success: true } size)
                (parameters[$"{name}-1"], parameters[$"{name}-2"]) = (size.Groups[1].Value, size.Groups[2].Value);
            else parameters[name] = value;
        }
        parameters.TryAdd("Clip skip", "1");
        parameters.TryAdd("RNG", "GPU");
        parameters.TryAdd("Schedule type", "Automatic");
        return parameters;
    }

    [GeneratedRegex(@"\A([0-9]+)x([0-9]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Size();
}
