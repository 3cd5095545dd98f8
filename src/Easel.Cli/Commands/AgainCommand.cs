using System.CommandLine;
using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Cli.Commands;

/// <summary><c>easel again</c>: makes a picture again from the settings inside it.</summary>
internal static class AgainCommand
{
    private static readonly string[] NotDone =
    [
        "Hires upscale", "Hires resize", "Variation seed", "Face restoration", "Refiner", "Tiling", "ControlNet 0", "Token merging ratio", "ENSD", "NGMS",
    ];

    public static Command Create(Shell shell)
    {
        var picture = new Argument<string>("picture");
        var flags = new DrawFlags();
        var command = new PlainCommand("again", "make a picture again from the settings inside it",
            new HelpNotes("PICTURE [flags]", ["easel again outputs/00000-42-a-cat.png", "easel again from-a1111.png -m model.safetensors -o mine.png"]))
        {
            picture, flags.Model, flags.Vae, flags.TinyVae, flags.DepthModel, flags.Loras, flags.Embeddings, flags.Precision, flags.Device, flags.Ema,
            flags.Prediction, flags.Config, flags.Init, flags.Mask, flags.Depth, flags.Output, flags.OutputFolder, flags.Force, flags.Format, flags.Quality,
            flags.NoWatermark, flags.NoMetadata, flags.Plan, flags.Show, flags.Quiet, flags.Json,
        };
        command.SetAction(parsed =>
        {
            var file = parsed.GetRequiredValue(picture);
            var text = Read(file);
            var request = RequestInfotext.FromInfotext(text);
            var settings = new DrawSettings
            {
                Job = text["Mask blur"] is not null || request.Extend.Any ? Job.Inpaint : Job.Draw,
                Extend = request.Extend,
                Model = parsed.GetValue(flags.Model),
                Vae = parsed.GetValue(flags.Vae),
                Precision = parsed.GetValue(flags.Precision) ?? RequestInfotext.PrecisionOf(text),
                Device = parsed.GetValue(flags.Device),
                TinyVae = parsed.GetValue(flags.TinyVae),
                DepthModel = parsed.GetValue(flags.DepthModel),
                Loras = parsed.GetValue(flags.Loras),
                Embeddings = parsed.GetValue(flags.Embeddings),
                Ema = parsed.GetValue(flags.Ema),
                Prediction = parsed.GetValue(flags.Prediction),
                Config = parsed.GetValue(flags.Config),
                Init = parsed.GetValue(flags.Init),
                Mask = parsed.GetValue(flags.Mask),
                Depth = parsed.GetValue(flags.Depth),
                Output = parsed.GetValue(flags.Output),
                OutputFolder = parsed.GetValue(flags.OutputFolder),
                Force = parsed.GetValue(flags.Force),
                Format = parsed.GetValue(flags.Format),
                Quality = parsed.GetValue(flags.Quality),
                NoWatermark = parsed.GetValue(flags.NoWatermark),
                NoMetadata = parsed.GetValue(flags.NoMetadata),
                Plan = parsed.GetValue(flags.Plan),
                Show = parsed.GetValue(flags.Show),
                Quiet = parsed.GetValue(flags.Quiet),
                Json = parsed.GetValue(flags.Json),
                Notes = [.. NotesOn(text, (parsed.GetValue(flags.TinyVae) ?? parsed.GetValue(flags.Vae)) is not null)],
            };
            if (settings.Init is null && RequestInfotext.NeedsPicture(text))
                throw new UsageException($"{file} was made from another picture, which it does not hold; give that one again with -i.");
            new DrawRun(settings, shell) { Again = text }.Execute();
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Infotext Read(string file)
    {
        var parameters = Inputs.Read(() => ImageFile.ReadMetadata(file)).Parameters;
        if (string.IsNullOrWhiteSpace(parameters))
            throw new UsageException($"{file} holds no settings: the program that made it, or one that saved it since, left them out.");
        var text = Infotext.Parse(parameters);
        return text["Steps"] is not null ? text : throw new UsageException($"The text in {file} is not one of settings that Easel can read.");
    }

    private static IEnumerable<string> NotesOn(Infotext text, bool vaeIsGiven)
    {
        if (text["VAE"] is { } vae && !vaeIsGiven) yield return $"the picture was made with the autoencoder {vae}; --vae names one.";
        foreach (var name in NotDone.Where(name => text[name] is not null))
            yield return $"the picture was made with \"{name}: {text[name]}\", which is not done again; it will differ.";
    }

    /// <summary>What is to be told where the model or the input picture is another than the text names.</summary>
    public static IEnumerable<string> Differences(Infotext text, string model, string? hash, GenerationRequest request)
    {
        if (text["Model hash"] is { } known && hash is not null && !ModelHash.Short(hash).Equals(known, StringComparison.OrdinalIgnoreCase))
        {
            yield return $"the picture was made with the model {text["Model"] ?? "of hash"} {known}, but {Path.GetFileName(model)} is {ModelHash.Short(hash)}; "
                + "it will differ.";
        }
        if (text["Init image hash"] is { } first && text["Version"]?.StartsWith("Easel", StringComparison.Ordinal) == true && request.InitImage is { } init
            && RequestInfotext.HashOf(init) != first)
            yield return "the input picture is another than the one that the picture was made from; it will differ.";
    }
}
