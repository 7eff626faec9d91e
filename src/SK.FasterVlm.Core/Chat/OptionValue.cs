using System.Collections;
using System.Globalization;
using System.Text.Json;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Chat;

/// <summary>
/// Values of <see cref="Microsoft.Extensions.AI.ChatOptions.AdditionalProperties"/>: they arrive as CLR values, as text
/// (configuration) or as JSON (prompt files, servers). Every method throws <see cref="ArgumentException"/> that names the key.
/// </summary>
static class OptionValue
{
    public static VisualTokenBudget Budget(string key, object value) => value switch
    {
        VisualTokenBudget budget => budget,
        string or JsonElement { ValueKind: JsonValueKind.String } =>
            VisualTokenBudget.TryParse(Text(key, value), out VisualTokenBudget? parsed) ? parsed : throw Wrong(key, value),
        _ when Integer(key, value) is >= 0 and int count => VisualTokenBudget.Count(count),
        _ => throw Wrong(key, value),
    };

    public static ViewSettings Views(string key, object value) =>
        value as ViewSettings ?? (ViewSettings.TryParse(Text(key, value), out ViewSettings? views) ? views : throw Wrong(key, value));

    public static double Number(string key, object value) =>
        double.TryParse(Text(key, value), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number
            : throw Wrong(key, value);

    public static int Integer(string key, object value) =>
        int.TryParse(Text(key, value), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw Wrong(key, value);

    public static string Text(string key, object value) => value switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String or JsonValueKind.Number } json => json.ToString(),
        sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal =>
            Convert.ToString(value, CultureInfo.InvariantCulture)!,
        _ => throw Wrong(key, value),
    };

    public static bool Flag(string key, object value) => value switch
    {
        bool flag => flag,
        JsonElement { ValueKind: JsonValueKind.True } => true,
        JsonElement { ValueKind: JsonValueKind.False } => false,
        string or JsonElement { ValueKind: JsonValueKind.String } when bool.TryParse(Text(key, value), out bool flag) => flag,
        _ => throw Wrong(key, value),
    };

    /// <summary>Biases by token id; JSON and configuration give the ids as text.</summary>
    public static IReadOnlyDictionary<int, float> Biases(string key, object value)
    {
        Dictionary<int, float> biases = [];
        if (value is JsonElement { ValueKind: JsonValueKind.Object } json)
            foreach (JsonProperty bias in json.EnumerateObject()) biases[Integer(key, bias.Name)] = (float)Number(key, bias.Value);
        else if (value is IDictionary pairs)
            foreach (DictionaryEntry bias in pairs) biases[Integer(key, bias.Key)] = (float)Number(key, bias.Value ?? "");
        else
            throw Wrong(key, value);
        return biases;
    }

    static ArgumentException Wrong(string key, object value) => new($"\"{value}\" is no value for {key}.", key);
}
