using System.Runtime.InteropServices;

namespace Easel.Cli;

/// <summary>What the command returns to the shell.</summary>
internal static class ExitCodes
{
    /// <summary>All that was asked for was done.</summary>
    public const int Ok = 0;

    /// <summary>The run failed: disk full, not enough memory, numbers that overflow.</summary>
    public const int Failed = 1;

    /// <summary>What was asked for cannot be done: a wrong flag, a missing file, a file that is no model.</summary>
    public const int BadInput = 2;

    /// <summary>Cancelled at the keyboard (128 + SIGINT, as shells count).</summary>
    public const int Cancelled = 130;

    /// <summary>The code for an exception and one sentence for the person at the keyboard.</summary>
    public static (int Code, string Sentence) Of(Exception exception) => exception switch
    {
        OperationCanceledException => (Cancelled, "cancelled"),
        InvalidRequestException { Finding: { } finding } refused when Knobs.Find(refused.Field) is { } knob && knob.Flags.Concat(knob.ScriptFlags).FirstOrDefault() is { } flag =>
            (BadInput, $"{flag} {finding}"),
        UsageException or InvalidRequestException or CheckpointException => (BadInput, exception.Message),
        EaselException => (Failed, exception.Message),
        AggregateException { InnerException: { } inner } => Of(inner),
        TypeInitializationException { InnerException: { } inner } => Of(inner),
        DllNotFoundException or BadImageFormatException or EntryPointNotFoundException =>
            (Failed, $"libtorch, which does the arithmetic, could not be loaded: {FirstLine(exception)}"),
        OutOfMemoryException => (Failed, NoMemory),
        ExternalException when IsLackOfMemory(exception.Message) => (Failed, NoMemory),
        IOException or UnauthorizedAccessException => (Failed, FirstLine(exception)),
        _ => (Failed, $"Something unforeseen happened: {FirstLine(exception)} EASEL_DEBUG=1 shows where."),
    };

    private const string NoMemory =
        "There is not enough memory; a smaller --width and --height, --batch 1 or --precision bf16 need less, and so does closing other programs.";

    private static bool IsLackOfMemory(string message) =>
        message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase) || message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase);

    private static string FirstLine(Exception exception) => exception.Message.ReplaceLineEndings("\n").Split('\n')[0].TrimEnd('.') + ".";
}

/// <summary>The command line asks for something that cannot be done as it stands.</summary>
internal sealed class UsageException(string message, Exception? inner = null) : EaselException(message, inner);
