namespace Easel;

/// <summary>There is less memory than a model or a run needs. The message is neutral; what would help is told as data too, for a shell to say in its own
/// terms.</summary>
public sealed class NotEnoughMemoryException : EaselException
{
    private NotEnoughMemoryException(string message, Exception? inner = null) : base(message, inner) { }

    /// <summary>Bytes that are needed, the model included; null where memory ran out on the way.</summary>
    public long? Needed { get; private init; }

    /// <summary>Bytes that there are; null where memory ran out on the way.</summary>
    public long? Available { get; private init; }

    /// <summary>The property of <see cref="GenerationRequest"/> or <see cref="LoadOptions"/> to be changed; null where only another model or machine
    /// helps.</summary>
    public string? Field { get; private init; }

    /// <summary>A value of it that fits, where one is known: pixels along a side, or a <see cref="Precision"/>.</summary>
    public object? Fitting { get; private init; }

    /// <summary>What an exception means if it says that memory ran out, in libtorch or elsewhere; null if it says something else.</summary>
    public static NotEnoughMemoryException? Of(Exception exception) => exception switch
    {
        NotEnoughMemoryException own => own,
        EaselException => null,
        OutOfMemoryException when Runtime.ProcessLimits.Heap is { } heap =>
            new($"Memory ran out: the managed heap of this process is limited to {heap >> 20} MB (DOTNET_GCHeapHardLimit).", exception),
        _ when exception is OutOfMemoryException || Phrases.Any(phrase => exception.Message.Contains(phrase, StringComparison.OrdinalIgnoreCase)) =>
            new("Memory ran out; a smaller picture, fewer pictures at once or weights in half the memory (fp16) may fit, and so may closing other programs.",
                exception),
        _ => null,
    };

    /// <summary>For a run.</summary>
    /// <param name="size">What is to be drawn, in pixels.</param>
    /// <param name="needed"><see cref="Needed"/>.</param>
    /// <param name="available"><see cref="Available"/>.</param>
    /// <param name="many">Whether fewer pictures at once are possible.</param>
    /// <param name="side">The side of the largest square that fits; null where none does.</param>
    internal static NotEnoughMemoryException ForRun((long Width, long Height) size, double needed, double available, bool many, int? side)
    {
        var remedy = many ? "fewer pictures at once would fit" : side is not null ? $"{side}x{side} would fit" : "a smaller model or more memory is needed";
        var (more, less) = Readable.Shortfall(needed, available);
        return new($"Drawing {size.Width}x{size.Height} needs about {more} of memory, the model included, and {less} are free; {remedy}.")
        {
            Needed = (long)needed,
            Available = (long)available,
            Field = many ? nameof(GenerationRequest.BatchSize) : side is not null ? nameof(GenerationRequest.Width) : null,
            Fitting = many ? null : side,
        };
    }

    /// <summary>For the weights of a model.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="needed"><see cref="Needed"/>.</param>
    /// <param name="available"><see cref="Available"/>.</param>
    /// <param name="fitting">A precision in which it fits; null where there is none.</param>
    internal static NotEnoughMemoryException ForModel(string path, double needed, double available, Precision? fitting)
    {
        var remedy = fitting is { } precision ? $"in {precision.ShortName()} it takes half and would fit"
            : "a smaller model or a machine with more memory is needed";
        var (more, less) = Readable.Shortfall(needed, available);
        return new($"{path} needs {more} of memory for its weights and {less} are free; {remedy}.")
        {
            Needed = (long)needed,
            Available = (long)available,
            Field = fitting is null ? null : nameof(LoadOptions.Precision),
            Fitting = fitting,
        };
    }

    private static readonly string[] Phrases = ["allocate memory", "out of memory", "not enough memory"];
}
