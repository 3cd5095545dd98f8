using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace ChatTool;

/// <summary>Asks for the tool "draw" with what the user said after "draw", and then says what came of it.</summary>
internal sealed class StandIn : IChatClient
{
    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var all = messages.ToList();
        if (all.SelectMany(message => message.Contents).OfType<FunctionResultContent>().LastOrDefault() is { } drawn)
            return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, $"I drew it: {drawn.Result}")));

        var said = all.Last(message => message.Role == ChatRole.User).Text;
        var at = said.IndexOf("draw ", StringComparison.OrdinalIgnoreCase);
        var prompt = (at < 0 ? said : said[(at + 5)..]).TrimEnd('.', '!');
        var call = new FunctionCallContent("1", "draw", new Dictionary<string, object?> { ["prompt"] = prompt });
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, [call])));
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var update in (await GetResponseAsync(messages, options, cancellationToken)).ToChatResponseUpdates()) yield return update;
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose()
    {
    }
}
