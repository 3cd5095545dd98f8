using Microsoft.JSInterop;

namespace Easel.Server.Page;

/// <summary>The script of the page, <c>easel.js</c>, for one open tab. A tab that is gone answers nothing, and nobody is left to mind.</summary>
public sealed class Browser(IJSRuntime runtime)
{
    /// <summary>Calls a function of the script.</summary>
    /// <param name="name">The exported function.</param>
    /// <param name="values">What it is given.</param>
    public async Task Call(string name, params object?[] values)
    {
        try
        {
            await runtime.InvokeVoidAsync(Of(name), values);
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
            return await runtime.InvokeAsync<T>(Of(name), values);
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

    private static string Of(string name) => "easel." + name; // as the document hangs it into the window
}
