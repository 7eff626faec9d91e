using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>
/// What a run directory holds answers of. Answers of different models, questions or settings must not be mixed, so a directory is
/// continued only by a run with the same manifest; configurations may be added.
/// </summary>
static class RunManifest
{
    internal const string FileName = "run.json";

    static readonly JsonSerializerOptions s_options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static JsonObject Create(EvaluationRunOptions options, EvaluationModelInfo model, int total, int asked) => new()
    {
        ["format"] = 1,
        ["library"] = model.LibraryVersion,
        ["revision"] = model.LibraryRevision,
        ["benchmark"] = options.Benchmark.Name,
        ["questions"] = new JsonObject
        {
            ["file"] = Path.GetFileName(options.QuestionsPath),
            ["sha256"] = Sha256(options.QuestionsPath),
            ["total"] = total,
            ["asked"] = asked,
            ["circular"] = options.Reading.Circular,
            ["text_only"] = options.Reading.IncludeTextOnly,
        },
        ["max_output_tokens"] = options.MaxOutputTokens ?? options.Benchmark.MaxOutputTokens,
        ["model"] = new JsonObject
        {
            ["name"] = model.Name,
            ["files"] = new JsonArray([.. model.Files.Select(static f => (JsonNode)new JsonObject { ["name"] = f.Name, ["bytes"] = f.Bytes, ["sha256"] = f.Sha256 })]),
            ["settings"] = new JsonObject(model.Settings.OrderBy(static s => s.Key, StringComparer.Ordinal).Select(static s => KeyValuePair.Create(s.Key, (JsonNode?)s.Value))),
        },
    };

    /// <summary>Writes the manifest of a new directory, or checks that an old one is the same.</summary>
    /// <exception cref="EvaluationException">The directory belongs to another run.</exception>
    internal static void Establish(string directory, JsonObject manifest)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            File.WriteAllText(path + ".part", manifest.ToJsonString(s_options) + "\n");
            File.Move(path + ".part", path);
            return;
        }
        JsonObject old = Read(path);
        // Through text and back: numbers built in memory and numbers read compare by their type otherwise.
        var wanted = (JsonObject)JsonNode.Parse(manifest.ToJsonString())!;
        string[] different = [.. Differences("", old, wanted)];
        if (different.Length > 0)
            throw new EvaluationException($"{directory} holds another run (different: {string.Join(", ", different)}); choose another directory, or delete this one.");
    }

    static JsonObject Read(string path)
    {
        try { return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new JsonException("not an object"); }
        catch (JsonException e) { throw new EvaluationException($"{path} is damaged: {e.Message}; choose another directory, or delete this one.", e); }
    }

    static IEnumerable<string> Differences(string at, JsonObject a, JsonObject b)
    {
        foreach (string key in a.Select(static p => p.Key).Union(b.Select(static p => p.Key)))
        {
            string name = at.Length == 0 ? key : $"{at}.{key}";
            if (a[key] is JsonObject left && b[key] is JsonObject right)
            {
                foreach (string inner in Differences(name, left, right)) yield return inner;
            }
            else if (!JsonNode.DeepEquals(a[key], b[key])) yield return name;
        }
    }

    /// <summary>SHA-256 of a file, lower-case hexadecimal.</summary>
    internal static string Sha256(string path)
    {
        using FileStream stream = Formats.JsonLines.Open(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
