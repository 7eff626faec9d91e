using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Conversion;
using SK.FasterVlm.Functions;
using FunctionCallContent = Microsoft.SemanticKernel.FunctionCallContent;

namespace SK.FasterVlm;

/// <summary>
/// A chat client as Semantic Kernel's chat completion service, keeping what the stock adapter loses: finish reason, ids and usage
/// (in <c>Metadata</c> under <c>Id</c>, <c>CreatedAt</c>, <c>FinishReason</c>, <c>Usage</c>, streaming or not), images without a MIME
/// type and in the results of functions, several answers, parallel calls with their indices. Thread-safe.
/// </summary>
/// <remarks>
/// <para>Settings are <see cref="FasterVlmPromptExecutionSettings"/>, or any others with the same JSON names; an unknown name is an error.</para>
/// <para>Functions are invoked here, with the kernel's filters, when the <see cref="FunctionChoiceBehavior"/> says so; calls and results
/// are then added to the caller's history, as with every connector. Otherwise the calls are the answer and the history is left alone.</para>
/// </remarks>
public sealed class FasterVlmChatCompletionService : IChatCompletionService
{
    /// <summary>Most rounds of automatic invocation in one request; after them the model's calls are handed to the caller. As in Semantic Kernel.</summary>
    public const int DefaultMaxAutoInvokeRounds = 128;

    readonly IChatClient _client;
    readonly int _maxRounds;
    readonly FunctionInvoker _invoker;

    /// <summary>Creates the service over a chat client, which stays the caller's.</summary>
    /// <param name="client">The client. Should it invoke functions itself, it will not those of this service.</param>
    /// <param name="loggers">For log lines about functions; null for none.</param>
    /// <param name="maxAutoInvokeRounds">Most rounds of automatic invocation in one request, 0 (none) to 128.</param>
    /// <param name="functionErrorDetails">Whether the model is told the message of the exception when a function fails, as by Semantic
    /// Kernel's own connectors (default), or only that it failed.</param>
    public FasterVlmChatCompletionService(
        IChatClient client, ILoggerFactory? loggers = null, int maxAutoInvokeRounds = DefaultMaxAutoInvokeRounds,
        bool functionErrorDetails = true)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentOutOfRangeException.ThrowIfNegative(maxAutoInvokeRounds);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxAutoInvokeRounds, DefaultMaxAutoInvokeRounds);
        _client = client;
        _maxRounds = maxAutoInvokeRounds;
        _invoker = new FunctionInvoker((loggers ?? NullLoggerFactory.Instance).CreateLogger<FasterVlmChatCompletionService>(), functionErrorDetails);
    }

    /// <summary>
    /// What is known of the model: <c>ModelId</c> and <c>Provider</c>; over a model of this library <c>Backend</c> (of its options, for
    /// example <c>Cpu</c>, or the type of another source of language models), <c>Pruning</c> (selector and budget of its options, for
    /// example <c>cls, 10%</c>) and, once it is loaded, <c>Family</c>. What is not known is left out.
    /// </summary>
    public IReadOnlyDictionary<string, object?> Attributes => ServiceAttributes.Of(_client);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ChatMessageContent>> GetChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        CancellationToken cancellationToken = default)
    {
        ServiceRequest request = new(chatHistory, executionSettings, kernel);
        List<ChatMessageContent> answers = [];
        for (int choice = 0; choice < request.Choices; choice++)
            answers.Add(await CompleteAsync(request, choice, cancellationToken).ConfigureAwait(false));
        return answers;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StreamingChatMessageContent> GetStreamingChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ServiceRequest request = new(chatHistory, executionSettings, kernel);
        for (int choice = 0; choice < request.Choices; choice++)
        {
            await foreach (StreamingChatMessageContent piece in StreamAsync(request, choice, cancellationToken).ConfigureAwait(false))
                yield return piece;
        }
    }

    async Task<ChatMessageContent> CompleteAsync(ServiceRequest request, int choice, CancellationToken cancellationToken)
    {
        for (int index = 0; ; index++)
        {
            FunctionRound round = request.Round(index, choice, _maxRounds);
            ChatResponse response = await _client
                .GetResponseAsync(request.Messages(), request.Options(round, choice), cancellationToken).ConfigureAwait(false);
            ChatMessageContent answer = AnswerConverter.Convert(response, round);
            if (await InvokeAsync(request, round, answer, index, streaming: false, cancellationToken).ConfigureAwait(false) is not (true, var last)) return answer;
            if (last is not null) return last;
        }
    }

    async IAsyncEnumerable<StreamingChatMessageContent> StreamAsync(
        ServiceRequest request, int choice, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (int index = 0; ; index++)
        {
            FunctionRound round = request.Round(index, choice, _maxRounds);
            List<ChatResponseUpdate> updates = [];
            AuthorRole? role = AuthorRole.Assistant; // on the first piece, as the protocol has it
            int calls = 0;
            await foreach (ChatResponseUpdate update in _client
                .GetStreamingResponseAsync(request.Messages(), request.Options(round, choice), cancellationToken).ConfigureAwait(false))
            {
                if (round.AutoInvoke) updates.Add(update);
                yield return AnswerConverter.Convert(update, role, round, index, choice, ref calls);
                role = null;
            }
            if (calls == 0 || !round.AutoInvoke) yield break;
            ChatMessageContent answer = AnswerConverter.Convert(updates.ToChatResponse(), round);
            (_, ChatMessageContent? last) = await InvokeAsync(request, round, answer, index, streaming: true, cancellationToken).ConfigureAwait(false);
            if (last is null) continue;
            yield return new StreamingChatMessageContent(last.Role, last.Content, last, choice, last.ModelId);
            yield break;
        }
    }

    /// <summary>Invokes the calls of an answer, if there are any and they are ours to invoke.</summary>
    async Task<(bool Invoked, ChatMessageContent? Last)> InvokeAsync(
        ServiceRequest request, FunctionRound round, ChatMessageContent answer, int index, bool streaming, CancellationToken cancellationToken)
    {
        FunctionCallContent[] calls = [.. FunctionCallContent.GetFunctionCalls(answer)];
        if (calls.Length == 0 || !round.AutoInvoke) return (false, null);
        InvocationScope scope = new(request.Kernel!, request.History, request.GivenSettings, index, streaming);
        return (true, await _invoker.InvokeAsync(answer, calls, round, scope, cancellationToken).ConfigureAwait(false));
    }
}
