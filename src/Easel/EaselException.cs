namespace Easel;

/// <summary>Something the user can understand and mend: its message is one sentence that names the thing, the value and what is allowed.</summary>
public class EaselException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One sentence for the person at the keyboard.</param>
    /// <param name="inner">The cause, if another exception was.</param>
    public EaselException(string message, Exception? inner = null) : base(message, inner) { }

    /// <summary>The exception for a file that the system would not read or write: a full disk, a place that may only be read, no right to it.</summary>
    /// <param name="error">What .NET threw.</param>
    public static EaselException OfFile(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return new EaselException(WriteFailure.Sentence(error), error);
    }
}

/// <summary>A setting that cannot be honoured.</summary>
public sealed class InvalidRequestException : EaselException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="field">The name of the setting, as the request spells it.</param>
    /// <param name="message">One sentence: the setting, its value and what is allowed.</param>
    public InvalidRequestException(string field, string message) : base(message) => Field = field;

    /// <summary>Creates the exception for a value that a knob cannot have.</summary>
    /// <param name="knob">The knob.</param>
    /// <param name="finding">What is wrong: "is 200; it must be from 0 to 100."</param>
    internal InvalidRequestException(Knob knob, string finding) : this(knob.Property, $"The {knob.Noun} {finding}") => Finding = finding;

    /// <summary>The name of the setting.</summary>
    public string Field { get; }

    /// <summary>What is wrong with its value, to be put behind the name that the setting has in some shell: "is 200; it must be from 0 to 100."; null where the
    /// message stands for itself.</summary>
    public string? Finding { get; }
}

/// <summary>A model file that is damaged, hostile, of another kind, or not a model at all.</summary>
public sealed class CheckpointException : EaselException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One sentence: the file and what is wrong with it.</param>
    /// <param name="inner">The cause, if another exception was.</param>
    public CheckpointException(string message, Exception? inner = null) : base(message, inner) { }
}

/// <summary>A model computed infinities or no numbers at all, as fp16 does where it overflows and any precision does on damaged weights.</summary>
internal sealed class NonFiniteException : EaselException
{
    private NonFiniteException() : base(
        "The model computed values that are not finite numbers, so there is no picture; its file may be damaged, or full precision may help.")
    { }

    public static void ThrowIfAny(TorchSharp.torch.Tensor values)
    {
        using var finite = values.isfinite();
        using var all = finite.all();
        if (!all.item<bool>()) throw new NonFiniteException();
    }
}
