using System.ClientModel;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using OpenAI;
using OpenAI.Chat;
using ChatMessageContent = Microsoft.SemanticKernel.ChatMessageContent;

namespace SK.FasterVlm.Server.Tests.Clients;

/// <summary>Semantic Kernel's OpenAI connector, its functions called by hand.</summary>
sealed class SemanticKernelClient(Uri server, string key = "unused") : ISdkClient
{
    public async Task<SdkAnswer> AskAsync(SdkQuestion question, CancellationToken cancellationToken)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        OpenAIClient client = new(new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri(server, "/v1") });
        builder.AddOpenAIChatCompletion(question.Model, client);
        Kernel kernel = builder.Build();
        KernelFunction[] functions = [.. question.Tools.Select(Function)];
        if (functions.Length > 0) kernel.Plugins.AddFromFunctions("Tools", functions);

        ChatHistory history = [];
        history.AddUserMessage([.. question.Images.Select(static i => new ImageContent(i, "image/jpeg")), new TextContent(question.Text)]);
        if (question.Called is { } called)
        {
            KernelArguments arguments = new(JsonNode.Parse(called.Call.Arguments)!.AsObject().ToDictionary(static a => a.Key, static object? (a) => a.Value!.ToString()));
            FunctionCallContent call = new(called.Call.Name, "Tools", called.Call.Id, arguments);
            history.Add(new ChatMessageContent(AuthorRole.Assistant, [call]));
            history.Add(new FunctionResultContent(call, called.Result).ToChatMessage());
        }
        IChatCompletionService service = kernel.GetRequiredService<IChatCompletionService>();
        try
        {
            return question.Stream
                ? await StreamAsync(service, history, Settings(question, functions), kernel, question.CancelAfter, cancellationToken)
                : Answer(await service.GetChatMessageContentAsync(history, Settings(question, functions), kernel, cancellationToken));
        }
        catch (Exception e) when ((e as ClientResultException ?? e.InnerException as ClientResultException) is { } http)
        {
            // Wrapped by the connector in whole answers, bare in streams.
            throw SdkException.Of(http.Status, http.GetRawResponse()!.Content.ToString());
        }
    }

    static OpenAIPromptExecutionSettings Settings(SdkQuestion question, KernelFunction[] functions)
    {
        OpenAIPromptExecutionSettings settings = new() { MaxTokens = question.MaxTokens, Temperature = 0 };
        if (functions.Length > 0)
        {
            FunctionChoiceBehaviorOptions options = new() { AllowParallelCalls = question.Parallel };
            settings.FunctionChoiceBehavior = question.ToolChoice switch
            {
                "auto" => FunctionChoiceBehavior.Auto(autoInvoke: false, options: options),
                "none" => FunctionChoiceBehavior.None(options: options),
                "required" => FunctionChoiceBehavior.Required(autoInvoke: false, options: options),
                _ => FunctionChoiceBehavior.Required(functions.Where(f => f.Name == question.ToolChoice[1..]), autoInvoke: false, options: options),
            };
        }
        if (question.Schema is { } schema)
            settings.ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(schema.ToJsonString()), jsonSchemaIsStrict: true);
        return settings;
    }

    static KernelFunction Function(SdkTool tool) => KernelFunctionFactory.CreateFromMethod(
        static () => "", tool.Name, tool.Description,
        [.. tool.Parameters["properties"]!.AsObject().Select(p => new KernelParameterMetadata(p.Key)
        {
            IsRequired = true,
            Schema = KernelJsonSchema.Parse(p.Value!.ToJsonString()),
        })]);

    static SdkAnswer Answer(ChatMessageContent message)
    {
        ChatTokenUsage usage = (ChatTokenUsage)message.Metadata!["Usage"]!;
        return new SdkAnswer(message.Content ?? "", Word((string)message.Metadata["FinishReason"]!), Calls(FunctionCallContent.GetFunctionCalls(message)),
            usage.InputTokenCount, usage.OutputTokenCount);
    }

    static async Task<SdkAnswer> StreamAsync(
        IChatCompletionService service, ChatHistory history, PromptExecutionSettings settings, Kernel kernel, int cancelAfter,
        CancellationToken cancellationToken)
    {
        StringBuilder text = new();
        FunctionCallContentBuilder calls = new();
        string finish = "cancelled";
        ChatTokenUsage? usage = null;
        int pieces = 0;
        await foreach (StreamingChatMessageContent piece in service.GetStreamingChatMessageContentsAsync(history, settings, kernel, cancellationToken))
        {
            text.Append(piece.Content);
            calls.Append(piece);
            if (piece.Metadata?.GetValueOrDefault("FinishReason") is string { Length: > 0 } reason) finish = Word(reason);
            usage = piece.Metadata?.GetValueOrDefault("Usage") as ChatTokenUsage ?? usage;
            if (cancelAfter > 0 && text.Length > 0 && ++pieces >= cancelAfter) break;
        }
        return new SdkAnswer(text.ToString(), finish, Calls(calls.Build()), usage?.InputTokenCount ?? 0, usage?.OutputTokenCount ?? 0);
    }

    /// <summary>The connector's own names carry the plugin's.</summary>
    static SdkCall[] Calls(IEnumerable<FunctionCallContent> calls) =>
        [.. calls.Select(static c => new SdkCall(c.Id!, c.FunctionName, new JsonObject(c.Arguments!.Select(static a => KeyValuePair.Create(a.Key, JsonNode.Parse(ToJson(a.Value))))).ToJsonString()))];

    // The connector makes a text of every value: true becomes "True".
    static string ToJson(object? value) => value switch
    {
        string text when bool.TryParse(text, out bool flag) => flag ? "true" : "false",
        string text => JsonValue.Create(text).ToJsonString(),
        _ => value?.ToString() ?? "null",
    };

    static string Word(string reason) => reason switch { "Stop" => "stop", "Length" => "length", "ToolCalls" => "tool_calls", _ => reason };
}
