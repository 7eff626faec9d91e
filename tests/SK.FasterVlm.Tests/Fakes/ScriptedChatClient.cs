using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace SK.FasterVlm.Tests;

/// <summary>
/// A chat client whose answers are written in advance: the n-th request gets the n-th answer, the last one repeats. It records what it
/// was asked. Streaming gives every content of an answer in an update of its own, and usage and finish reason with the last.
/// </summary>
sealed class ScriptedChatClient(params AIContent[][] answers) : IChatClient
{
    readonly ChatClientMetadata _metadata = new("scripted", null, "scripted-model");

    public List<(List<ChatMessage> Messages, ChatOptions? Options)> Requests { get; } = [];

    /// <summary>Instead of the answers.</summary>
    public Func<IReadOnlyList<ChatMessage>, ChatOptions?, AIContent[]>? Answer { get; set; }

    /// <summary>Streams that were begun and not yet disposed.</summary>
    public int StreamsAlive { get; private set; }

    public bool Disposed { get; private set; }

    public ChatFinishReason? FinishReason { get; set; }

    public static AIContent[] Text(string text) => [new TextContent(text)];

    public static AIContent[] Calls(params (string Name, object Arguments)[] calls) =>
    [
        .. calls.Select(static (c, i) => new FunctionCallContent($"call-{i}", c.Name,
            System.Text.Json.JsonSerializer.SerializeToElement(c.Arguments).EnumerateObject().ToDictionary(static p => p.Name, static p => (object?)p.Value))),
    ];

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        return Next(messages, options);
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ChatResponse response = Next(messages, options);
        StreamsAlive++;
        try
        {
            foreach (AIContent content in response.Messages[0].Contents)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                yield return Update([content]);
            }
            yield return new(ChatRole.Assistant, [new UsageContent(response.Usage!)])
            {
                ResponseId = response.ResponseId,
                ModelId = response.ModelId,
                CreatedAt = response.CreatedAt,
                FinishReason = response.FinishReason,
                AdditionalProperties = response.AdditionalProperties,
            };
        }
        finally
        {
            StreamsAlive--;
        }

        ChatResponseUpdate Update(IList<AIContent> contents) => new(ChatRole.Assistant, contents)
        {
            ResponseId = response.ResponseId,
            MessageId = response.ResponseId,
            ModelId = response.ModelId,
            CreatedAt = response.CreatedAt,
        };
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(ChatClientMetadata) ? _metadata : serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose() => Disposed = true;

    ChatResponse Next(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        Requests.Add(([.. messages], options));
        AIContent[] contents = Answer is { } answer ? answer(Requests[^1].Messages, options) : answers[Math.Min(Requests.Count, answers.Length) - 1];
        bool calls = contents.Any(static c => c is FunctionCallContent);
        return new(new ChatMessage(ChatRole.Assistant, [.. contents]))
        {
            ResponseId = $"id-{Requests.Count}",
            ModelId = "scripted-model",
            CreatedAt = DateTimeOffset.UnixEpoch,
            FinishReason = FinishReason ?? (calls ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop),
            Usage = new() { InputTokenCount = 10, OutputTokenCount = 2, TotalTokenCount = 12 },
            AdditionalProperties = new() { ["ContentTokenLogProbabilities"] = "here" },
        };
    }
}
