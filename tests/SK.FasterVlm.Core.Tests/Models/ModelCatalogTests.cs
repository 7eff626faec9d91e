using System.Text.Json;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.Gguf;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

public sealed class ModelCatalogTests
{
    [Fact]
    public void The_built_in_catalog_has_the_family_and_keeps_its_rules()
    {
        string[] names = [.. ModelCatalog.BuiltIn.Entries.Select(static e => e.Name)];
        Assert.Equal(
            ["llava-1.5-7b", "llava-1.5-13b", "llava-1.6-vicuna-7b", "llava-1.6-vicuna-13b", "llava-1.6-mistral-7b", "llava-1.6-34b", "bakllava-1-7b",
                "llava-phi-3-mini", "llava-llama-3-8b", "mobilevlm-1.7b", "mobilevlm-3b", "mobilevlm-v2-1.7b", "mobilevlm-v2-3b"], names);
        Assert.All(ModelCatalog.BuiltIn.Entries, static e =>
        {
            Assert.Contains(e.Template, ChatTemplate.Names);
            Assert.False(string.IsNullOrEmpty(e.Notes));
            Assert.All(e.Models.Values, model => Assert.NotEqual(model.FileName, e.Projector!.FileName));
        });
    }

    /// <summary>A number nobody can trace is a guess; what is rounded is never enforced.</summary>
    [Fact]
    public void Every_size_and_hash_of_the_built_in_catalog_names_its_source()
    {
        using Stream stream = typeof(ModelCatalog).Assembly.GetManifestResourceStream("catalog.json")!;
        JsonElement catalog = JsonDocument.Parse(stream).RootElement;
        string[] sources = [.. catalog.GetProperty("sources").EnumerateObject().Select(static p => p.Name)];
        foreach (JsonElement model in catalog.GetProperty("models").EnumerateArray())
        {
            string name = model.GetProperty("name").GetString()!;
            Assert.All(model.GetProperty("sources").EnumerateArray(), s => Assert.Contains(s.GetString(), sources));
            Assert.True(model.TryGetProperty("licenceFrom", out JsonElement licence) == (model.GetProperty("licence").ValueKind == JsonValueKind.String), $"{name}: licence");
            if (licence.ValueKind == JsonValueKind.String) Assert.Contains(licence.GetString(), sources);
            IEnumerable<JsonElement> files = model.GetProperty("models").EnumerateObject().Select(static f => f.Value);
            if (model.GetProperty("projector") is { ValueKind: JsonValueKind.Object } projector) files = files.Append(projector);
            foreach (JsonElement file in files)
            {
                foreach (string fact in new[] { "bytes", "approximateBytes", "sha256" })
                {
                    bool known = file.GetProperty(fact).ValueKind != JsonValueKind.Null, named = file.TryGetProperty($"{fact}From", out JsonElement from);
                    Assert.True(known == named, $"{name}, {file.GetProperty("file")}: {fact}");
                    if (named) Assert.All(from.GetString()!.Split(", "), s => Assert.Contains(s, sources));
                }
                // Exact counts come from a machine, rounded ones from a page.
                if (file.GetProperty("bytes") is { ValueKind: JsonValueKind.Number } bytes) Assert.NotEqual(0, bytes.GetInt64() % 10_000);
            }
        }
    }

    [Fact]
    public void A_model_without_files_says_what_to_do_instead()
    {
        ModelStore store = new(StoreSettings.Create(new ModelStoreOptions { CacheDirectory = "unused" }, static _ => null));
        ModelDownloadException error = Assert.Throws<ModelDownloadException>(() => store.RequireAvailable("mobilevlm-v2-3b"));
        Assert.Contains("Convert mtgv/MobileVLM_V2-3B", error.Message, StringComparison.Ordinal);
        Assert.Contains("llava-1.5-7b", Assert.Throws<ModelDownloadException>(() => store.RequireAvailable("llava-9")).Message, StringComparison.Ordinal);
        Assert.Contains("Q5_K_M", Assert.Throws<ModelDownloadException>(() => store.RequireAvailable("llava-1.5-7b:Q9")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "JSON")]
    [InlineData("[]", "")]
    [InlineData("""{ "version": 2, "models": [] }""", "version 2")]
    [InlineData("""{ "version": 1, "models": [ null ] }""", "an entry is null")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "Q4": null } } ] }""", "demo:Q4 is null")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "Q4": { "file": "x.gguf" } }, "projector": { "file": "X.gguf" } } ] }""", "two files called x.gguf")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "Q4": { "file": "4/x.gguf" }, "Q8": { "file": "8/x.gguf" } } } ] }""", "two files called x.gguf")]
    [InlineData("""{ "version": 1, "models": [ { "name": "../x", "template": "chatml" } ] }""", "not a model's name")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "none" } ] }""", "template")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml" }, { "name": "demo", "template": "chatml" } ] }""", "demo")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "default": "Q4" } ] }""", "no file for its default")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "q4": { "file": "x.gguf" } } } ] }""", "quantisation's name")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b/c", "models": { "Q4": { "file": "x.gguf" } } } ] }""", "repository")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "Q4": { "file": "../x.gguf" } } } ] }""", "x.gguf")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "Q4": { "file": "x.gguf", "sha256": "abc" } } } ] }""", "SHA-256")]
    [InlineData("""{ "version": 1, "models": [ { "name": "demo", "template": "chatml", "repository": "a/b", "models": { "Q4": { "file": "x.gguf", "bytes": -1 } } } ] }""", "negative")]
    public void A_catalog_that_breaks_a_rule_is_refused_by_name(string json, string part)
    {
        using TemporaryDirectory folder = new();
        string path = folder.File("mine.json");
        File.WriteAllText(path, json);
        FasterVlmException error = Assert.Throws<FasterVlmException>(() => ModelCatalog.Load(path));
        Assert.Contains("mine.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.OrdinalIgnoreCase);
    }
}
