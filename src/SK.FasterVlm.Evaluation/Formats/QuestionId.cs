using System.Globalization;
using System.Text.Json;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>
/// The id of a question. Benchmarks use numbers or strings; the kind is kept so that an answers file gives back what the
/// question file had, while two ids compare by their text (other people's tools turn one kind into the other).
/// </summary>
/// <param name="Text">The id as text.</param>
/// <param name="IsNumber">Whether it is a JSON number in the files.</param>
public readonly record struct QuestionId(string Text, bool IsNumber)
{
    /// <summary>A numeric id.</summary>
    public static QuestionId FromNumber(long value) => new(value.ToString(CultureInfo.InvariantCulture), true);

    /// <summary>A textual id.</summary>
    public static QuestionId FromText(string value) => new(value, false);

    /// <summary>From a JSON number or string.</summary>
    /// <exception cref="FormatException">Neither a number nor a string.</exception>
    internal static QuestionId FromJson(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Number => new(element.GetRawText(), true),
        JsonValueKind.String => new(element.GetString()!, false),
        _ => throw new FormatException("the question id is neither a number nor a string"),
    };

    internal void WriteTo(Utf8JsonWriter writer, string name)
    {
        writer.WritePropertyName(name);
        if (IsNumber) writer.WriteRawValue(Text);
        else writer.WriteStringValue(Text);
    }

    /// <inheritdoc/>
    public bool Equals(QuestionId other) => Text == other.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Text;
}
