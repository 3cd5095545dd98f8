namespace Easel.Server.Page;

/// <summary>The short message at the bottom of the page, with at most one thing to do about it.</summary>
public sealed class Notices
{
    /// <summary>A message.</summary>
    /// <param name="Text">One sentence.</param>
    /// <param name="Action">What the button says; null for none.</param>
    /// <param name="Do">What it does.</param>
    /// <param name="IsError">Whether something went wrong.</param>
    public sealed record Notice(string Text, string? Action = null, Func<Task>? Do = null, bool IsError = false);

    /// <summary>What is shown; null for nothing.</summary>
    public Notice? Current { get; private set; }

    /// <summary>Told when it changed.</summary>
    public event Action? Changed;

    /// <summary>Shows a message in place of the last one.</summary>
    public void Show(Notice? notice)
    {
        Current = notice;
        Changed?.Invoke();
    }

    /// <summary>Shows a message.</summary>
    public void Say(string text) => Show(new Notice(text));

    /// <summary>Shows what went wrong.</summary>
    public void Error(Exception exception) => Show(new Notice(Sentence.Of(exception), IsError: true));

    /// <summary>Does something and shows why, where it cannot be done.</summary>
    public async Task Try(Func<Task> what)
    {
        try
        {
            await what();
        }
        catch (EaselException e)
        {
            Error(e);
        }
    }

    /// <inheritdoc cref="Try(Func{Task})"/>
    public void Try(Action what) => Try(() =>
    {
        what();
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();
}
