using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>From the chat client's answers to the objects of the protocol.</summary>
static class ChatAnswers
{
    /// <summary>A whole answer, of one choice or several.</summary>
    public static ChatCompletion Completion(IReadOnlyList<ChatResponse> responses, ServedRequest request, ServedModel model)
    {
        UsageDetails? usage = Sum(responses.Select(static r => r.Usage));
        return new ChatCompletion(
            NewId(), "chat.completion", model.Now, model.Id, [.. responses.Select(Choice)], Usage(usage), "default", model.Fingerprint,
            OwnReport.Of(usage, responses[0].AdditionalProperties, request.Statistics));
    }

    static ChatChoice Choice(ChatResponse response, int index)
    {
        List<AIContent> contents = [.. response.Messages.SelectMany(static m => m.Contents)];
        ChatToolCall[] calls = [.. contents.OfType<FunctionCallContent>().Select(static c =>
            new ChatToolCall(null, c.CallId, "function", new ChatToolFunction(c.Name, CallArguments.Write(c.Arguments))))];
        string text = string.Concat(contents.OfType<TextContent>().Select(static t => t.Text));
        ChatAnswer answer = new("assistant", text.Length == 0 && calls.Length > 0 ? null : text, null, calls.Length > 0 ? calls : null);
        return new ChatChoice(index, answer, ChatLogprobs.Of(response.AdditionalProperties), Finish(response.FinishReason, calls.Length > 0));
    }

    /// <summary>Usage of several choices: their prompt is one, their answers add up.</summary>
    public static UsageDetails? Sum(IEnumerable<UsageDetails?> usages)
    {
        UsageDetails? sum = null;
        foreach (UsageDetails usage in usages.OfType<UsageDetails>())
        {
            if (sum is null)
            {
                sum = usage;
                continue;
            }
            sum = new UsageDetails
            {
                InputTokenCount = sum.InputTokenCount,
                CachedInputTokenCount = sum.CachedInputTokenCount,
                OutputTokenCount = (sum.OutputTokenCount ?? 0) + (usage.OutputTokenCount ?? 0),
                ReasoningTokenCount = sum.ReasoningTokenCount,
                AdditionalCounts = sum.AdditionalCounts,
            };
        }
        return sum;
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
