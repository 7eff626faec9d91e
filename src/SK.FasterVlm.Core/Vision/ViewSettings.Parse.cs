using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Vision;

// Text form, for configuration files, prompt files and command lines.
[TypeConverter(typeof(ViewSettingsConverter))]
[JsonConverter(typeof(ViewSettingsJsonConverter))]
public sealed partial record ViewSettings
{
    /// <summary>What <see cref="Parse"/> reads, for messages and help.</summary>
    public const string Syntax =
        "auto, base or a grid such as 2x2, and words of raster or tiles, spatial or spatial_unpad, per_view or across_views, "
        + "llava or least_padding, separated by commas";

    static readonly Dictionary<string, (string Group, Func<ViewSettings, ViewSettings> Apply)> s_words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["raster"] = ("order", static s => s with { Order = ViewOrder.Raster }),
        ["tiles"] = ("order", static s => s with { Order = ViewOrder.Tiles }),
        ["spatial"] = ("merge", static s => s with { Merge = ViewMerge.Spatial }),
        ["spatial_unpad"] = ("merge", static s => s with { Merge = ViewMerge.SpatialUnpad }),
        ["per_view"] = ("budget", static s => s with { Budget = ViewBudget.PerView }),
        ["across_views"] = ("budget", static s => s with { Budget = ViewBudget.AcrossViews }),
        ["llava"] = ("resolution", static s => s with { Resolution = ResolutionRule.Llava }),
        ["least_padding"] = ("resolution", static s => s with { Resolution = ResolutionRule.LeastPadding }),
    };

    /// <summary>Reads settings, for example <c>2x2</c>, <c>base</c> or <c>auto,spatial_unpad,across_views</c>.</summary>
    /// <exception cref="FormatException">A word is unknown, says again what another said, or contradicts it.</exception>
    public static ViewSettings Parse(string text) =>
        TryParse(text, out ViewSettings? settings) ? settings : throw new FormatException($"\"{text}\" names no views; write {Syntax}.");

    /// <summary>As <see cref="Parse"/>, without throwing.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ViewSettings? settings)
    {
        settings = null;
        if (string.IsNullOrWhiteSpace(text)) return false;
        ViewSettings read = Default;
        HashSet<string> said = [];
        foreach (string word in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string group = "views";
            if (s_words.TryGetValue(word, out (string Group, Func<ViewSettings, ViewSettings> Apply) known))
                (group, read) = (known.Group, known.Apply(read));
            else if (ImageViews.TryParse(word, out ImageViews? views)) read = read with { Views = views };
            else return false;
            if (!said.Add(group)) return false;
        }
        if (read is { Merge: ViewMerge.SpatialUnpad, Order: ViewOrder.Tiles }) return false;
        settings = read;
        return true;
    }

    /// <summary>The text form, which <see cref="Parse"/> reads; defaults but for the views are left out.</summary>
    public override string ToString()
    {
        List<string> words = [Views.ToString()];
        if (Order == ViewOrder.Tiles) words.Add("tiles");
        if (Merge == ViewMerge.SpatialUnpad) words.Add("spatial_unpad");
        if (Budget == ViewBudget.AcrossViews) words.Add("across_views");
        if (Resolution == ResolutionRule.LeastPadding) words.Add("least_padding");
        return string.Join(',', words);
    }
}

/// <summary>For configuration binding.</summary>
sealed class ViewSettingsConverter : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

    public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => ViewSettings.Parse((string)value);
}

/// <summary>For prompt files and reports.</summary>
sealed class ViewSettingsJsonConverter : JsonConverter<ViewSettings>
{
    public override ViewSettings Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && ViewSettings.TryParse(reader.GetString(), out ViewSettings? settings)
            ? settings
            : throw new JsonException($"Views are {ViewSettings.Syntax}.");

    public override void Write(Utf8JsonWriter writer, ViewSettings value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
