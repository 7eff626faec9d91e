namespace SK.FasterVlm.Chat.Grammar;

/// <summary>Formats of JSON Schema as patterns whose every match is of the format (not every text of the format matches).</summary>
static class StringFormats
{
    // Days every year has, and offsets DateTimeOffset takes (up to 14 hours).
    const string Date = "(1[0-9]|20)[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
    const string Time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?";
    const string Label = "[a-z][a-z0-9]{0,30}(-[a-z0-9]{1,20})?";
    const string Octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    const string Uri = "https?://" + Label + "(\\." + Label + "){0,3}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_.~-]{0,40}){0,8}(\\?[A-Za-z0-9_.~=&-]{1,100})?";
    const string Email = "[A-Za-z0-9][A-Za-z0-9_+-]{0,30}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@" + Label + "(\\." + Label + "){1,3}";

    // What .NET's exporters write for TimeSpan matches hours above 23, which TimeSpan refuses.
    const string DotNetTimeSpan = "^-?(\\d+\\.)?\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,7})?$";
    const string TimeSpan = "-?([0-9]{1,6}\\.)?([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?";

    static readonly Dictionary<string, string> s_patterns = new(StringComparer.Ordinal)
    {
        ["date"] = Date,
        ["time"] = Time, // without an offset: TimeOnly has none and refuses it
        ["date-time"] = Date + "T" + Time + "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])",
        ["duration"] = "P([0-9]{1,3}D(T[0-9]{1,2}H[0-9]{1,2}M[0-9]{1,2}S)?|T([0-9]{1,2}H([0-9]{1,2}M([0-9]{1,2}S)?)?|[0-9]{1,2}M([0-9]{1,2}S)?|[0-9]{1,2}S))",
        ["uuid"] = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
        ["uri"] = Uri,
        ["url"] = Uri,
        ["iri"] = Uri,
        ["uri-reference"] = Uri,
        ["iri-reference"] = Uri,
        ["email"] = Email,
        ["idn-email"] = Email,
        ["hostname"] = Label + "(\\." + Label + "){0,3}",
        ["idn-hostname"] = Label + "(\\." + Label + "){0,3}",
        ["ipv4"] = Octet + "(\\." + Octet + "){3}",
        ["ipv6"] = "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}",
        ["byte"] = "([A-Za-z0-9+/]{4})*",
    };

    static readonly Dictionary<string, (decimal Low, decimal High)> s_integers = new(StringComparer.Ordinal)
    {
        ["int8"] = (sbyte.MinValue, sbyte.MaxValue),
        ["uint8"] = (byte.MinValue, byte.MaxValue),
        ["int16"] = (short.MinValue, short.MaxValue),
        ["uint16"] = (ushort.MinValue, ushort.MaxValue),
        ["int32"] = (int.MinValue, int.MaxValue),
        ["uint32"] = (uint.MinValue, uint.MaxValue),
    };

    /// <summary>Names of the formats known, for the documentation and its test.</summary>
    public static IEnumerable<string> Names => s_patterns.Keys.Order(StringComparer.Ordinal);

    /// <summary>The pattern of a format; null for an unknown one.</summary>
    public static string? Find(string format) => s_patterns.GetValueOrDefault(format);

    /// <summary>The range of an integer format (OpenAPI's); null for another.</summary>
    public static (decimal Low, decimal High)? Range(string? format) =>
        format is not null && s_integers.TryGetValue(format, out (decimal, decimal) range) ? range : null;

    /// <summary>A narrower pattern for one that .NET itself writes; null for any other.</summary>
    public static string? OfDotNet(string pattern) => pattern == DotNetTimeSpan ? TimeSpan : null;
}
