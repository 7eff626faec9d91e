namespace SK.FasterVlm.Server.Protocol;

/// <summary>What an endpoint calls the things that have another name at another endpoint.</summary>
/// <param name="Conversation">What is answered.</param>
/// <param name="MaxTokens">The longest answer.</param>
/// <param name="Format">The form of the answer.</param>
/// <param name="Reasoning">How long to reason before it.</param>
/// <param name="Logprobs">Whether it comes with log-probabilities.</param>
sealed record ParameterNames(string Conversation, string MaxTokens, string Format, string Reasoning, string Logprobs)
{
    /// <summary>Of chat completions.</summary>
    public static ParameterNames Chat { get; } = new("messages", "max_completion_tokens", "response_format", "reasoning_effort", "logprobs");

    /// <summary>Of responses.</summary>
    public static ParameterNames Responses { get; } = new("input", "max_output_tokens", "text.format", "reasoning.effort", "include");

    /// <summary>What a client knows an option of the engine by; null for an option that is none of the protocol's.</summary>
    public string? Of(string option) => option switch
    {
        "ModelId" => "model",
        "Temperature" => "temperature",
        "TopP" => "top_p",
        "TopK" => "fastervlm.top_k",
        "MinP" or "min_p" => "fastervlm.min_p",
        "repetition_penalty" => "fastervlm.repetition_penalty",
        "FrequencyPenalty" => "frequency_penalty",
        "PresencePenalty" => "presence_penalty",
        "Seed" => "seed",
        "MaxOutputTokens" => MaxTokens,
        "StopSequences" => "stop",
        "Tools" => "tools",
        "ToolMode" => "tool_choice",
        "AllowMultipleToolCalls" => "parallel_tool_calls",
        "ResponseFormat" => Format,
        "Reasoning" => Reasoning,
        "LogitBias" => "logit_bias",
        "Logprobs" => Logprobs,
        "TopLogprobs" => "top_logprobs",
        _ => null,
    };
}
