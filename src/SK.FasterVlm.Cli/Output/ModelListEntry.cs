using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli.Output;

/// <summary>A line of <c>models list</c>.</summary>
internal sealed record ModelListEntry(string Name, string Quantization, string State, long? Bytes, string? Licence, string? ModelPath, string? ProjectorPath)
{
    /// <summary>The catalog in its order, with what the cache holds of it and what was begun, then models of one's own.</summary>
    public static ModelListEntry[] Of(ModelStore store)
    {
        CachedModel[] cached = [.. store.List()];
        ILookup<string, PartialDownload> begun = store.ListPartial().ToLookup(static p => p.Name);
        List<ModelListEntry> entries = [];
        foreach (ModelCatalogEntry model in store.Catalog.Entries)
        {
            CachedModel[] here = [.. cached.Where(c => c.Name == model.Name)];
            entries.AddRange(here.Select(Cached));
            ModelListEntry[] others = [.. begun[model.Name].GroupBy(p => QuantizationOf(model, p.File)).Select(g => Begun(model.Name, g.Key, g, Size(model, g.Key), model.Licence))];
            entries.AddRange(others);
            if (here.Length + others.Length > 0) continue;
            string state = model.DefaultQuantization is null ? "cannot be fetched" : "";
            entries.Add(new ModelListEntry(model.Name, model.DefaultQuantization ?? "", state, Size(model, model.DefaultQuantization), model.Licence, null, null));
        }
        entries.AddRange(cached.Where(c => store.Catalog.Find(c.Name) is null).Select(Cached));
        entries.AddRange(begun.Where(g => store.Catalog.Find(g.Key) is null).Select(static g => Begun(g.Key, "", g, null, null)));
        return [.. entries];
    }

    static ModelListEntry Begun(string name, string quantization, IEnumerable<PartialDownload> files, long? size, string? licence) =>
        new(name, quantization, $"begun, {Format.Bytes(files.Sum(static p => p.Bytes))} here", size, licence, null, null);

    /// <summary>The quantisation a file is of; the default one for the projector and for files the catalog does not name.</summary>
    static string QuantizationOf(ModelCatalogEntry model, string file) =>
        model.Models.FirstOrDefault(m => m.Value.FileName == file).Key ?? model.DefaultQuantization ?? "";

    /// <summary>For a table.</summary>
    public string[] Cells() => [Name, Quantization, State, Bytes is { } bytes ? Format.Bytes(bytes) : "", Licence ?? "not known"];

    static ModelListEntry Cached(CachedModel c) =>
        new(c.Name, c.Quantization, c.IsComplete ? "fetched" : "incomplete", c.Bytes, c.Licence, c.ModelPath, c.ProjectorPath);

    static long? Size(ModelCatalogEntry model, string? quantization)
    {
        if (quantization is null || model.Projector is not { } projector || !model.Models.TryGetValue(quantization, out ModelFileSource? language)) return null;
        return (language.Bytes ?? language.ApproximateBytes) + (projector.Bytes ?? projector.ApproximateBytes);
    }
}
