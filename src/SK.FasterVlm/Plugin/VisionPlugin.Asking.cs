using System.Text.Json;
using Microsoft.Extensions.AI;

namespace SK.FasterVlm;

// The arguments of a calling model, checked, and one request to the vision model.
public sealed partial class VisionPlugin
{
    async Task<VisionReply> AskAsync(string prompt, ChatResponseFormat? format, CancellationToken cancellationToken, params string[] images)
    {
        List<AIContent> contents = [];
        foreach (string image in images) contents.Add(await _images.FindAsync(image, cancellationToken).ConfigureAwait(false));
        contents.Add(new TextContent(prompt));
        ChatOptions options = new()
        {
            Temperature = 0, // the same picture, the same answer
            MaxOutputTokens = _options.MaxOutputTokens,
            ResponseFormat = format,
            AdditionalProperties = _options.VisualTokens is { } budget ? new() { ["visual_tokens"] = budget.ToText() } : null,
        };
        ChatResponse response = await _eyes.GetResponseAsync([new ChatMessage(ChatRole.User, contents)], options, cancellationToken).ConfigureAwait(false);
        bool cut = response.FinishReason == ChatFinishReason.Length;
        if (format is not null && cut)
            throw new VisionException(VisionErrorCode.AnswerInvalid, "The answer became too long and was cut off. Ask for fewer or shorter properties.");
        return new VisionReply { Text = response.Text.Trim(), Truncated = cut };
    }

    string Text(string? text, string name)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new VisionException(VisionErrorCode.ArgumentInvalid, $"The argument {name} is empty.");
        if (text.Length > _options.MaxTextLength)
            throw new VisionException(VisionErrorCode.ArgumentInvalid, $"The argument {name} has {text.Length} characters and {_options.MaxTextLength} are allowed; shorten it.");
        return text;
    }

    string[] Labels(string[]? labels)
    {
        string[] choices = [.. (labels ?? []).Select(l => Text(l, "labels").Trim()).Distinct(StringComparer.Ordinal)];
        if (choices.Length < 2 || choices.Length > _options.MaxLabels)
            throw new VisionException(VisionErrorCode.ArgumentInvalid, $"Give 2 to {_options.MaxLabels} different labels; there are {choices.Length}.");
        return choices;
    }

    /// <summary>A schema as an object, or as its text: models write both.</summary>
    JsonElement Schema(object? schema)
    {
        string raw = schema switch
        {
            null or JsonElement { ValueKind: JsonValueKind.Undefined } => "",
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
            JsonElement json => json.GetRawText(),
            _ => JsonSerializer.Serialize(schema, schema.GetType()),
        };
        if (raw.Length > _options.MaxSchemaLength)
            throw new VisionException(VisionErrorCode.ArgumentInvalid, $"The schema has {raw.Length} characters and {_options.MaxSchemaLength} are allowed; ask for fewer properties.");
        try
        {
            JsonElement parsed = JsonElement.Parse(raw);
            if (parsed.ValueKind == JsonValueKind.Object) return parsed;
        }
        catch (JsonException)
        {
            // said below
        }
        throw new VisionException(VisionErrorCode.ArgumentInvalid, "The schema is no JSON schema; give an object such as {\"type\": \"object\", \"properties\": {...}}.");
    }

    static JsonElement Json(string answer)
    {
        try
        {
            return JsonElement.Parse(answer);
        }
        catch (JsonException e)
        {
            throw new VisionException(VisionErrorCode.AnswerInvalid, "The vision model did not answer in JSON. Ask a question about the image instead.", e);
        }
    }
}
