using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace SK.FasterVlm.Server.Tests.Fakes;

/// <summary>A chat client that says what it is told to, and remembers what it was asked.</summary>
sealed class ScriptedChatClient : IChatClient
{
    public const string ModelId = "scripted";

    /// <summary>What to answer; by default the words "An", "answer." and usage.</summary>
    public Func<ScriptedRequest, IAsyncEnumerable<ChatResponseUpdate>> Script { get; set; } = static _ => Say("An ", "answer.");

    /// <summary>The requests, oldest first.</summary>
    public List<ScriptedRequest> Requests { get; } = [];

    /// <summary>How many requests there were.</summary>
    public int Count
    {
        get { lock (Requests) return Requests.Count; }
    }

    public ScriptedRequest Last
    {
        get { lock (Requests) return Requests[^1]; }
    }

    /// <summary>An answer of some pieces.</summary>
    public static async IAsyncEnumerable<ChatResponseUpdate> Say(params string[] pieces)
    {
        await Task.Yield();
        foreach (string piece in pieces) yield return new ChatResponseUpdate(ChatRole.Assistant, piece) { ModelId = ModelId };
        yield return End(ChatFinishReason.Stop, pieces.Length);
    }

    /// <summary>An answer of one update with any contents.</summary>
    public static async IAsyncEnumerable<ChatResponseUpdate> Say(ChatFinishReason finish, params AIContent[] contents)
    {
        await Task.Yield();
        yield return new ChatResponseUpdate(ChatRole.Assistant, contents);
        yield return End(finish, 1);
    }

    /// <summary>An answer that fails after some pieces.</summary>
    public static async IAsyncEnumerable<ChatResponseUpdate> Fail(Exception error, params string[] before)
    {
        await Task.Yield();
        foreach (string piece in before) yield return new ChatResponseUpdate(ChatRole.Assistant, piece);
        throw error;
    }

    public static ChatResponseUpdate End(ChatFinishReason finish, int tokens) => new()
    {
        FinishReason = finish,
        Contents = [new UsageContent(new UsageDetails { InputTokenCount = 11, OutputTokenCount = tokens, TotalTokenCount = 11 + tokens, CachedInputTokenCount = 7 })],
    };

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ScriptedRequest request = new([.. messages], options ?? new ChatOptions(), cancellationToken);
        lock (Requests) Requests.Add(request);
        await foreach (ChatResponseUpdate update in Script(request).WithCancellation(cancellationToken)) yield return update;
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("scripted", null, ModelId) : null;

    public void Dispose() { }
}

/// <summary>What the chat client was asked.</summary>
sealed record ScriptedRequest(IReadOnlyList<ChatMessage> Messages, ChatOptions Options, CancellationToken Cancellation)
{
    /// <summary>The options of our own.</summary>
    public Chat.FasterVlmRequestOptions Own => (Chat.FasterVlmRequestOptions)Options.RawRepresentationFactory!(null!)!;
}
