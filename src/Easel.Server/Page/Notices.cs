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

    private readonly Stack<Notice> _covered = [];

    /// <summary>What is shown; null for nothing.</summary>
    public Notice? Current { get; private set; }

    /// <summary>Told when it changed.</summary>
    public event Action? Changed;

    /// <summary>Shows a message over the last one. What can still be taken back comes to light again when this one is gone.</summary>
    public void Show(Notice notice)
    {
        if (Current is { Action: not null } covered) _covered.Push(covered);
        Turn(notice);
    }

    /// <summary>Puts what is shown away, and shows again what it covered and can still be taken back.</summary>
    public void PutAway() => Turn(Uncovered());

    /// <summary>Does what the message offers. Of several deletions in a row each can be taken back, the last one first.</summary>
    public Task Act()
    {
        var notice = Current;
        Turn(Uncovered());
        return notice?.Do?.Invoke() ?? Task.CompletedTask;
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

    private Notice? Uncovered() => _covered.TryPop(out var covered) ? covered with { } : null; // anew, so that its time begins again

    private void Turn(Notice? notice)
    {
        Current = notice;
        Changed?.Invoke();
    }
}
