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
        RequestSchemas schemas = new(ParameterNames.Chat);
        ToolReader.Read(body, options, content.Options.MaxTools, schemas, nested: true);
        options.ResponseFormat = FormatReader.Read(body.Object("response_format"), schemas, nested: true);
        (bool stream, bool usage) = Streaming(body);
        int choices = (int)(body.Integer("n", 1, content.Options.MaxChoices) ?? 1);
        (bool logprobs, int? top) = Probabilities(body);
        Dictionary<int, float>? biases = Biases(body);
        Unsupported(body);

        List<ChatMessage> messages = MessageReader.Read(body, content);
        FasterVlmRequestOptions own = SamplingReader.Own(
            body.Object("fastervlm"), options, content.Budget, out bool statistics);
        own = own with { LogProbabilities = logprobs ? true : null, TopLogProbabilities = top, LogitBias = biases };
        options.RawRepresentationFactory = _ => own;
        body.End();
        return new ServedRequest
        {
            Model = model,
            Messages = messages,
            Options = options,
            Schemas = schemas,
            Stream = stream,
            IncludeUsage = usage,
            Choices = choices,
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

    static (bool Wanted, int? Top) Probabilities(JsonFields body)
    {
        bool wanted = body.Boolean("logprobs") is true;
        long? top = body.Integer("top_logprobs", 0, MaxTopLogprobs);
        return top is null || wanted ? (wanted, (int?)top) : throw ApiErrors.Value("top_logprobs", "it is only allowed when 'logprobs' is true.");
    }

    static Dictionary<int, float>? Biases(JsonFields body)
    {
        if (body.Take("logit_bias") is not { } value) return null;
        Dictionary<int, float> biases = [];
        if (value.ValueKind != JsonValueKind.Object) throw ApiErrors.Type("logit_bias", "an object", JsonFields.Kind(value));
        foreach (JsonProperty bias in value.EnumerateObject())
        {
            string path = $"logit_bias.{Names.Printable(bias.Name)}";
            if (!int.TryParse(bias.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int token))
                throw ApiErrors.Value(path, "the keys are token ids.");
            biases[token] = (float)JsonFields.Number(bias.Value, path, -100, 100);
            if (biases.Count > MaxBiases) throw ApiErrors.Value("logit_bias", $"more than {MaxBiases} tokens.", "array_above_max_length");
        }
        return biases.Count > 0 ? biases : null;
    }

    /// <summary>What OpenAI has and a local model has not. A value that asks for nothing passes.</summary>
    static void Unsupported(JsonFields body)
    {
        foreach (string name in (ReadOnlySpan<string>)["user", "safety_identifier", "prompt_cache_key"]) body.NoEffect(name);
        body.OnlyFalse("store", "completions are not stored");
        body.RefuseUnlessEmpty("metadata", JsonValueKind.Object, "completions are not stored");
        foreach ((JsonElement element, string path) in body.List("modalities", 8) ?? [])
            if (JsonFields.Text(element, path) != "text") throw ApiErrors.UnsupportedValue(path, "may only be 'text'");
        body.Refuse("audio", "it does not speak");
        body.Refuse("prediction", "predicted outputs are not available");
        body.Refuse("web_search_options", "it does not search");
        body.RefuseUnlessEmpty("functions", JsonValueKind.Array, "use 'tools'");
        body.Refuse("function_call", "use 'tool_choice'");
        body.OnlyWord("reasoning_effort", "none", "the model does not reason before it answers");
        body.OnlyWord("verbosity", "medium", "the length of answers cannot be set");
        body.OnlyWord("prompt_cache_retention", "in_memory", "prompts are kept in memory only");
        if (body.Word("service_tier", "auto", "default", "flex", "scale", "priority") is "flex" or "scale" or "priority")
            throw ApiErrors.UnsupportedValue("service_tier", "may only be 'auto' or 'default'");
    }
}
