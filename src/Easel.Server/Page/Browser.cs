using Microsoft.JSInterop;

namespace Easel.Server.Page;

/// <summary>The script of the page, <c>easel.js</c>, for one open tab. A tab that is gone answers nothing, and nobody is left to mind.</summary>
public sealed class Browser(IJSRuntime runtime) : IAsyncDisposable
{
    private Task<IJSObjectReference>? _module;

    /// <summary>Calls a function of the script.</summary>
    /// <param name="name">The exported function.</param>
    /// <param name="values">What it is given.</param>
    public async Task Call(string name, params object?[] values)
    {
        try
        {
            await (await Module()).InvokeVoidAsync(name, values);
        }
        catch (Exception e) when (e is JSDisconnectedException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }

    /// <summary>Asks a function of the script.</summary>
    /// <param name="name">The exported function.</param>
    /// <param name="values">What it is given.</param>
    /// <returns>Its answer; the type's default where the tab is gone.</returns>
    public async Task<T?> Ask<T>(string name, params object?[] values)
    {
        try
        {
            return await (await Module()).InvokeAsync<T>(name, values);
        }
        catch (Exception e) when (e is JSDisconnectedException or OperationCanceledException or ObjectDisposedException)
        {
            return default;
        }
    }

    /// <summary>The bytes of a file that the page sends.</summary>
    /// <param name="most">How many there may be.</param>
    public static async Task<byte[]> Read(IJSStreamReference file, long most)
    {
        await using var stream = await file.OpenReadStreamAsync(most);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_module is not { IsCompletedSuccessfully: true } loaded) return;
        try
        {
            await loaded.Result.DisposeAsync();
        }
        catch (Exception e) when (e is JSDisconnectedException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }

    private Task<IJSObjectReference> Module() => _module ??= runtime.InvokeAsync<IJSObjectReference>("import", PageAssets.AddressOf("easel.js")).AsTask();
}
