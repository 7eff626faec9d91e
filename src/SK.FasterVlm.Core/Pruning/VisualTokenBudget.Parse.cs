using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace SK.FasterVlm.Pruning;

// Text form, for configuration files and command lines.
[TypeConverter(typeof(VisualTokenBudgetConverter))]
[JsonConverter(typeof(VisualTokenBudgetJsonConverter))]
public abstract partial record VisualTokenBudget
{
    /// <summary>Reads a budget: <c>all</c>, <c>10%</c>, <c>58</c> (a count) or <c>mass:0.9</c> (also <c>mass:90%</c>).</summary>
    /// <exception cref="FormatException">The text is none of these, or a number is out of range.</exception>
    public static VisualTokenBudget Parse(string text) =>
        TryParse(text, out VisualTokenBudget? budget)
            ? budget
            : throw new FormatException($"\"{text}\" is no visual-token budget; write all, a percentage (10%), a count (58) or mass:0.9.");

    /// <summary>The text form, which <see cref="Parse"/> reads.</summary>
    public abstract string ToText();

    /// <summary>As <see cref="Parse"/>, without throwing.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out VisualTokenBudget? budget)
    {
        budget = null;
        string trimmed = text?.Trim() ?? "";
        if (trimmed.Equals("all", StringComparison.OrdinalIgnoreCase)) budget = All;
        else if (trimmed.StartsWith("mass:", StringComparison.OrdinalIgnoreCase))
            budget = Share(trimmed[5..]) is { } share ? Mass(share) : null;
        else if (trimmed.EndsWith('%')) budget = Share(trimmed) is { } ratio ? Keep(ratio) : null;
        else if (int.TryParse(trimmed, NumberStyles.None, CultureInfo.InvariantCulture, out int count)) budget = Count(count);
        return budget is not null;

        static double? Share(string number)
        {
            bool percent = number.EndsWith('%');
            const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowTrailingWhite;
            bool read = double.TryParse(percent ? number[..^1] : number, Style, CultureInfo.InvariantCulture, out double value);
            if (percent) value /= 100;
            return read && value is >= 0 and <= 1 ? value : null;
        }
    }
}

/// <summary>Lets configuration binding read a <see cref="VisualTokenBudget"/> from its text form.</summary>
sealed class VisualTokenBudgetConverter : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

    public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
        value is string text ? VisualTokenBudget.Parse(text) : base.ConvertFrom(context, culture, value);
}

/// <summary>The text form in JSON; a whole number is a count.</summary>
sealed class VisualTokenBudgetJsonConverter : JsonConverter<VisualTokenBudget>
{
    public override VisualTokenBudget Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? text = reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Number when reader.TryGetInt32(out int count) => count.ToString(CultureInfo.InvariantCulture),
            _ => null,
        };
        return VisualTokenBudget.TryParse(text, out VisualTokenBudget? budget)
            ? budget
            : throw new JsonException("A visual-token budget is all, a percentage (10%), a count (58) or mass:0.9.");
    }

    public override void Write(Utf8JsonWriter writer, VisualTokenBudget value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToText());
}
