using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Chat;

/// <summary>
/// A <see cref="FasterVlmModel"/> as <see cref="IChatClient"/>. Thread-safe and stateless: the caller sends the whole conversation
/// every time. Every option is honoured or refused; unlike cloud models the default temperature is 0 (greedy), as LLaVA is evaluated.
/// </summary>
/// <remarks>
/// Text of messages and images are untrusted: text never becomes a special token, images are checked before they are decoded. What is
/// written in an image can still talk to the model, so treat answers as untrusted text. Logging, telemetry and caching are the
/// standard decorators of Microsoft.Extensions.AI.
/// </remarks>
public sealed class FasterVlmChatClient : IChatClient
{
    /// <summary>Key of the <see cref="GenerationStatistics"/> in the additional properties of a response.</summary>
    public const string StatisticsKey = "fastervlm";

    /// <summary>
    /// Key of the tokens' log-probabilities (a list of <see cref="TokenLogProbability"/>) in the additional properties of a response,
    /// or of the updates of a stream, when <see cref="FasterVlmRequestOptions.LogProbabilities"/> asks for them.
    /// </summary>
    public const string LogProbabilitiesKey = "logprobs";

    /// <summary>Key of a call's place among the calls of its turn, 0 for the first, in the additional properties of its content.</summary>
    public const string CallIndexKey = "index";

    /// <summary>
    /// Key of remarks (a list of texts) on what of the schemas of tools and response format was not taken literally, in the additional
    /// properties of a response or of the last update of a stream; absent when there is nothing to say.
    /// </summary>
    public const string SchemaNotesKey = "schema_notes";

    readonly FasterVlmModel _model;
    readonly ChatClientMetadata _metadata;

    /// <summary>Creates a client over a model, which stays the caller's.</summary>
    public FasterVlmChatClient(FasterVlmModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _metadata = new ChatClientMetadata("fastervlm", null, model.ModelId);
    }

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        PreparedChat chat = PreparedChat.Create(_model, this, messages, options);
        GenerationResult result = await _model.Generator.CompleteAsync(chat.Request, cancellationToken).ConfigureAwait(false);
        AnswerReader reader = new(chat.Form);
        List<AIContent> contents = [.. reader.Read(result.Text)];
        string id = NewId();
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, contents) { MessageId = id, CreatedAt = Now })
        {
            ResponseId = id,
            ModelId = _model.ModelId,
            CreatedAt = Now,
            FinishReason = Reason(result.End, reader),
            Usage = Usage(result.Statistics),
            AdditionalProperties = Properties(result.Statistics, result.Tokens, chat.Form),
            RawRepresentation = result,
        };
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        StreamAsync(PreparedChat.Create(_model, this, messages, options), cancellationToken);

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        return serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType == typeof(FasterVlmModel) ? _model
            : serviceType == typeof(Generator) ? _model.Generator
            : null;
    }

    /// <summary>Does nothing: the model is its owner's to dispose.</summary>
    public void Dispose() { }

    /// <summary>A conversation and its options as a request to <see cref="FasterVlmModel.Generator"/>; everything is checked here.</summary>
    /// <exception cref="ArgumentException">The conversation or an option is not valid.</exception>
    /// <exception cref="NotSupportedException">Something this model cannot do is asked for.</exception>
    /// <exception cref="SchemaNotSupportedException">The schema of a tool or of the response format asks for what cannot be guaranteed.</exception>
    public GenerationRequest CreateRequest(IEnumerable<ChatMessage> messages, ChatOptions? options = null) =>
        PreparedChat.Create(_model, this, messages, options).Request;

    async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(PreparedChat chat, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string id = NewId();
        DateTimeOffset created = Now;
        AnswerReader reader = new(chat.Form);
        await foreach (GenerationUpdate piece in _model.Generator.GenerateAsync(chat.Request, cancellationToken).ConfigureAwait(false))
        {
            List<AIContent> contents = [.. reader.Push(piece.Text)];
            if (piece.Statistics is not null) contents.AddRange(reader.Finish());
            else if (contents.Count == 0 && piece.Tokens is null) continue; // held back: may become a call
            ChatResponseUpdate update = new(ChatRole.Assistant, contents)
            {
                ResponseId = id,
                MessageId = id,
                ModelId = _model.ModelId,
                CreatedAt = created,
                RawRepresentation = piece,
            };
            if (piece.Tokens is not null || piece.Statistics is not null)
                update.AdditionalProperties = Properties(piece.Statistics, piece.Tokens, chat.Form);
            if (piece.End is { } end && piece.Statistics is { } statistics)
            {
                update.FinishReason = Reason(end, reader);
                update.Contents.Add(new UsageContent(Usage(statistics)));
            }
            yield return update;
        }
    }

    static AdditionalPropertiesDictionary Properties(
        GenerationStatistics? statistics, IReadOnlyList<TokenLogProbability>? tokens, AnswerForm form)
    {
        AdditionalPropertiesDictionary properties = [];
        if (statistics is not null) properties[StatisticsKey] = statistics;
        if (tokens is not null) properties[LogProbabilitiesKey] = tokens;
        if (statistics is not null && form.Notes.Count > 0) properties[SchemaNotesKey] = form.Notes;
        return properties;
    }

    static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    static string NewId() => $"fvlm-{Guid.NewGuid():N}";

    static ChatFinishReason Reason(GenerationEnd end, AnswerReader reader) =>
        end != GenerationEnd.Stop ? ChatFinishReason.Length : reader.Calls > 0 ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;

    static UsageDetails Usage(GenerationStatistics statistics) => new()
    {
        InputTokenCount = statistics.PromptTokens,
        OutputTokenCount = statistics.OutputTokens,
        TotalTokenCount = statistics.PromptTokens + statistics.OutputTokens,
        CachedInputTokenCount = statistics.CachedPromptTokens,
        AdditionalCounts = new()
        {
            ["visual_tokens_kept"] = statistics.VisualTokensKept,
            ["visual_tokens_total"] = statistics.VisualTokensTotal,
            ["image_cache_hits"] = statistics.ImageCacheHits,
        },
    };
}
