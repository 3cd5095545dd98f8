
namespace Easel.Cli;

/// <summary>What surrounds the command: its streams, what they are connected to, its variables and the wish to stop.</summary>
internal sealed record Shell
{
    /// <summary>Results: file names, tables, JSON.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Everything else: progress, notes, errors.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Standard input.</summary>
    public required TextReader In { get; init; }

    /// <summary>Whether <see cref="Out"/> is a terminal.</summary>
    public bool OutIsTerminal { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>The value of an environment variable, or null.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    /// <summary>Columns of the terminal.</summary>
    public int Width { get; init; } = 80;

    /// <summary>Signalled when the person wants it to stop.</summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>The process's own.</summary>
    public static Shell OfProcess(CancellationToken cancel) => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        In = Console.In,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Variable = Environment.GetEnvironmentVariable,
        Width = WidthOfTerminal(),
        Cancel = cancel,
    };

    private static int WidthOfTerminal()
    {
        try
        {
            return Console.IsOutputRedirected || Console.WindowWidth < 20 ? 80 : Console.WindowWidth;
        }
        catch (IOException)
        {
            return 80; // no console at all
        }
    }
}
