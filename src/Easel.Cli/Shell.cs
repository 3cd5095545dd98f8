namespace Easel.Cli;

/// <summary>What surrounds the command: its streams, what they are connected to, its variables and the wish to stop.</summary>
internal sealed record Shell
{
    public required TextWriter Out { get; init; } // results: file names, tables, JSON
    public required TextWriter Error { get; init; } // everything else: progress, notes, errors

    public required TextReader In { get; init; }
    public bool OutIsTerminal { get; init; }
    public bool ErrorIsTerminal { get; init; }

    /// <summary>The value of an environment variable, or null.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    public int Width { get; init; } = 80;

    /// <summary>Signalled when the person wants it to stop.</summary>
    public CancellationToken Cancel { get; init; }

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
