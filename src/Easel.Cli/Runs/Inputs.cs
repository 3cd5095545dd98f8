using Easel.Cli.Options;
using Easel.Imaging;

namespace Easel.Cli.Runs;

/// <summary>The files that a drawing command reads beside the model.</summary>
/// <param name="Prompts">The prompts of <c>--from-file</c>; null without it.</param>
internal sealed record Inputs(IReadOnlyList<string>? Prompts, RgbImage? Picture, GrayImage? Mask, DepthImage? Depth)
{
    /// <summary>The networks that steer, with their pictures.</summary>
    public IReadOnlyList<ControlUnit> Controls { get; init; } = [];

    /// <summary>What a person should be told of the files.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <exception cref="UsageException">A file is missing or is not what it should be, or the command wants one more.</exception>
    public static Inputs Load(DrawSettings settings, TextReader standardInput) => Others(settings, standardInput) with
    {
        Controls = [.. settings.Controls.Select(flag => flag.Unit with { Picture = flag.Picture is { } file ? Read(() => ImageFile.Load(file)) : null })],
    };

    private static Inputs Others(DrawSettings settings, TextReader standardInput)
    {
        if (settings.Init is null) Demand(settings);
        var literally = settings.IsScript || settings.Of<bool>(nameof(GenerationRequest.Literal));
        var (prompts, remark) = settings.FromFile is { } file ? ReadPrompts(file, standardInput, literally) : (null, null);
        return LoadPictures(settings, prompts) with { Notes = remark is null ? [] : [remark] };
    }

    private static Inputs LoadPictures(DrawSettings settings, IReadOnlyList<string>? prompts)
    {
        var mask = settings.Mask is { } path ? Read(() => ImageFile.LoadMask(path)) : null;
        var depth = settings.Depth is { } map ? Read(() => ImageFile.LoadGray16(map)) : null;
        if (settings.Init is not { } init) return new Inputs(prompts, null, mask, depth);

        var isFound = settings.Of<MaskSubject>(nameof(GenerationRequest.MaskOf)) != MaskSubject.None;
        if (settings.Task != DrawTask.Inpaint || mask is not null || isFound) return new Inputs(prompts, Read(() => ImageFile.Load(init)), mask, depth);

        // Without a mask the transparent part of the picture is what to draw.
        var (picture, alpha) = Read(() => ImageFile.LoadWithAlpha(init));
        if (alpha is null && settings.Extend is not { Any: true })
        {
            throw new UsageException("Inpainting needs to know where to draw: give a mask with --mask, have one found with --mask-of person, "
                + $"give margins with --extend, or a picture with a transparent part; {init} has none.");
        }
        return new Inputs(prompts, picture, alpha is null ? null : MaskTools.Invert(alpha), depth);
    }

    private static void Demand(DrawSettings settings)
    {
        var what = settings.Task switch
        {
            DrawTask.Image => "the picture to begin from",
            DrawTask.Inpaint => "the picture to draw in",
            DrawTask.Depth => "the picture whose shape to keep",
            DrawTask.Upscale => "the picture to enlarge",
            _ => null,
        };
        if (what is not null) throw new UsageException($"Give {what} with -i, as in: -i picture.png.");
        var flag = settings.Mask is not null ? "--mask" : settings.Extend is { Any: true } ? "--extend" : settings.Depth is not null ? "--depth" : null;
        if (flag is not null) throw new UsageException($"{flag} goes with a picture: give one with -i.");
    }

    /// <summary>One prompt per line; lines of blanks alone are passed over, and, unless prompts are taken literally, those that are all comment.</summary>
    private static (string[] Prompts, string? Remark) ReadPrompts(string file, TextReader standardInput, bool literally)
    {
        var (text, remark) = file == "-" ? FromStandardInput(standardInput) : TextFile.Read(file);
        string[] prompts = [.. text.ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim())
            .Where(line => line.Length > 0 && (literally || line[0] != '#'))];
        return prompts.Length > 0
            ? (prompts, remark)
            : throw new UsageException($"There is no prompt in {(file == "-" ? "standard input" : file)}: it should hold one per line.");
    }

    /// <summary>The system has decoded it; what was no UTF-8 has left its mark.</summary>
    private static (string Text, string? Remark) FromStandardInput(TextReader input)
    {
        var text = input.ReadToEnd();
        var lost = text.IndexOf('\uFFFD');
        return (text, lost < 0 ? null : $"standard input is not UTF-8: what could not be read in line {text.AsSpan(0, lost).Count('\n') + 1} is lost.");
    }

    /// <summary>A picture that cannot be read is bad input, wherever the fault lies.</summary>
    public static T Read<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EaselException e) when (e is not UsageException)
        {
            throw new UsageException(e.Message, e);
        }
    }
}
