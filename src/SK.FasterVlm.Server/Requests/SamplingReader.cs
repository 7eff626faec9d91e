using System.Globalization;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>Reads how an answer is drawn: the parameters all endpoints share, and our own under <c>fastervlm</c>.</summary>
static class SamplingReader
{
    // A share of exactly zero keeps the likeliest token, as the smallest positive one does; the engine wants it above zero.
    const float SmallestTopP = 1e-6f;

    /// <summary>Reads <c>temperature</c> and <c>top_p</c>.</summary>
    public static void Read(JsonFields body, ChatOptions options)
    {
        options.Temperature = (float?)body.Number("temperature", 0, 2);
        options.TopP = (float?)body.Number("top_p", 0, 1) is { } share ? Math.Max(share, SmallestTopP) : null;
    }

    /// <summary>Reads a seed: any 64-bit number. Seeds of 32 bits are used as they are, larger ones are folded.</summary>
    public static long? Seed(JsonFields body, string name) => body.Integer(name, long.MinValue, long.MaxValue) switch
    {
        null => null,
        >= 0 and <= uint.MaxValue and { } seed => seed,
        { } wide => (uint)(wide ^ (wide >> 32)),
    };

    /// <summary>Reads <c>stop</c>: a text or up to 16.</summary>
    public static IList<string>? Stop(JsonFields body)
    {
        if (body.Take("stop") is not { } stop) return null;
        const int MaxLength = 1024, MaxCount = 16;
        string path = body.PathOf("stop");
        List<string> texts = stop.ValueKind == System.Text.Json.JsonValueKind.String
            ? [Text(stop, path)]
            : [.. JsonFields.List(stop, path, MaxCount).Select(static s => Text(s.Element, s.Path))];
        return texts.Count > 0 ? texts : null;

        static string Text(System.Text.Json.JsonElement value, string path) =>
            JsonFields.Text(value, path, MaxLength) is { Length: > 0 } text ? text : throw ApiErrors.Value(path, "a stop text must not be empty.");
    }

    /// <summary>Reads <c>fastervlm</c>.</summary>
    /// <param name="fields">The object; null for none.</param>
    /// <param name="options">Gets <c>top_k</c>.</param>
    /// <param name="detail">Budget of the images' detail, which an explicit one overrides; null for none.</param>
    /// <param name="statistics">Whether the answer is to carry statistics.</param>
    public static FasterVlmRequestOptions Own(JsonFields? fields, ChatOptions options, VisualTokenBudget? detail, out bool statistics)
    {
        statistics = false;
        if (fields is null) return new FasterVlmRequestOptions { VisualTokens = detail };
        if (fields.Has("visual_tokens") && fields.Has("keep_ratio"))
            throw ApiErrors.Value(fields.PathOf("keep_ratio"), "it says the same as visual_tokens; give one of them.");
        VisualTokenBudget? budget = Budget(fields) ?? (fields.Number("keep_ratio", 0, 1) is { } ratio ? VisualTokenBudget.Keep(ratio) : detail);
        options.TopK = (int?)fields.Integer("top_k", 0, int.MaxValue);
        FasterVlmRequestOptions own = new()
        {
            VisualTokens = budget,
            Selector = fields.Word("selector", [.. VisualTokenSelectors.Names]) is { } name ? VisualTokenSelectors.ByName(name) : null,
            SelectorSeed = (int?)fields.Integer("selector_seed", int.MinValue, int.MaxValue),
            MinP = (float?)fields.Number("min_p", 0, 1),
            RepetitionPenalty = (float?)fields.Number("repetition_penalty", 0.01, 10),
        };
        statistics = fields.Boolean("statistics") is true;
        fields.End();
        return own;
    }

    static VisualTokenBudget? Budget(JsonFields fields)
    {
        if (fields.Take("visual_tokens") is not { } value) return null;
        string text = value.ValueKind switch
        {
            System.Text.Json.JsonValueKind.Number when value.TryGetInt32(out int count) => count.ToString(CultureInfo.InvariantCulture),
            _ => JsonFields.Text(value, fields.PathOf("visual_tokens"), 64),
        };
        return VisualTokenBudget.TryParse(text, out VisualTokenBudget? budget) ? budget : throw ApiErrors.Value(
            fields.PathOf("visual_tokens"), "write all, a percentage (10%), a count (58) or mass:0.9.");
    }
}
