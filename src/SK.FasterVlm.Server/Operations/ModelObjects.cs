using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace SK.FasterVlm.Server.Operations;

sealed record ModelList([property: AllowedValues("list")] string Object, IReadOnlyList<ModelObject> Data);

sealed record ModelObject(
    string Id, [property: AllowedValues("model")] string Object, long Created, string OwnedBy,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OwnModel? Fastervlm);

/// <summary>What is known of a loaded model.</summary>
/// <param name="ContextLength">Positions of a conversation.</param>
/// <param name="KvCacheLength">Positions that all conversations share.</param>
/// <param name="VisualTokensPerImage">Without pruning, of one view.</param>
/// <param name="GridSide">Visual tokens per row and column of a view.</param>
/// <param name="VisualTokens">The budget when a request does not say.</param>
/// <param name="Selector">Who is kept when a request does not say.</param>
/// <param name="Selectors">The selectors there are.</param>
/// <param name="MaxImages">Images of a request.</param>
sealed record OwnModel(
    int ContextLength, int KvCacheLength, int VisualTokensPerImage, int GridSide, string VisualTokens, string Selector, IReadOnlyList<string> Selectors, int MaxImages);
