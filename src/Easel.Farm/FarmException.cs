namespace Easel.Farm;

/// <summary>What keeps a server or a worker from its farm, as one sentence.</summary>
public sealed class FarmException(string message, Exception? inner = null) : EaselException(message, inner)
{
    /// <summary>Whether waiting may help, as it does where no broker answers; a wrong password stays wrong.</summary>
    public bool MayPass { get; init; }
}
