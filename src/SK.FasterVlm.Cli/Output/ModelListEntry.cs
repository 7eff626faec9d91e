using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli.Output;

/// <summary>A line of <c>models list</c>.</summary>
internal sealed record ModelListEntry(string Name, string Quantization, string State, long? Bytes, string? Licence, string? ModelPath, string? ProjectorPath)
{
    /// <summary>The catalog in its order, with what the cache holds of it, then models of one's own.</summary>
    public static ModelListEntry[] Of(ModelStore store)
    {
        CachedModel[] cached = [.. store.List()];
        ILookup<string, PartialDownload> begun = store.ListPartial().ToLookup(static p => p.Name);
        List<ModelListEntry> entries = [];
        foreach (ModelCatalogEntry model in store.Catalog.Entries)
        {
            CachedModel[] here = [.. cached.Where(c => c.Name == model.Name)];
            entries.AddRange(here.Select(Cached));
            if (here.Length > 0) continue;
            long bytes = begun[model.Name].Sum(static p => p.Bytes);
            string state = bytes > 0 ? $"begun, {Format.Bytes(bytes)} here" : model.DefaultQuantization is null ? "cannot be fetched" : "";
            entries.Add(new ModelListEntry(model.Name, model.DefaultQuantization ?? "", state, Size(model), model.Licence, null, null));
        }
        entries.AddRange(cached.Where(c => store.Catalog.Find(c.Name) is null).Select(Cached));
        return [.. entries];
    }

    /// <summary>For a table.</summary>
    public string[] Cells() => [Name, Quantization, State, Bytes is { } bytes ? Format.Bytes(bytes) : "", Licence ?? "not known"];

    static ModelListEntry Cached(CachedModel c) =>
        new(c.Name, c.Quantization, c.IsComplete ? "fetched" : "incomplete", c.Bytes, c.Licence, c.ModelPath, c.ProjectorPath);

    static long? Size(ModelCatalogEntry model)
    {
        if (model.DefaultQuantization is null || model.Projector is not { } projector) return null;
        ModelFileSource language = model.Models[model.DefaultQuantization];
        return (language.Bytes ?? language.ApproximateBytes) + (projector.Bytes ?? projector.ApproximateBytes);
    }
}
