namespace Easel.Cli;

/// <summary>What the command returns to the shell.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;

    public const int Failed = 1; // the run failed: disk full, not enough memory, numbers that overflow
    public const int BadInput = 2; // what was asked for cannot be done: a wrong flag, a missing file, a file that is no model
    public const int Cancelled = 130; // cancelled at the keyboard (128 + SIGINT, as shells count)

    /// <summary>The code for an exception and one sentence for the person at the keyboard.</summary>
    public static (int Code, string Sentence) Of(Exception exception) => exception switch
    {
        OperationCanceledException => (Cancelled, "cancelled"),
        InvalidRequestException { Finding: { } finding } refused when Knobs.Find(refused.Field) is { } knob
            && knob.Flags.Concat(knob.ScriptFlags).FirstOrDefault() is { } flag =>
            (BadInput, $"{flag} {finding}"),
        CheckpointException => (BadInput, InFlags(exception.Message)),
        UsageException or InvalidRequestException or Hub.UnknownModelException => (BadInput, exception.Message),
        NotEnoughMemoryException lack => (Failed, $"{lack.Message} {FlagsFor(lack)}".TrimEnd()),
        EaselException => (Failed, exception.Message),
        AggregateException { InnerException: { } inner } => Of(inner),
        TypeInitializationException { InnerException: { } inner } => Of(inner),
        DllNotFoundException or BadImageFormatException or EntryPointNotFoundException =>
            (Failed, $"libtorch, which does the arithmetic, could not be loaded: {FirstLine(exception)}"),
        _ when NotEnoughMemoryException.Of(exception) is { } lack => Of(lack),
        IOException or UnauthorizedAccessException => (Failed, EaselException.OfFile(exception).Message),
        _ => (Failed, $"Something unforeseen happened: {FirstLine(exception)} EASEL_DEBUG=1 shows where."),
    };

    private static string FlagsFor(NotEnoughMemoryException lack) => lack switch
    {
        { Needed: null } => "See --width and --height, --batch and --precision.",
        { Field: nameof(GenerationRequest.BatchSize) } => "See --batch.",
        { Field: nameof(GenerationRequest.Width) } => "See --width and --height.",
        { Field: nameof(LoadOptions.Precision), Fitting: Precision fitting } => $"See --precision {fitting.ShortName()}.",
        _ => "",
    };

    /// <summary>A sentence of the library, with the flags for the options that it names.</summary>
    private static string InFlags(string sentence) => sentence.Replace("LoadOptions.TextEncoder", "--text-encoder").Replace("LoadOptions.Vae", "--vae")
        .Replace("the one of LoadOptions.Config", "--config");

    private static string FirstLine(Exception exception) => exception.Message.ReplaceLineEndings("\n").Split('\n')[0].TrimEnd('.') + ".";
}

/// <summary>The command line asks for something that cannot be done as it stands.</summary>
internal sealed class UsageException(string message, Exception? inner = null) : EaselException(message, inner);
