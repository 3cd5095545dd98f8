namespace Easel.Server.Errors;

/// <summary>The database is damaged: not busy, not forbidden, not full.</summary>
internal sealed class DamagedDatabaseException(string file, Exception inner)
    : EaselException($"The database {file} is damaged; 'easel gallery rebuild' makes it anew from the pictures while no server runs.", inner);
