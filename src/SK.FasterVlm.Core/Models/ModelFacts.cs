using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Models;

/// <summary>What of a model's two files tells its family. From headers or from loaded parts; both give the same.</summary>
public sealed record ModelFacts
{
    /// <summary>general.name of the language model, or its file name.</summary>
    public required string Name { get; init; }

    /// <summary>general.architecture of the language model.</summary>
    public required string Architecture { get; init; }

    /// <summary>The chat template's Jinja source, or null.</summary>
    public required string? ChatTemplate { get; init; }

    /// <summary>Pieces of the vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Whether keys and values have fewer heads than queries; null when unknown.</summary>
    public required bool? GroupedQueries { get; init; }

    /// <summary>The projector's type; null without a projector at hand.</summary>
    public required string? ProjectorType { get; init; }

    /// <summary>Whether the projector's file has resolutions for tiles; null without a projector at hand.</summary>
    public required bool? HasTiles { get; init; }

    /// <summary>Of two files' headers.</summary>
    /// <param name="language">The language model's.</param>
    /// <param name="vision">The projector's; null when unknown.</param>
    /// <param name="name">What to call a model without general.name.</param>
    public static ModelFacts Of(LanguageHeader language, ClipHeader? vision, string name = "")
    {
        ArgumentNullException.ThrowIfNull(language);
        return new ModelFacts
        {
            Name = language.Name is { Length: > 0 } own ? own : name,
            Architecture = language.Architecture,
            ChatTemplate = language.ChatTemplate,
            VocabularySize = language.VocabularySize,
            GroupedQueries = FewerKeys(language.HeadCount, language.KeyValueHeadCount),
            ProjectorType = vision?.ProjectorType,
            HasTiles = Any(vision?.GridPinpoints),
        };
    }

    /// <summary>Of loaded parts.</summary>
    /// <param name="language">The language model's.</param>
    /// <param name="vision">The projector's; null when unknown.</param>
    public static ModelFacts Of(LanguageModelInfo language, VisionInfo? vision)
    {
        ArgumentNullException.ThrowIfNull(language);
        return new ModelFacts
        {
            Name = language.Name,
            Architecture = language.Architecture,
            ChatTemplate = language.ChatTemplate,
            VocabularySize = language.VocabularySize,
            GroupedQueries = FewerKeys(language.HeadCount, language.KeyValueHeadCount),
            ProjectorType = vision?.ProjectorType,
            HasTiles = Any(vision?.GridPinpoints),
        };
    }

    static bool? FewerKeys(int? heads, int? keyHeads) => heads is null || keyHeads is null ? null : keyHeads < heads;

    static bool? Any(IReadOnlyList<(int Width, int Height)>? resolutions) => resolutions is null ? null : resolutions.Count > 0;
}
