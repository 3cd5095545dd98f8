using Easel.Server.Errors;
using Easel.Server.Jobs;

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
    public static string Duration(double seconds)
    {
        var whole = (long)Math.Ceiling(Math.Max(0, seconds));
        if (whole < 60) return $"{whole} s";
        if (whole < 3600) return whole % 60 == 0 ? $"{whole / 60} min" : $"{whole / 60} min {whole % 60} s";
        return $"{whole / 3600} h {whole % 3600 / 60} min";
    }

    /// <summary>What a running job does: "Step 7 of 25 · 12 s left".</summary>
    public static string Of(JobProgress? progress, Texts texts) => progress is null ? texts["Getting ready"]
        : Stage(progress, texts) + (progress.SecondsLeft is { } left and > 0.5 ? " · " + texts["{0} left", Duration(left)] : "");

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, bytes >> 10)} kB"),
    };

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
