using System.Globalization;
using System.Text.Json;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>
/// Reads one JSON object strictly: every property is taken by name, checked for type and range, and what nobody took is refused by
/// <see cref="End"/>. Null counts as absent. Errors name the parameter by its path.
/// </summary>
sealed class JsonFields
{
    readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    readonly string _path;

    /// <summary>Takes an object.</summary>
    /// <param name="element">Must be an object.</param>
    /// <param name="path">Where it stands, empty for the body itself.</param>
    public JsonFields(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object) throw ApiErrors.Type(path.Length > 0 ? path : "body", "an object", Kind(element));
        _path = path;
        foreach (JsonProperty property in element.EnumerateObject()) _fields.Add(Guarded(path, () => property.Name), property.Value);
    }

    /// <summary>Path of a property of this object.</summary>
    public string PathOf(string name) => _path.Length > 0 ? $"{_path}.{name}" : name;

    /// <summary>A property's value; null when it is absent or null.</summary>
    public JsonElement? Take(string name) =>
        _fields.Remove(name, out JsonElement value) && value.ValueKind is not JsonValueKind.Null ? value : null;

    /// <summary>Whether a property is there and not null; it stays to be taken.</summary>
    public bool Has(string name) => _fields.TryGetValue(name, out JsonElement value) && value.ValueKind is not JsonValueKind.Null;

    /// <summary>A property that must be there.</summary>
    public JsonElement Required(string name) => Take(name) ?? throw ApiErrors.Missing(PathOf(name));

    /// <summary>A text.</summary>
    public string? Text(string name, int maxLength = int.MaxValue) => Take(name) is { } value ? Text(value, PathOf(name), maxLength) : null;

    /// <summary>A text that must be there.</summary>
    public string RequiredText(string name, int maxLength = int.MaxValue) => Text(Required(name), PathOf(name), maxLength);

    /// <summary>True or false.</summary>
    public bool? Boolean(string name) => Take(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw ApiErrors.Type(PathOf(name), "a boolean", Kind(other)),
    };

    /// <summary>A whole number.</summary>
    public long? Integer(string name, long minimum, long maximum)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Number) throw ApiErrors.Type(PathOf(name), "an integer", Kind(value));
        if (!value.TryGetInt64(out long number))
        {
            // 1.0 and 1e3 are whole numbers too; what does not fit at all is out of range or no whole number.
            double real = value.GetDouble();
            if (!double.IsFinite(real) || real != Math.Floor(real)) throw ApiErrors.Type(PathOf(name), "an integer", "a decimal number");
            // As doubles the ends of the 64-bit range are the next powers of two, which no longer fit.
            if (real < minimum || real > maximum || Math.Abs(real) >= 9.2233720368547758e18) throw ApiErrors.Range(PathOf(name), "integer", minimum, maximum, real);
            number = (long)real;
        }
        return number >= minimum && number <= maximum ? number : throw ApiErrors.Range(PathOf(name), "integer", minimum, maximum, number);
    }

    /// <summary>A number.</summary>
    public double? Number(string name, double minimum, double maximum)
    {
        if (Take(name) is not { } value) return null;
        return Number(value, PathOf(name), minimum, maximum);
    }

    /// <summary>One of some words.</summary>
    public string? Word(string name, params ReadOnlySpan<string> words)
    {
        if (Text(name) is not { } word) return null;
        foreach (string known in words)
            if (word == known) return word;
        throw ApiErrors.Value(PathOf(name), $"'{Names.Printable(word)}' is not one of: {string.Join(", ", words!)}.");
    }

    /// <summary>An object.</summary>
    public JsonFields? Object(string name) => Take(name) is { } value ? new JsonFields(value, PathOf(name)) : null;

    /// <summary>A list; null when it is absent.</summary>
    public IReadOnlyList<(JsonElement Element, string Path)>? List(string name, int maxCount) =>
        Take(name) is { } value ? List(value, PathOf(name), maxCount) : null;

    /// <summary>Refuses a parameter that this server does not have, whatever its value.</summary>
    public void Refuse(string name, string reason)
    {
        if (Take(name) is not null) throw ApiErrors.Unsupported(PathOf(name), reason);
    }

    /// <summary>Refuses a parameter that this server does not have, unless its value is an empty object or list, which asks for nothing.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="kind">Object or list.</param>
    /// <param name="reason">Why there is none.</param>
    public void RefuseUnlessEmpty(string name, JsonValueKind kind, string reason)
    {
        if (Take(name) is not { } value) return;
        if (value.ValueKind == kind && (kind == JsonValueKind.Object ? value.GetPropertyCount() : value.GetArrayLength()) == 0) return;
        throw ApiErrors.Unsupported(PathOf(name), reason);
    }

    /// <summary>Takes a text that changes nothing about the answer.</summary>
    public void NoEffect(string name) => Text(name, 1024);

    /// <summary>Refuses a parameter unless it has the one value that asks for nothing.</summary>
    public void OnlyWord(string name, string only, string reason)
    {
        if (Take(name) is { } value && !(value.ValueKind == JsonValueKind.String && value.ValueEquals(only)))
            throw ApiErrors.UnsupportedValue(PathOf(name), $"may only be '{only}': {reason}");
    }

    /// <summary>Refuses a parameter unless it is false.</summary>
    public void OnlyFalse(string name, string reason)
    {
        if (Boolean(name) is true) throw ApiErrors.UnsupportedValue(PathOf(name), $"may only be false: {reason}");
    }

    /// <summary>Refuses what nobody took.</summary>
    public void End()
    {
        foreach (string name in _fields.Keys) throw ApiErrors.Unknown(PathOf(Names.Printable(name)));
    }

    /// <summary>A text. Half a surrogate pair is refused.</summary>
    public static string Text(JsonElement value, string path, int maxLength = int.MaxValue)
    {
        if (value.ValueKind != JsonValueKind.String) throw ApiErrors.Type(path, "a string", Kind(value));
        string text = Guarded(path, () => value.GetString()!);
        return text.Length <= maxLength ? text : throw ApiErrors.Value(
            path, $"string too long. Expected at most {maxLength} characters, but got {text.Length} instead.", "string_above_max_length");
    }

    /// <summary>A number.</summary>
    public static double Number(JsonElement value, string path, double minimum, double maximum)
    {
        if (value.ValueKind != JsonValueKind.Number) throw ApiErrors.Type(path, "a number", Kind(value));
        double number = value.GetDouble(); // 1e999 becomes infinity, which is out of every range
        return number >= minimum && number <= maximum ? number : throw ApiErrors.Range(path, "decimal", minimum, maximum, number);
    }

    /// <summary>A list.</summary>
    public static IReadOnlyList<(JsonElement Element, string Path)> List(JsonElement value, string path, int maxCount)
    {
        if (value.ValueKind != JsonValueKind.Array) throw ApiErrors.Type(path, "an array", Kind(value));
        int count = value.GetArrayLength();
        if (count > maxCount)
        {
            throw ApiErrors.Value(
                path, $"array too long. Expected at most {maxCount} elements, but got {count} instead.", "array_above_max_length");
        }
        return [.. value.EnumerateArray().Select((element, i) => (element, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]")))];
    }

    /// <summary>What a value is, in the words of the errors.</summary>
    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    static string Guarded(string path, Func<string> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw ApiErrors.Bad("The body holds text that is not valid Unicode.", path.Length > 0 ? path : null, "invalid_unicode", e);
        }
    }
}
