namespace Easel.Hub;

/// <summary>A model could not be fetched; the message says why and what helps.</summary>
public class HubException(string message, Exception? inner = null) : EaselException(message, inner);

/// <summary>A name leads to no model on this machine, or to several.</summary>
public sealed class UnknownModelException(string message) : HubException(message);
