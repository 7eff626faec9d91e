using Microsoft.Extensions.AI;

/// <summary>Stands in for a text-only model: calls a function about the image, then says what it was told.</summary>
sealed class BlindModel(string image) : IChatClient
{
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        FunctionResultContent? seen = messages.SelectMany(static m => m.Contents).OfType<FunctionResultContent>().LastOrDefault();
        AIContent answer = seen is null
            ? new FunctionCallContent("1", "vision-read_text", new Dictionary<string, object?> { ["image"] = image })
            : new TextContent($"My eyes say: {seen.Result}");
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, [answer])));
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("The script does not stream.");

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose() { }
}
