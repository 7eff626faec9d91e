using System.Text;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Inspection;

/// <summary>
/// What a model of a geometry takes in memory, computed from its sizes, not measured: weights as they are held by default (language
/// model in the geometry's type, tower in Q8_0) and the KV cache (16 bit) of a prompt of <see cref="TextTokens"/> text tokens with one
/// picture, whole and pruned. Compute buffers and the process itself come on top: some hundred MB.
/// </summary>
/// <param name="Name">The geometry.</param>
/// <param name="VisualTokens">Of a picture that takes all views there can be.</param>
/// <param name="LanguageBytes">Weights of the language model.</param>
/// <param name="LanguageType">Their type.</param>
/// <param name="TowerBytes">Weights of tower and projector in Q8_0.</param>
/// <param name="KvBytesPerToken">KV cache of one position.</param>
internal sealed record GeometryMemory(
    string Name, int VisualTokens, long LanguageBytes, string LanguageType, long TowerBytes, long KvBytesPerToken)
{
    /// <summary>Text of the prompts in the table.</summary>
    public const int TextTokens = 64;

    const double Kept = 0.10;

    /// <summary>Visual tokens kept at 10 %, view by view.</summary>
    public int VisualTokensKept { get; init; }

    /// <summary>Weights and the KV cache of the whole picture.</summary>
    public long WholeBytes => LanguageBytes + TowerBytes + (VisualTokens + TextTokens) * KvBytesPerToken;

    /// <summary>Weights and the KV cache of the pruned picture.</summary>
    public long PrunedBytes => LanguageBytes + TowerBytes + (VisualTokensKept + TextTokens) * KvBytesPerToken;

    /// <summary>Computes one.</summary>
    public static GeometryMemory Of(ModelGeometry geometry)
    {
        LanguageGeometry g = geometry.Language;
        SyntheticModelOptions options = new() { VisionType = GgmlType.Q8_0 };
        int views = geometry.MaxVisualTokens / geometry.TokensPerView;
        return new GeometryMemory(
            geometry.Name, geometry.MaxVisualTokens, SyntheticModel.LanguageBytes(geometry, options), geometry.LanguageType.ToString(),
            SyntheticModel.ProjectorBytes(geometry, options), 2L * g.Layers * (g.Width / g.Heads * g.KeyValueHeads) * sizeof(ushort))
        {
            VisualTokensKept = views * (int)Math.Ceiling(Kept * geometry.TokensPerView),
        };
    }

    /// <summary>A Markdown table.</summary>
    public static string Table(IEnumerable<GeometryMemory> rows)
    {
        StringBuilder text = new("| geometry | visual tokens | language model | tower (Q8_0) | KV per token | in all, whole picture | in all, 10 % kept |\n");
        text.Append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (GeometryMemory row in rows)
        {
            text.Append(Format.Invariant($"| {row.Name} | {row.VisualTokens:N0} | {row.LanguageBytes / 1e6:N0} MB ({row.LanguageType}) "));
            text.Append(Format.Invariant($"| {row.TowerBytes / 1e6:N0} MB | {row.KvBytesPerToken / 1024.0:N0} KiB "));
            text.Append(Format.Invariant($"| {row.WholeBytes / 1e6:N0} MB | {row.PrunedBytes / 1e6:N0} MB |\n"));
        }
        text.Append(Format.Invariant($"\nComputed from sizes, not measured: weights and the KV cache of {TextTokens} text tokens and one picture.\n"));
        return text.ToString();
    }
}
