using System.ClientModel;
using System.Text;
using OpenAI;
using OpenAI.Chat;

namespace SK.FasterVlm.Server.Tests.Clients;

/// <summary>The official .NET SDK.</summary>
sealed class OpenAINetClient(Uri server, string key = "unused") : ISdkClient
{
    public async Task<SdkAnswer> AskAsync(SdkQuestion question, CancellationToken cancellationToken)
    {
        ChatClient client = new(question.Model, new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri(server, "/v1") });
        ChatMessageContentPart[] parts =
        [
            .. question.Images.Select(static i => ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(i), "image/jpeg", ChatImageDetailLevel.Auto)),
            ChatMessageContentPart.CreateTextPart(question.Text),
        ];
        try
        {
            List<ChatMessage> messages = [new UserChatMessage(parts)];
            if (question.Called is { } called)
            {
                messages.Add(new AssistantChatMessage([ChatToolCall.CreateFunctionToolCall(called.Call.Id, called.Call.Name, BinaryData.FromString(called.Call.Arguments))]));
                messages.Add(new ToolChatMessage(called.Call.Id, called.Result));
            }
            return question.Stream
                ? await StreamAsync(client, messages, Options(question), question.CancelAfter, cancellationToken)
                : Answer(await client.CompleteChatAsync(messages, Options(question), cancellationToken));
        }
        catch (ClientResultException e)
        {
            throw SdkException.Of(e.Status, e.GetRawResponse()!.Content.ToString());
        }
    }

    static ChatCompletionOptions Options(SdkQuestion question)
    {
        ChatCompletionOptions options = new() { MaxOutputTokenCount = question.MaxTokens, Temperature = 0 };
        foreach (SdkTool tool in question.Tools)
            options.Tools.Add(ChatTool.CreateFunctionTool(tool.Name, tool.Description, BinaryData.FromString(tool.Parameters.ToJsonString()), functionSchemaIsStrict: true));
        if (question.Tools.Count > 0)
        {
            options.AllowParallelToolCalls = question.Parallel;
            options.ToolChoice = question.ToolChoice switch
            {
                "auto" => ChatToolChoice.CreateAutoChoice(),
                "none" => ChatToolChoice.CreateNoneChoice(),
                "required" => ChatToolChoice.CreateRequiredChoice(),
                _ => ChatToolChoice.CreateFunctionChoice(question.ToolChoice[1..]),
            };
        }
        if (question.Schema is { } schema)
            options.ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(schema.ToJsonString()), jsonSchemaIsStrict: true);
        return options;
    }

    static SdkAnswer Answer(ChatCompletion completion) => new(
        string.Concat(completion.Content.Select(static c => c.Text)), Word(completion.FinishReason),
        [.. completion.ToolCalls.Select(static c => new SdkCall(c.Id, c.FunctionName, c.FunctionArguments.ToString()))],
        completion.Usage.InputTokenCount, completion.Usage.OutputTokenCount);

    static async Task<SdkAnswer> StreamAsync(
        ChatClient client, List<ChatMessage> messages, ChatCompletionOptions options, int cancelAfter, CancellationToken cancellationToken)
    {
        StringBuilder text = new();
        SortedDictionary<int, (string Id, string Name, StringBuilder Arguments)> calls = [];
        string finish = "cancelled";
        ChatTokenUsage? usage = null;
        int pieces = 0;
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(messages, options, cancellationToken))
        {
            foreach (ChatMessageContentPart part in update.ContentUpdate) text.Append(part.Text);
            foreach (StreamingChatToolCallUpdate call in update.ToolCallUpdates)
            {
                if (!calls.ContainsKey(call.Index)) calls[call.Index] = (call.ToolCallId, call.FunctionName, new StringBuilder());
                calls[call.Index].Arguments.Append(call.FunctionArgumentsUpdate?.ToString());
            }
            if (update.FinishReason is { } reason) finish = Word(reason);
            usage = update.Usage ?? usage;
            if (cancelAfter > 0 && text.Length > 0 && ++pieces >= cancelAfter) break;
        }
        return new SdkAnswer(
            text.ToString(), finish, [.. calls.Values.Select(static c => new SdkCall(c.Id, c.Name, c.Arguments.ToString()))],
            usage?.InputTokenCount ?? 0, usage?.OutputTokenCount ?? 0);
    }

    static string Word(ChatFinishReason reason) => reason switch
    {
        ChatFinishReason.Stop => "stop",
        ChatFinishReason.Length => "length",
        ChatFinishReason.ToolCalls => "tool_calls",
        _ => reason.ToString(),
    };
}
