using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace SK.FasterVlm.Cli.Output;

/// <summary>The one way this program writes and reads JSON: camelCase names, enums by name, indented.</summary>
internal static class JsonOutput
{
    /// <summary>Shared settings.</summary>
    public static JsonSerializerOptions Settings { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        // Output goes to a terminal or a file, never into HTML; control characters are escaped all the same.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.Strict,
        Converters = { new JsonStringEnumConverter() },
    };

    static readonly JsonSerializerOptions s_oneLine = new(Settings) { WriteIndented = false };

    /// <summary>Writes one object on a line of its own, for output that goes on (JSON Lines).</summary>
    public static void WriteLine<T>(TextWriter output, T value)
    {
        output.Write(JsonSerializer.Serialize(value, s_oneLine));
        output.Write('\n');
        output.Flush();
    }

    /// <summary>Writes one object and a line feed.</summary>
    public static void Write<T>(TextWriter output, T value)
    {
        output.Write(JsonSerializer.Serialize(value, Settings));
        output.Write('\n');
    }
}
