namespace Easel.Server.Errors;

/// <summary>A refusal that has an HTTP status of its own.</summary>
/// <param name="status">The status, 400 to 599.</param>
/// <param name="message">One sentence: the thing, its value and what is allowed.</param>
/// <param name="inner">The cause.</param>
public sealed class ServerException(int status, string message, Exception? inner = null) : EaselException(message, inner)
{
    /// <summary>The HTTP status.</summary>
    public int Status => status;

    /// <summary>What is asked for can be read and not be done (422).</summary>
    public static ServerException Refused(string message, Exception? inner = null) => new(Status422UnprocessableEntity, message, inner);
}
