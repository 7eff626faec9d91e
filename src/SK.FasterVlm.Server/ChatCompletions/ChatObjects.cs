using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.ChatCompletions;

// The objects of the protocol, field by field as OpenAI's reference has them. What is null is written as null unless it says otherwise.

sealed record ChatCompletion(
    string Id, [property: AllowedValues("chat.completion")] string Object, long Created, string Model, IReadOnlyList<ChatChoice> Choices,
    ChatUsage Usage, [property: AllowedValues("default")] string ServiceTier, string SystemFingerprint,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OwnReport? Fastervlm);

sealed record ChatChoice(int Index, ChatAnswer Message, ChatLogprobs? Logprobs,
    [property: AllowedValues("stop", "length", "tool_calls", "content_filter")] string FinishReason);

sealed record ChatAnswer(
    [property: AllowedValues("assistant")] string Role, string? Content, string? Refusal,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ChatToolCall>? ToolCalls)
{
    public IReadOnlyList<string> Annotations { get; } = [];
}

sealed record ChatToolCall(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Id,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), AllowedValues("function")] string? Type,
    ChatToolFunction Function);

sealed record ChatToolFunction([property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name, string Arguments);

sealed record ChatUsage(
    long PromptTokens, long CompletionTokens, long TotalTokens, PromptTokensDetails PromptTokensDetails, CompletionTokensDetails CompletionTokensDetails);

sealed record PromptTokensDetails(long CachedTokens, long AudioTokens = 0);

sealed record CompletionTokensDetails(
    long ReasoningTokens, long AudioTokens = 0, long AcceptedPredictionTokens = 0, long RejectedPredictionTokens = 0);

record ChatChunk(
    string Id, [property: AllowedValues("chat.completion.chunk")] string Object, long Created, string Model, IReadOnlyList<ChunkChoice> Choices,
    [property: AllowedValues("default")] string ServiceTier, string SystemFingerprint)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OwnReport? Fastervlm { get; init; }
}

/// <summary>A chunk for a client that asked for usage: null on every chunk but the last.</summary>
sealed record ChatChunkWithUsage(
    string Id, string Object, long Created, string Model, IReadOnlyList<ChunkChoice> Choices, string ServiceTier, string SystemFingerprint,
    ChatUsage? Usage) : ChatChunk(Id, Object, Created, Model, Choices, ServiceTier, SystemFingerprint);

sealed record ChunkChoice(int Index, ChunkDelta Delta, ChatLogprobs? Logprobs,
    [property: AllowedValues("stop", "length", "tool_calls", "content_filter")] string? FinishReason);

sealed record ChunkDelta
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), AllowedValues("assistant")]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChatToolCall>? ToolCalls { get; init; }
}
