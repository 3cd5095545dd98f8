using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Storage;

namespace Easel.Server.Page;

/// <summary>How the page puts things into words.</summary>
internal static class Sentence
{
    public static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    /// <summary>"ClipSkip" as "clip-skip".</summary>
    public static string Kebab(string name) => string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : $"{c}"));

    /// <summary>What a person is told of an exception; never where it came from.</summary>
    public static string Of(Exception exception) => Problem.Of(exception, Protocol.Page).Detail;

    /// <summary>How long something takes: "8 s", "2 min 10 s", "1 h 5 min".</summary>
    public static string Duration(double seconds, Texts texts)
    {
        var whole = (long)Math.Ceiling(Math.Max(0, seconds));
        if (whole < 60) return texts["{0} s", whole];
        if (whole < 3600) return whole % 60 == 0 ? texts["{0} min", whole / 60] : texts["{0} min {1} s", whole / 60, whole % 60];
        return texts["{0} h {1} min", whole / 3600, whole % 3600 / 60];
    }

    /// <summary>What a running job does: "Step 7 of 25 · 12 s left".</summary>
    public static string Of(JobProgress? progress, Texts texts) => progress is null ? texts["Getting ready"]
        : Stage(progress, texts) + (progress.SecondsLeft is { } left and > 0.5 ? " · " + texts["{0} left", Duration(left, texts)] : "");

    public static string Bytes(long bytes, Texts texts) => bytes switch
    {
        >= 1L << 30 => $"{texts.Number(bytes / (double)(1L << 30), "0.0")} GB",
        >= 1L << 20 => $"{texts.Number(bytes / (double)(1L << 20), "0")} MB",
        _ => $"{texts.Number(Math.Max(1, bytes >> 10), "0")} kB",
    };

    /// <summary>What became of a picture that was deleted, with its first words, so that one sees which of several is meant.</summary>
    public static string OfDeleted(Picture picture, Texts texts)
    {
        const int Most = 40;
        var words = picture.Prompt.Trim();
        if (words.Length > Most) words = words[..(char.IsHighSurrogate(words[Most - 1]) ? Most - 1 : Most)].TrimEnd() + "…";
        return words.Length == 0 ? texts["The picture is in the trash."] : texts["“{0}” is in the trash.", words];
    }

    /// <summary>The prompt of a job in a line, or what else it is.</summary>
    public static string TitleOf(JobRequest request, Texts texts)
    {
        if (request.Task == JobTask.Enlarge) return texts["Enlarge with {0}", request.Model];
        var prompts = request.Request.Prompts;
        var first = prompts[0].Trim() is { Length: > 0 } words ? words : texts["(no words)"];
        if (request.Sheet is { } sheet) return $"{sheet.Places.Count} × {first}";
        return first + (prompts.Count > 1 ? " " + texts["and {0} more", prompts.Count - 1] : "");
    }

    /// <summary>A choice of a knob. The same word means different things to different knobs, so a text is known by both.</summary>
    public static string Of(Knob knob, KnobChoice choice, Texts texts) => KeyOf(knob, choice) is var key && texts[key] is var said && said != key ? said
        : Capital(choice.Word.Replace('-', ' '));

    /// <summary>A setting in a picture's text, by the name that it has on the page; one that has no field there as it is written.</summary>
    public static string OfSetting(string infotextKey, Texts texts) =>
        texts[Knobs.All.FirstOrDefault(knob => knob.OnPage && knob.InfotextKey == infotextKey)?.Label ?? infotextKey];

    /// <summary>By what the text of a choice is known.</summary>
    public static string KeyOf(Knob knob, KnobChoice choice) => $"{knob.Label}: {choice.Word}";

    /// <summary>A format of files as people write it.</summary>
    public static string NameOfFormat(string format) => format == "webp" ? "WebP" : format.ToUpperInvariant();

    private static string Stage(JobProgress progress, Texts texts)
    {
        var picture = progress.BatchCount > 1 ? texts["Picture {0} of {1}", progress.Batch + 1, progress.BatchCount] + " · " : "";
        return progress.Stage switch
        {
            JobStage.Waiting => texts["Waiting for a worker"],
            JobStage.Loading => texts["Loading the model"],
            JobStage.Encoding => picture + texts["Reading the words"],
            JobStage.Sampling => picture + texts["Step {0} of {1}", progress.Step, progress.StepCount],
            JobStage.Decoding => picture + texts["Finishing"],
            JobStage.Enlarging => texts["Enlarging"],
            _ => texts["Saving"],
        };
    }
}
