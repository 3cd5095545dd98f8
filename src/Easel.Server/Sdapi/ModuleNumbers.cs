using Easel.Imaging;

namespace Easel.Server.Sdapi;

/// <summary>The numbers by which a module of the ControlNet extension makes its hint, out of what was sent. What is out of its range is the module's own there,
/// and so it is here; it is told, but for the negative numbers by which the extension itself asks for that.</summary>
/// <param name="notes">Where it is told.</param>
internal sealed class ModuleNumbers(HintInfo module, List<string> notes)
{
    private const int UsualSide = 512, LeastSide = 64, MostSide = 2048;

    /// <summary>The pixels of the shorter side at which the hint is made; null for a module that leaves the picture as large as it is.</summary>
    public int? Side(string field, double? sent) =>
        module.TakesResolution ? (int)(Within(field, sent, LeastSide, MostSide, UsualSide) ?? UsualSide) : null;

    /// <summary>The module's first or second number; null for its own.</summary>
    public double? Threshold(string field, double? sent, int index) =>
        index < module.Settings.Count && module.Settings[index] is var row ? Within(field, sent, row.Least, row.Most, row.Default) : null;

    private double? Within(string field, double? sent, double least, double most, double usual)
    {
        if (sent is not { } value || value >= least && value <= most) return sent;
        if (value >= 0)
            notes.Add(FormattableString.Invariant($"{field} is {value}; {module.Module} takes {least} to {most}, and {usual} was used in its place."));
        return null;
    }
}
