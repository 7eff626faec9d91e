using System.Text.Json;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>One line of an answers file in LLaVA's format.</summary>
public sealed record EvaluationAnswer
{
    /// <summary>Id of the question.</summary>
    public required QuestionId Id { get; init; }

    /// <summary>The question as it was put.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>The model's answer.</summary>
    public required string Text { get; init; }

    /// <summary>Unique id of the answer.</summary>
    public string AnswerId { get; init; } = "";

    /// <summary>Which model answered.</summary>
    public string ModelId { get; init; } = "";

    /// <summary>Rotation of the choices (MMBench), or null.</summary>
    public int? Round { get; init; }

    /// <summary>Why there is no answer (a damaged image, say); null when there is one. Kept in <c>metadata.error</c>.</summary>
    public string? Error { get; init; }

    /// <summary>Visual tokens the language model got, if recorded. Kept in <c>metadata.visual_tokens</c>.</summary>
    public int? VisualTokens { get; init; }

    /// <summary>Choices in the order shown (MMBench).</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    internal static EvaluationAnswer FromJson(JsonElement line)
    {
        JsonElement metadata = line.TryGetProperty("metadata", out JsonElement m) && m.ValueKind == JsonValueKind.Object ? m : default;
        return new()
        {
            Id = QuestionId.FromJson(line.GetProperty("question_id")),
            Text = line.GetProperty("text").GetString() ?? throw new FormatException("the answer's text is null"),
            Prompt = Optional(line, "prompt"),
            AnswerId = Optional(line, "answer_id"),
            ModelId = Optional(line, "model_id"),
            Round = line.TryGetProperty("round_id", out JsonElement round) && round.ValueKind == JsonValueKind.Number ? round.GetInt32() : null,
            Error = metadata.ValueKind == JsonValueKind.Object && metadata.TryGetProperty("error", out JsonElement error)
                && error.ValueKind is not JsonValueKind.Null ? error.ToString() : null,
            VisualTokens = metadata.ValueKind == JsonValueKind.Object && metadata.TryGetProperty("visual_tokens", out JsonElement kept)
                && kept.ValueKind == JsonValueKind.Number ? kept.GetInt32() : null,
        };
    }

    static string Optional(JsonElement line, string name) =>
        line.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        Id.WriteTo(writer, "question_id");
        if (Round is int round) writer.WriteNumber("round_id", round);
        writer.WriteString("prompt", Prompt);
        writer.WriteString("text", Text);
        if (Round is int turn)
        {
            WriteList(writer, "options", Options);
            // Letter j of this list is the original letter of the choice shown as the j-th.
            WriteList(writer, "option_char", Enumerable.Range(0, Options.Count).Select(j => ((char)('A' + (j + turn) % Options.Count)).ToString()));
        }
        writer.WriteString("answer_id", AnswerId);
        writer.WriteString("model_id", ModelId);
        writer.WriteStartObject("metadata");
        if (VisualTokens is int kept) writer.WriteNumber("visual_tokens", kept);
        if (Error is not null) writer.WriteString("error", Error);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    static void WriteList(Utf8JsonWriter writer, string name, IEnumerable<string> values)
    {
        writer.WriteStartArray(name);
        foreach (string value in values) writer.WriteStringValue(value);
        writer.WriteEndArray();
    }
}
