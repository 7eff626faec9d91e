using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>From the chat client's answers to the objects of the protocol.</summary>
static class ChatAnswers
{
    /// <summary>A whole answer.</summary>
    public static ChatCompletion Completion(ChatResponse response, ServedRequest request, ServedModel model)
    {
        List<AIContent> contents = [.. response.Messages.SelectMany(static m => m.Contents)];
        ChatToolCall[] calls = [.. contents.OfType<FunctionCallContent>().Select(static c =>
            new ChatToolCall(null, c.CallId, "function", new ChatToolFunction(c.Name, CallArguments.Write(c.Arguments))))];
        string text = string.Concat(contents.OfType<TextContent>().Select(static t => t.Text));
        ChatAnswer answer = new("assistant", text.Length == 0 && calls.Length > 0 ? null : text, null, calls.Length > 0 ? calls : null);
        return new ChatCompletion(
            NewId(), "chat.completion", model.Now, model.Id,
            [new ChatChoice(0, answer, null, Finish(response.FinishReason, calls.Length > 0))],
            Usage(response.Usage), "default", model.Fingerprint, OwnReport.Of(response.Usage, response.AdditionalProperties, request.Statistics));
    }

    /// <summary>An id of a completion.</summary>
    public static string NewId() => $"chatcmpl-{Guid.NewGuid():N}";

    /// <summary>Why the answer ended, as one of the words clients know; they throw at any other.</summary>
    public static string Finish(ChatFinishReason? reason, bool called) =>
        reason == ChatFinishReason.Length ? "length"
        : reason == ChatFinishReason.ContentFilter ? "content_filter"
        : called || reason == ChatFinishReason.ToolCalls ? "tool_calls"
        : "stop";

    /// <summary>Usage; a client that gives none has used nothing.</summary>
    public static ChatUsage Usage(UsageDetails? usage)
    {
        long input = usage?.InputTokenCount ?? 0, output = usage?.OutputTokenCount ?? 0;
        return new ChatUsage(
            input, output, usage?.TotalTokenCount ?? (input + output),
            new PromptTokensDetails(usage?.CachedInputTokenCount ?? 0), new CompletionTokensDetails(usage?.ReasoningTokenCount ?? 0));
    }
}
