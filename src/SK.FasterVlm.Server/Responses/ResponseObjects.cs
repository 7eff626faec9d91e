using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Responses;

// The objects of the protocol, field by field as OpenAI's reference has them. What is null is written as null unless it says otherwise.

/// <summary>What a response repeats of its request.</summary>
sealed record ResponseEcho
{
    public string? Instructions { get; init; }

    public int? MaxOutputTokens { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public JsonElement? Tools { get; init; }

    public JsonElement? ToolChoice { get; init; }

    public JsonElement? Format { get; init; }

    public JsonElement? Metadata { get; init; }

    public string? User { get; init; }

    public int TopLogprobs { get; init; }
}

sealed record ResponseObject(
    string Id, [property: AllowedValues("response")] string Object, long CreatedAt,
    [property: AllowedValues("in_progress", "completed", "incomplete", "failed")] string Status, string Model)
{
    static readonly JsonElement Nothing = JsonElement.Parse("{}"), NoTools = JsonElement.Parse("[]"), Auto = JsonElement.Parse("\"auto\""),
        PlainText = JsonElement.Parse("""{"type":"text"}""");

    public ResponseObject(string id, long createdAt, string status, string model, ResponseEcho echo) : this(id, "response", createdAt, status, model)
    {
        Instructions = echo.Instructions;
        MaxOutputTokens = echo.MaxOutputTokens;
        Temperature = echo.Temperature ?? 0;
        TopP = echo.TopP ?? 1;
        ParallelToolCalls = echo.ParallelToolCalls ?? true;
        Tools = echo.Tools ?? NoTools;
        ToolChoice = echo.ToolChoice ?? Auto;
        Text = new ResponseText(echo.Format ?? PlainText);
        Metadata = echo.Metadata ?? Nothing;
        User = echo.User;
        TopLogprobs = echo.TopLogprobs;
    }

    public bool Background { get; init; }

    public ResponseError? Error { get; init; }

    public IncompleteDetails? IncompleteDetails { get; init; }

    public string? Instructions { get; init; }

    public int? MaxOutputTokens { get; init; }

    public int? MaxToolCalls { get; init; }

    public IReadOnlyList<OutputItem> Output { get; init; } = [];

    public bool ParallelToolCalls { get; init; }

    public string? PreviousResponseId { get; init; }

    public ResponseReasoning Reasoning { get; init; } = new(null, null);

    public string ServiceTier { get; init; } = "default";

    public bool Store { get; init; }

    public double Temperature { get; init; }

    public ResponseText? Text { get; init; }

    public JsonElement ToolChoice { get; init; }

    public JsonElement Tools { get; init; }

    public int TopLogprobs { get; init; }

    public double TopP { get; init; }

    public string Truncation { get; init; } = "disabled";

    public ResponseUsage? Usage { get; init; }

    public string? User { get; init; }

    public JsonElement Metadata { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OwnReport? Fastervlm { get; init; }
}

sealed record ResponseError(string Code, string Message);

sealed record IncompleteDetails([property: AllowedValues("max_output_tokens", "content_filter")] string Reason);

sealed record ResponseReasoning(string? Effort, string? Summary);

sealed record ResponseText(JsonElement Format, string Verbosity = "medium");

sealed record ResponseUsage(
    long InputTokens, InputTokensDetails InputTokensDetails, long OutputTokens, OutputTokensDetails OutputTokensDetails, long TotalTokens);

sealed record InputTokensDetails(long CachedTokens);

sealed record OutputTokensDetails(long ReasoningTokens);

/// <summary>A message or a function call; the fields of the other kind are not written.</summary>
sealed record OutputItem(
    [property: AllowedValues("message", "function_call")] string Type, string Id,
    [property: AllowedValues("in_progress", "completed", "incomplete")] string Status)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OutputText>? Content { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? CallId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Arguments { get; init; }
}

sealed record OutputText([property: AllowedValues("output_text")] string Type, string Text, IReadOnlyList<string> Annotations, IReadOnlyList<ChatTokenLogprob> Logprobs)
{
    public static OutputText Of(string text, IReadOnlyList<ChatTokenLogprob>? logprobs) => new("output_text", text, [], logprobs ?? []);
}

/// <summary>One event of a stream; fields an event does not have are not written.</summary>
sealed record ResponseEvent(
    [property: AllowedValues(
        "response.created", "response.in_progress", "response.output_item.added", "response.output_item.done", "response.content_part.added",
        "response.content_part.done", "response.output_text.delta", "response.output_text.done", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.completed", "response.incomplete", "response.failed")] string Type,
    int SequenceNumber)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ResponseObject? Response { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ItemId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OutputIndex { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ContentIndex { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OutputItem? Item { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OutputText? Part { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Arguments { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChatTokenLogprob>? Logprobs { get; init; }
}
