using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>Reads the body of <c>POST /v1/chat/completions</c>: every parameter is honoured, or refused by name.</summary>
static class ChatRequestReader
{
    const int MaxTokens = 1_048_576, MaxBiases = 1024, MaxTopLogprobs = 20;

    /// <summary>Reads a body.</summary>
    public static ServedRequest Read(JsonElement json, ContentReader content)
    {
        JsonFields body = new(json, "");
        string model = body.RequiredText("model", 256);
        ChatOptions options = new();
        SamplingReader.Read(body, options);
        options.FrequencyPenalty = (float?)body.Number("frequency_penalty", -2, 2);
        options.PresencePenalty = (float?)body.Number("presence_penalty", -2, 2);
        options.Seed = SamplingReader.Seed(body, "seed");
        options.StopSequences = SamplingReader.Stop(body);
        options.MaxOutputTokens = MaxOutputTokens(body);
        ToolReader.Read(body, options, content.Options.MaxTools, nested: true);
        options.ResponseFormat = FormatReader.Read(body.Object("response_format"), nested: true);
        (bool stream, bool usage) = Streaming(body);
        Probabilities(body);
        Unsupported(body);

        List<ChatMessage> messages = MessageReader.Read(body, content);
        FasterVlmRequestOptions own = SamplingReader.Own(
            body.Object("fastervlm"), options, content.Detail?.Budget(content.Options), out bool statistics);
        options.RawRepresentationFactory = _ => own;
        body.End();
        return new ServedRequest
        {
            Model = model,
            Messages = messages,
            Options = options,
            Stream = stream,
            IncludeUsage = usage,
            Statistics = statistics,
        };
    }

    static int? MaxOutputTokens(JsonFields body)
    {
        if (body.Has("max_tokens") && body.Has("max_completion_tokens"))
            throw ApiErrors.Value("max_tokens", "it is the old name of 'max_completion_tokens'; give one of them.");
        return (int?)(body.Integer("max_completion_tokens", 1, MaxTokens) ?? body.Integer("max_tokens", 1, MaxTokens));
    }

    static (bool Stream, bool Usage) Streaming(JsonFields body)
    {
        bool stream = body.Boolean("stream") is true, usage = false;
        if (body.Object("stream_options") is { } options)
        {
            if (!stream) throw ApiErrors.Value("stream_options", "it is only allowed when 'stream' is true.");
            usage = options.Boolean("include_usage") is true;
            options.Boolean("include_obfuscation"); // pads chunks against eavesdroppers on TLS; there is nothing to pad here
            options.End();
        }
        return (stream, usage);
    }

    static void Probabilities(JsonFields body)
    {
        if (body.Integer("n", 1, 128) is > 1) throw ApiErrors.UnsupportedValue("n", "must be 1: several choices are not available");
        bool wanted = body.Boolean("logprobs") is true;
        long? top = body.Integer("top_logprobs", 0, MaxTopLogprobs);
        if (top is not null && !wanted) throw ApiErrors.Value("top_logprobs", "it is only allowed when 'logprobs' is true.");
        if (wanted) throw ApiErrors.Unsupported("logprobs", "token probabilities are not available");
        if (Biases(body).Count > 0) throw ApiErrors.Unsupported("logit_bias", "token biases are not available");
    }

    static Dictionary<int, float> Biases(JsonFields body)
    {
        Dictionary<int, float> biases = [];
        if (body.Take("logit_bias") is not { } value) return biases;
        if (value.ValueKind != JsonValueKind.Object) throw ApiErrors.Type("logit_bias", "an object", JsonFields.Kind(value));
        foreach (JsonProperty bias in value.EnumerateObject())
        {
            string path = $"logit_bias.{Names.Printable(bias.Name)}";
            if (!int.TryParse(bias.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int token))
                throw ApiErrors.Value(path, "the keys are token ids.");
            biases[token] = (float)JsonFields.Number(bias.Value, path, -100, 100);
            if (biases.Count > MaxBiases) throw ApiErrors.Value("logit_bias", $"more than {MaxBiases} tokens.", "array_above_max_length");
        }
        return biases;
    }

    /// <summary>What OpenAI has and a local model has not. A value that asks for nothing passes.</summary>
    static void Unsupported(JsonFields body)
    {
        foreach (string name in (ReadOnlySpan<string>)["user", "safety_identifier", "prompt_cache_key"]) body.NoEffect(name);
        body.OnlyFalse("store", "completions are not stored");
        body.Refuse("metadata", "completions are not stored");
        if (body.Has("modalities") && body.List("modalities", 8)!.Any(static m => m.Element.ValueKind != JsonValueKind.String || !m.Element.ValueEquals("text")))
            throw ApiErrors.UnsupportedValue("modalities", "may only hold 'text'");
        body.Refuse("audio", "it does not speak");
        body.Refuse("prediction", "predicted outputs are not available");
        body.Refuse("web_search_options", "it does not search");
        body.Refuse("functions", "use 'tools'");
        body.Refuse("function_call", "use 'tool_choice'");
        body.OnlyWord("reasoning_effort", "none", "the model does not reason before it answers");
        body.OnlyWord("verbosity", "medium", "the length of answers cannot be set");
        body.OnlyWord("prompt_cache_retention", "in_memory", "prompts are kept in memory only");
        if (body.Word("service_tier", "auto", "default", "flex", "scale", "priority") is "flex" or "scale" or "priority")
            throw ApiErrors.UnsupportedValue("service_tier", "may only be 'auto' or 'default'");
    }
}
