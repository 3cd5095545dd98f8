using Microsoft.AspNetCore.Components;

namespace Easel.Server.Page;

/// <summary>A part of the page that shows what is set to be drawn, and so is drawn anew whenever that changed.</summary>
public abstract class StateComponent : ComponentBase, IDisposable
{
    /// <summary>What is set to be drawn.</summary>
    [Inject]
    private protected DrawState State { get; set; } = null!; // set before the first drawing

    /// <inheritdoc/>
    protected override void OnInitialized() => State.Changed += Show;

    /// <inheritdoc/>
    public void Dispose()
    {
        State.Changed -= Show;
        Leave();
        GC.SuppressFinalize(this);
    }

    /// <summary>Draws the part anew; from any thread.</summary>
    protected void Show() => InvokeAsync(StateHasChanged);

    /// <summary>Told when the part is taken off the page.</summary>
    protected virtual void Leave()
    {
    }
}
