using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Responses;

/// <summary>Reads the body of <c>POST /v1/responses</c>. Nothing is stored, so what refers to something stored is refused.</summary>
static class ResponseRequestReader
{
    const int MaxTokens = 1_048_576, MaxTopLogprobs = 20, MaxMetadata = 16;

    /// <summary>Reads a body.</summary>
    public static ServedRequest Read(JsonElement json, ContentReader content, Action<ResponseEcho> echo)
    {
        JsonFields body = new(json, "");
        string model = body.RequiredText("model", 256);
        ChatOptions options = new();
        ResponseEcho repeated = Echo(json);
        SamplingReader.Read(body, options);
        options.MaxOutputTokens = (int?)body.Integer("max_output_tokens", 1, MaxTokens);
        options.Instructions = body.Take("instructions") is { } instructions ? content.Text(instructions, "instructions") : null;
        RequestSchemas schemas = new(ParameterNames.Responses);
        ToolReader.Read(body, options, content.Options.MaxTools, schemas, nested: false);
        if (body.Object("text") is { } text)
        {
            options.ResponseFormat = FormatReader.Read(text.Object("format"), schemas, nested: false);
            text.OnlyWord("verbosity", "medium", "the length of answers cannot be set");
            text.End();
        }
        bool logprobs = Includes(body);
        int? top = (int?)body.Integer("top_logprobs", 0, MaxTopLogprobs);
        if (top is > 0 && !logprobs) throw ApiErrors.Value("top_logprobs", "it is only allowed when 'include' has 'message.output_text.logprobs'.");
        bool stream = body.Boolean("stream") is true;
        if (body.Object("stream_options") is { } streaming)
        {
            if (!stream) throw ApiErrors.Value("stream_options", "it is only allowed when 'stream' is true.");
            streaming.Boolean("include_obfuscation"); // pads events against eavesdroppers on TLS; there is nothing to pad here
            streaming.End();
        }
        Unsupported(body);
        Metadata(body);

        List<ChatMessage> messages = InputReader.Read(body, content);
        FasterVlmRequestOptions own = SamplingReader.Own(
            body.Object("fastervlm"), options, content.Budget, out bool statistics)
            with
        { LogProbabilities = logprobs ? true : null, TopLogProbabilities = top };
        options.RawRepresentationFactory = _ => own;
        body.End();
        echo(repeated with
        {
            Instructions = options.Instructions,
            MaxOutputTokens = options.MaxOutputTokens,
            Temperature = options.Temperature,
            TopP = options.TopP,
            ParallelToolCalls = options.AllowMultipleToolCalls,
            TopLogprobs = top ?? 0,
        });
        return new ServedRequest { Model = model, Messages = messages, Options = options, Schemas = schemas, Stream = stream, Statistics = statistics };
    }

    /// <summary>What is repeated as it came; checked by the readers like everything else.</summary>
    static ResponseEcho Echo(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) return new ResponseEcho();
        return new ResponseEcho
        {
            Tools = Part(json, "tools"),
            ToolChoice = Part(json, "tool_choice"),
            Format = Part(json, "text") is { ValueKind: JsonValueKind.Object } text ? Part(text, "format") : null,
            Metadata = Part(json, "metadata"),
            User = Part(json, "user") is { ValueKind: JsonValueKind.String } user ? JsonFields.Text(user, "user", 1024) : null,
        };

        static JsonElement? Part(JsonElement of, string name) =>
            of.TryGetProperty(name, out JsonElement part) && part.ValueKind != JsonValueKind.Null ? part.Clone() : null;
    }

    static bool Includes(JsonFields body)
    {
        bool logprobs = false;
        foreach ((JsonElement element, string path) in body.List("include", 16) ?? [])
        {
            string word = JsonFields.Text(element, path, 256);
            if (word != "message.output_text.logprobs")
                throw ApiErrors.UnsupportedValue(path, $"is '{Names.Printable(word)}'; only 'message.output_text.logprobs' is supported");
            logprobs = true;
        }
        return logprobs;
    }

    static void Metadata(JsonFields body)
    {
        if (body.Take("metadata") is not { } metadata) return;
        if (metadata.ValueKind != JsonValueKind.Object) throw ApiErrors.Type("metadata", "an object", JsonFields.Kind(metadata));
        if (metadata.EnumerateObject().Count() > MaxMetadata) throw ApiErrors.Value("metadata", $"more than {MaxMetadata} entries.", "object_above_max_properties");
        foreach (JsonProperty entry in metadata.EnumerateObject()) JsonFields.Text(entry.Value, $"metadata.{Names.Printable(entry.Name)}", 512);
    }

    static void Unsupported(JsonFields body)
    {
        foreach (string name in (ReadOnlySpan<string>)["user", "safety_identifier", "prompt_cache_key"]) body.NoEffect(name);
        body.OnlyFalse("store", "responses are not stored");
        body.OnlyFalse("background", "requests run in the foreground");
        body.Refuse("previous_response_id", "responses are not stored; send the whole conversation");
        body.Refuse("conversation", "conversations are not stored; send the whole conversation");
        body.Refuse("prompt", "prompt templates are not stored");
        body.Refuse("max_tool_calls", "built-in tools are not available");
        body.Refuse("context_management", "the conversation is used as it is sent");
        body.OnlyWord("truncation", "disabled", "the conversation is never cut");
        body.OnlyWord("prompt_cache_retention", "in_memory", "prompts are kept in memory only");
        if (body.Object("reasoning") is { } reasoning)
        {
            reasoning.OnlyWord("effort", "none", "the model does not reason before it answers");
            reasoning.Refuse("summary", "the model does not reason before it answers");
            reasoning.Refuse("generate_summary", "the model does not reason before it answers");
            reasoning.End();
        }
        if (body.Word("service_tier", "auto", "default", "flex", "scale", "priority") is "flex" or "scale" or "priority")
            throw ApiErrors.UnsupportedValue("service_tier", "may only be 'auto' or 'default'");
    }
}
