using Microsoft.Extensions.AI;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Responses;

/// <summary>Collects an answer, piece by piece or at once, into the response object.</summary>
sealed class ResponseBuilder(ServedRequest request, ServedModel model, ResponseEcho echo)
{
    readonly string _id = NewId("resp");
    readonly long _created = model.Now;
    readonly List<OutputItem> _output = [];
    ChatFinishReason? _finish;
    AdditionalPropertiesDictionary? _properties;
    UsageDetails? _usage;

    /// <summary>Items that are whole.</summary>
    public IReadOnlyList<OutputItem> Output => _output;

    /// <summary>An id with a prefix that says of what.</summary>
    public static string NewId(string prefix) => $"{prefix}_{Guid.NewGuid():N}";

    /// <summary>The response before it is complete.</summary>
    public ResponseObject Begun(string status = "in_progress") => new(_id, _created, status, model.Id, echo);

    /// <summary>Takes what an update says of the whole answer.</summary>
    public void Note(ChatFinishReason? finish, AdditionalPropertiesDictionary? properties, UsageDetails? usage)
    {
        _finish = finish ?? _finish;
        _properties = properties ?? _properties;
        _usage = usage ?? _usage;
    }

    /// <summary>Adds a whole item.</summary>
    public OutputItem Add(OutputItem item)
    {
        _output.Add(item);
        return item;
    }

    /// <summary>A message.</summary>
    public OutputItem Message(string id, string text, IReadOnlyList<TokenLogProbability>? tokens) => new("message", id, Cut ? "incomplete" : "completed")
    {
        Role = "assistant",
        Content = [OutputText.Of(text, ChatLogprobs.Of(tokens)?.Content)],
    };

    /// <summary>A function call.</summary>
    public static OutputItem Call(string id, FunctionCallContent call, bool begun = false) => new("function_call", id, begun ? "in_progress" : "completed")
    {
        CallId = call.CallId,
        Name = call.Name,
        Arguments = begun ? "" : CallArguments.Write(call.Arguments),
    };

    /// <summary>The response at its end.</summary>
    public ResponseObject Ended() => new ResponseObject(_id, _created, Cut ? "incomplete" : "completed", model.Id, echo) with
    {
        IncompleteDetails = Cut ? new IncompleteDetails(_finish == ChatFinishReason.Length ? "max_output_tokens" : "content_filter") : null,
        Output = _output,
        Usage = Usage(),
        Fastervlm = OwnReport.Of(_usage, _properties, request.Statistics),
    };

    /// <summary>The response when it failed.</summary>
    public ResponseObject Failed(ApiException error) => new ResponseObject(_id, _created, "failed", model.Id, echo) with
    {
        Error = new ResponseError(error.Code ?? "server_error", error.Message),
        Output = _output,
    };

    bool Cut => _finish == ChatFinishReason.Length || _finish == ChatFinishReason.ContentFilter;

    ResponseUsage Usage()
    {
        ChatUsage usage = ChatAnswers.Usage(_usage);
        return new ResponseUsage(
            usage.PromptTokens, new InputTokensDetails(usage.PromptTokensDetails.CachedTokens),
            usage.CompletionTokens, new OutputTokensDetails(usage.CompletionTokensDetails.ReasoningTokens), usage.TotalTokens);
    }
}
