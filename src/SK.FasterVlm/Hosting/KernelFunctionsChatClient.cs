using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Conversion;
using SK.FasterVlm.Functions;
using FunctionCallContent = Microsoft.Extensions.AI.FunctionCallContent;
using FunctionResultContent = Microsoft.Extensions.AI.FunctionResultContent;

namespace SK.FasterVlm;

/// <summary>
/// What stands between a model and functions of a kernel that someone else than our service invokes: arguments are given in the forms
/// Semantic Kernel can read, and pictures that a function gave back reach the model as pictures. Other tools are left alone.
/// </summary>
sealed class KernelFunctionsChatClient(IChatClient inner) : DelegatingChatClient(inner)
{
    static readonly JsonSerializerOptions AnyCase = new() { PropertyNameCaseInsensitive = true, AllowOutOfOrderMetadataProperties = true };

    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Dictionary<string, KernelFunction> functions = Functions(options);
        ChatResponse response = await base.GetResponseAsync(Convert(messages, functions), options, cancellationToken).ConfigureAwait(false);
        foreach (ChatMessage message in response.Messages) GiveForms(message.Contents, functions);
        return response;
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Dictionary<string, KernelFunction> functions = Functions(options);
        await foreach (ChatResponseUpdate update in base.GetStreamingResponseAsync(Convert(messages, functions), options, cancellationToken).ConfigureAwait(false))
        {
            GiveForms(update.Contents, functions);
            yield return update;
        }
    }

    static Dictionary<string, KernelFunction> Functions(ChatOptions? options)
    {
        Dictionary<string, KernelFunction> functions = new(StringComparer.Ordinal);
        foreach (AITool tool in options?.Tools ?? [])
            if (tool is KernelFunction function) functions[tool.Name] = function;
        return functions;
    }

    static void GiveForms(IList<AIContent> contents, Dictionary<string, KernelFunction> functions)
    {
        foreach (FunctionCallContent call in contents.OfType<FunctionCallContent>())
            if (functions.TryGetValue(call.Name, out KernelFunction? function)) call.Arguments = AnswerConverter.Arguments(call, function);
    }

    static List<ChatMessage> Convert(IEnumerable<ChatMessage> messages, Dictionary<string, KernelFunction> functions)
    {
        ArgumentNullException.ThrowIfNull(messages);
        Dictionary<string, KernelFunction> called = new(StringComparer.Ordinal);
        List<ChatMessage> converted = [];
        foreach (ChatMessage message in messages)
        {
            AIContent[] contents = [.. message.Contents.Select(content =>
            {
                if (content is FunctionCallContent call && functions.TryGetValue(call.Name, out KernelFunction? function)) called[call.CallId] = function;
                return content is FunctionResultContent result && KernelResult(result, called.GetValueOrDefault(result.CallId)) is { } value
                    ? new FunctionResultContent(result.CallId, FunctionResults.ForModel(FunctionResults.ForHistory(value))) : content;
            })];
            ChatMessage own = message;
            if (!contents.SequenceEqual(message.Contents)) // the caller's message stays as it is
            {
                own = message.Clone();
                own.Contents = contents;
            }
            converted.Add(own);
        }
        return converted;
    }

    /// <summary>
    /// Contents of Semantic Kernel in a result: as they are when its filters stood around the invocation, as JSON of the declared type
    /// when the function was invoked like any other. Null for all other results.
    /// </summary>
    static object? KernelResult(FunctionResultContent result, KernelFunction? function)
    {
        if (result.Result is KernelContent or IEnumerable<KernelContent>) return result.Result;
        if (result.Result is not JsonElement { ValueKind: JsonValueKind.Object or JsonValueKind.Array } json || Declared(function) is not { } type) return null;
        try
        {
            return json.Deserialize(type, AnyCase);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            return null; // JSON is a text as good as any
        }
    }

    static Type? Declared(KernelFunction? function)
    {
        Type? type = function?.Metadata.ReturnParameter.ParameterType;
        if (type is { IsGenericType: true } && type.GetGenericTypeDefinition() is var task && (task == typeof(Task<>) || task == typeof(ValueTask<>)))
            type = type.GetGenericArguments()[0];
        return type is not null && (typeof(KernelContent).IsAssignableFrom(type) || typeof(IEnumerable<KernelContent>).IsAssignableFrom(type)) ? type : null;
    }
}
