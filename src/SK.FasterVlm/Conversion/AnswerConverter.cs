using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Functions;
using AIContent = Microsoft.Extensions.AI.AIContent;
using AIFunctionCallContent = Microsoft.Extensions.AI.FunctionCallContent;
using AITextContent = Microsoft.Extensions.AI.TextContent;
using FunctionCallContent = Microsoft.SemanticKernel.FunctionCallContent;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Conversion;

/// <summary>
/// A chat client's answers to Semantic Kernel's, with nothing lost: finish reason, ids and usage go into the metadata under the names
/// Semantic Kernel's OpenAI connector uses, calls are told apart by plugin and function.
/// </summary>
static class AnswerConverter
{
    public static ChatMessageContent Convert(ChatResponse response, FunctionRound round)
    {
        // A client may have carried out work of its own first; its last message is the answer.
        ChatMessage message = response.Messages is { Count: > 0 } messages ? messages[^1] : new ChatMessage(ChatRole.Assistant, "");
        ChatMessageContent answer = new(new AuthorRole(message.Role.Value), [], response.ModelId, response)
        {
            Metadata = Metadata(response.ResponseId, response.CreatedAt, response.FinishReason, response.Usage, response.AdditionalProperties),
        };
        foreach (AIContent content in message.Contents)
        {
            foreach (KernelContent item in Convert(content, round))
            {
                // Semantic Kernel's Content is the first text alone: a text that came in pieces is put together.
                if (item is TextContent text && answer.Items is [.., TextContent before]) before.Text += text.Text;
                else answer.Items.Add(item);
            }
        }
        return answer;
    }

    public static StreamingChatMessageContent Convert(ChatResponseUpdate update, AuthorRole? role, FunctionRound round, int requestIndex, int choice, ref int calls)
    {
        UsageDetails? usage = update.Contents.OfType<UsageContent>().LastOrDefault()?.Details;
        StreamingChatMessageContent piece = new(role, null, update, choice, update.ModelId)
        {
            Metadata = Metadata(update.ResponseId, update.CreatedAt, update.FinishReason, usage, update.AdditionalProperties, streaming: true),
        };
        foreach (AIContent content in update.Contents)
        {
            switch (content)
            {
                case AITextContent text:
                    piece.Items.Add(new StreamingTextContent(text.Text, choice, update.ModelId));
                    break;
                case AIFunctionCallContent call:
                    (string? plugin, string function) = round.Split(call.Name);
                    piece.Items.Add(new StreamingFunctionCallUpdateContent(
                        call.CallId, FunctionNames.Join(plugin, function), JsonSerializer.Serialize(call.Arguments ?? new Dictionary<string, object?>()), calls++)
                    {
                        RequestIndex = requestIndex,
                    });
                    break;
            }
        }
        return piece;
    }

    static IEnumerable<KernelContent> Convert(AIContent content, FunctionRound round)
    {
        switch (content)
        {
            case AITextContent text:
                return [new TextContent(text.Text)];
            case AIFunctionCallContent call:
                (string? plugin, string function) = round.Split(call.Name);
                return [new FunctionCallContent(function, plugin, call.CallId, Arguments(call, round.Find(call.Name)))
                {
                    Exception = call.Exception,
                    InnerContent = call,
                }];
            case DataContent data when data.HasTopLevelMediaType("image"):
                return [new ImageContent(data.Data, data.MediaType)];
            case DataContent data:
                return [new BinaryContent(data.Data, data.MediaType)];
            default:
                return []; // usage is in the metadata; what else there may be is reached by InnerContent
        }
    }

    /// <summary>
    /// The arguments of a call. Semantic Kernel reads enums off strings only and other types that are written as texts (dates, say) off
    /// JSON only; each is given what it can be read from.
    /// </summary>
    public static KernelArguments? Arguments(AIFunctionCallContent call, KernelFunction? function)
    {
        if (call.Arguments is not { } given) return null;
        KernelArguments arguments = new(given);
        foreach ((string name, object? value) in given)
        {
            Type? type = function?.Metadata.Parameters.FirstOrDefault(p => p.Name == name)?.ParameterType;
            type = type is null ? null : Nullable.GetUnderlyingType(type) ?? type;
            if (value is JsonElement { ValueKind: JsonValueKind.String } text && (type is null or { IsEnum: true } || type == typeof(string) || type == typeof(object)))
                arguments[name] = text.GetString();
        }
        return arguments;
    }

    static Dictionary<string, object?> Metadata(
        string? id, DateTimeOffset? createdAt, ChatFinishReason? reason, UsageDetails? usage, AdditionalPropertiesDictionary? more, bool streaming = false)
    {
        Dictionary<string, object?> metadata = new() { ["Id"] = id, ["CreatedAt"] = createdAt };
        if (streaming) metadata["CompletionId"] = id;
        if (reason is { } finish) metadata["FinishReason"] = finish.Value;
        if (usage is not null) metadata["Usage"] = usage;
        foreach ((string key, object? value) in more ?? []) metadata.TryAdd(key, value);
        if (more?.GetValueOrDefault(FasterVlmChatClient.LogProbabilitiesKey) is { } tokens) metadata["ContentTokenLogProbabilities"] = tokens;
        return metadata;
    }
}
