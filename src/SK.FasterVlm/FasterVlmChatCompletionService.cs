using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Services;
using AITextContent = Microsoft.Extensions.AI.TextContent;

namespace SK.FasterVlm;

/// <summary>
/// A chat client as Semantic Kernel's chat completion service. Thin, but keeps what the stock adapter loses: finish reason, ids and
/// usage (streaming or not, in <c>Metadata</c> under <c>Id</c>, <c>CreatedAt</c>, <c>FinishReason</c>, <c>Usage</c>), images without
/// a MIME type, and the caller's history, which is never changed.
/// </summary>
/// <remarks>
/// Settings: the usual keys (<c>temperature</c>, <c>top_p</c>, <c>top_k</c>, <c>max_tokens</c>, <c>stop_sequences</c>, <c>seed</c>,
/// penalties) and our own (<c>visual_tokens</c>, <c>keep_ratio</c>, <c>selector</c>, <c>selector_seed</c>, <c>min_p</c>,
/// <c>repetition_penalty</c>), from any <see cref="PromptExecutionSettings"/>. An unknown key is an error. Functions are refused: this
/// version does not call any.
/// </remarks>
public sealed class FasterVlmChatCompletionService : IChatCompletionService
{
    readonly IChatClient _client;
    readonly Dictionary<string, object?> _attributes = [];

    /// <summary>Creates the service over a chat client, which stays the caller's.</summary>
    public FasterVlmChatCompletionService(IChatClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        if (client.GetService<ChatClientMetadata>()?.DefaultModelId is { } modelId) _attributes[AIServiceExtensions.ModelIdKey] = modelId;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, object?> Attributes => _attributes;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ChatMessageContent>> GetChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        ChatResponse response = await _client.GetResponseAsync(
            ChatMessageConverter.Convert(chatHistory), executionSettings.ToChatOptions(kernel), cancellationToken).ConfigureAwait(false);
        var metadata = Metadata(response.ResponseId, response.CreatedAt, response.FinishReason, response.Usage, response.AdditionalProperties);
        return
        [
            .. response.Messages.Select(message => new ChatMessageContent(new AuthorRole(message.Role.Value), message.Text, response.ModelId)
            {
                InnerContent = response,
                Metadata = metadata,
            }),
        ];
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StreamingChatMessageContent> GetStreamingChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        AuthorRole? role = AuthorRole.Assistant; // on the first piece, as the protocol has it
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(
            ChatMessageConverter.Convert(chatHistory), executionSettings.ToChatOptions(kernel), cancellationToken).ConfigureAwait(false))
        {
            UsageDetails? usage = update.Contents.OfType<UsageContent>().LastOrDefault()?.Details;
            string text = string.Concat(update.Contents.OfType<AITextContent>().Select(static t => t.Text));
            yield return new StreamingChatMessageContent(role, text, update, modelId: update.ModelId)
            {
                Metadata = Metadata(update.ResponseId, update.CreatedAt, update.FinishReason, usage, update.AdditionalProperties),
            };
            role = null;
        }
    }

    static Dictionary<string, object?> Metadata(
        string? id, DateTimeOffset? createdAt, ChatFinishReason? reason, UsageDetails? usage, AdditionalPropertiesDictionary? more)
    {
        Dictionary<string, object?> metadata = new() { ["Id"] = id, ["CreatedAt"] = createdAt };
        if (reason is { } finish) metadata["FinishReason"] = finish.Value;
        if (usage is not null) metadata["Usage"] = usage;
        foreach ((string key, object? value) in more ?? []) metadata.TryAdd(key, value);
        return metadata;
    }
}
