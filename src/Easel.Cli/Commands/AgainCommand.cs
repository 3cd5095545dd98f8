using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Cli.Commands;

/// <summary><c>easel again</c>: makes a picture again from the settings inside it. Flags go before what these say.</summary>
internal static class AgainCommand
{
    private const int LongestValue = 200;

    public static Command Create(Shell shell)
    {
        var picture = new Argument<string>("picture");
        var flags = new DrawFlags();
        var command = new DrawingCommand("again", DrawTask.Draw, isOptimized: false, flags, picture,
            new HelpNotes("PICTURE [flags]", ["easel again outputs/00000-42-a-cat.png", "easel again from-a1111.png -m model.safetensors -o mine.png"]))
        {
            Description = "make a picture again from the settings inside it",
        };
        command.SetAction(parsed =>
        {
            var file = parsed.GetRequiredValue(picture);
            var told = Read(file);
            var settings = DrawSettings.Read(parsed, flags, [], DrawTask.Draw, optimized: false);
            var ordered = settings.Count is not null ? "--count" : settings.Repeat is not null ? "--repeat"
                : settings.FromFile is not null ? "--from-file" : null;
            if (ordered is not null) throw new UsageException($"{ordered} does not go with again, which makes the one picture; easel draw makes many.");
            var vaeIsGiven = (settings.Load.TinyVae ?? settings.Load.Vae) is not null;
            var request = told.ToRequest();
            settings = settings with
            {
                IsScript = false,
                Task = told.Text["Mask blur"] is not null || request.Extend.Any ? DrawTask.Inpaint : DrawTask.Draw,
                Extended = request.Extend,
                Load = settings.Load with
                {
                    Precision = flags.PrecisionOf(parsed) ?? told.Precision ?? Precision.Auto,
                    Weights = parsed.GetValue(flags.Weights) ?? told.Weights ?? WeightFormat.Auto,
                },
                Notes = [.. settings.Notes, .. NotesOn(told, vaeIsGiven)],
            };
            if (settings.Init is null && told.NeedsPicture)
            {
                throw new UsageException($"{file} names a denoising strength: it was made from another picture, which it does not hold; "
                    + "give that one again with -i.");
            }
            if (settings.Controls.Count == 0 && told.NeedsControlPictures)
                throw new UsageException($"{file} was steered by pictures that it does not hold; give each network and its picture again with --control.");
            new DrawRun(settings, shell) { Again = told }.Execute();
        });
        return command;
    }

    private static PictureSettings Read(string file)
    {
        var metadata = Inputs.Read(() => ImageFile.ReadMetadata(file));
        if (PictureSettings.Read(metadata) is { } told && told.Text["Steps"] is not null) return told;
        throw new UsageException(PictureSettings.Read(metadata) is { Program: var program }
            ? $"{file} was made with {program}, and what it tells of that does not say in how many steps; easel info {file} shows what it tells."
            : string.IsNullOrWhiteSpace(metadata.Parameters) && metadata.Others.Count == 0
            ? $"{file} holds no settings: the program that made it, or one that saved it since, left them out."
            : $"The text in {file} is not one of settings that Easel can read.");
    }

    private static IEnumerable<string> NotesOn(PictureSettings told, bool vaeIsGiven)
    {
        if (told.Text["VAE"] is { } vae && !vaeIsGiven) yield return $"the picture was made with the autoencoder {vae}; --vae names one.";
        foreach (var (name, value) in told.NotUnderstood)
        {
            var said = value.Length <= LongestValue ? value : value[..LongestValue] + "...";
            yield return $"the picture was made with \"{name}: {said.ReplaceLineEndings(" ")}\", which is not done again; it will differ.";
        }
    }

    /// <summary>What is to be told where the model or the input picture is another than the text names, or where it does not tell what decides a
    /// picture.</summary>
    /// <param name="request">What is drawn, with what the command line says.</param>
    public static IEnumerable<string> Differences(PictureSettings told, string model, string? hash, GenerationRequest request)
    {
        var text = told.Text;
        if (text["Model hash"] is { } known && hash is not null && !ModelStamp.ShortHash(hash).Equals(known, StringComparison.OrdinalIgnoreCase))
        {
            yield return $"the picture was made with the model {text["Model"] ?? "of hash"} {known}, "
                + $"but {Path.GetFileName(model)} is {ModelStamp.ShortHash(hash)}; it will differ.";
        }
        else if ((text["Model hash"] is null || hash is null) && text["Model"] is { } name && Letters(name) != Letters(ModelStamp.NameOf(model)))
        {
            yield return $"the picture was made with the model {name}, and this is {ModelStamp.NameOf(model)}; "
                + "unless that is the same under another name, it will differ.";
        }
        var untold = told.Untold.Where(what => what switch
        {
            "size" => request.Width is null && request.Height is null,
            "seed" => request.Seed is null,
            "sampler" => request.Sampler is null,
            _ => true,
        }).ToList();
        if (untold.Count > 0)
            yield return $"the picture does not tell its {string.Join(" and ", untold)}; what is drawn has the usual one, and may differ.";
        if (request.InitImage is { } init && told.IsMadeFrom(init) == false)
            yield return "the input picture is another than the one that the picture was made from; it will differ.";
    }

    /// <summary>A name as it is compared: programs write one file's name with blanks, lines and capitals as they please.</summary>
    private static string Letters(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToUpperInvariant();
}
