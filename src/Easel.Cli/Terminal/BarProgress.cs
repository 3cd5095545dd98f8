using Spectre.Console;
using Spectre.Console.Rendering;

namespace Easel.Cli.Terminal;

/// <summary>A bar at the foot of the terminal. It is drawn on a thread of its own, so that the thread that draws pictures is never held up by it.</summary>
internal sealed class BarProgress : IProgressDisplay
{
    private readonly Shell _shell;
    private readonly IAnsiConsole _console;
    private readonly ManualResetEventSlim _done = new();
    private readonly Task _display;
    private readonly ProgressContext _context;
    private ProgressTask? _task;
    private string? _what;

    public BarProgress(Shell shell)
    {
        _shell = shell;
        _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(shell.Error) });
        var started = new TaskCompletionSource<ProgressContext>();
        _display = Task.Run(() => _console.Progress().AutoClear(true).HideCompleted(true)
            .Columns(new ProgressBarColumn { Width = 28 }, new TaskDescriptionColumn()).Start(context =>
        {
            started.SetResult(context);
            _done.Wait();
        }));
        // Where the display cannot start, waiting for its context would be waiting for ever.
        _context = Task.WhenAny(started.Task, _display).GetAwaiter().GetResult() == started.Task
            ? started.Task.Result
            : throw _display.Exception!.InnerException!;
    }

    public void Working(string what, double share) => Show(what, what, share);

    public void Drawing(GenerationProgress progress) => Show("drawing", ProgressLine.Of(progress), progress.Share);

    public void Result(string line)
    {
        // On one screen with the bar a line has to be put in above it; elsewhere it goes where results go.
        if (_shell.OutIsTerminal) _console.Write(new UnbrokenLine(line));
        else _shell.Out.WriteLine(line);
    }

    public void Note(string text) => _console.Write(new UnbrokenLine("easel: note: " + text));

    public void Dispose()
    {
        _done.Set();
        _display.Wait();
        _done.Dispose();
    }

    private void Show(string what, string description, double share)
    {
        if (_task is null || what != _what)
        {
            _task?.StopTask();
            (_task, _what) = (_context.AddTask(Markup.Escape(description), maxValue: 1), what);
        }
        _task.Description = Markup.Escape(description);
        _task.Value = Math.Clamp(share, 0, 1);
    }

    /// <summary>A line that is left to the terminal to break, so that a long path can still be copied.</summary>
    private sealed class UnbrokenLine(string text) : Renderable
    {
        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => [new Segment(text), Segment.LineBreak];
    }
}
