using System.Text.RegularExpressions;

namespace SK.FasterVlm.Models;

/// <summary>
/// What the names of models, files and repositories may look like. Everything that becomes part of a path or of an address passes
/// here first; nothing else is ever joined into one.
/// </summary>
static partial class ModelNames
{
    // Device names of Windows, with or without an extension.
    static readonly HashSet<string> s_devices = new(
        ["con", "prn", "aux", "nul", .. Enumerable.Range(0, 10).SelectMany(static n => new[] { $"com{n}", $"lpt{n}" })],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>A model's name: 2 to 64 of a-z, 0-9, dot, dash and underscore, beginning and ending with a letter or digit.</summary>
    internal static bool IsModel(string name) => Model().IsMatch(name) && IsHarmless(name);

    /// <summary>A quantisation's name: 1 to 16 of A-Z, 0-9 and underscore.</summary>
    internal static bool IsQuantization(string name) => Quantization().IsMatch(name) && IsHarmless(name);

    /// <summary>A file's name without folders, ending in .gguf.</summary>
    internal static bool IsFile(string name) => File().IsMatch(name) && IsHarmless(name);

    /// <summary>A repository of the hub: owner/name.</summary>
    internal static bool IsRepository(string name) => Repository().IsMatch(name) && name.Split('/').All(IsHarmless);

    /// <summary>A file of a repository, folders allowed.</summary>
    internal static bool IsRepositoryFile(string path)
    {
        string[] segments = path.Split('/');
        return path.Length <= 512 && IsFile(segments[^1]) && segments[..^1].All(static s => Segment().IsMatch(s) && IsHarmless(s));
    }

    /// <summary>A branch, tag or commit.</summary>
    internal static bool IsRevision(string name) => Revision().IsMatch(name) && IsHarmless(name);

    /// <summary>A commit, as the hub names it.</summary>
    internal static bool IsCommit(string text) => Commit().IsMatch(text);

    /// <summary>A SHA-256 in hexadecimal.</summary>
    internal static bool IsSha256(string text) => Sha256().IsMatch(text);

    /// <summary>Whether a text can only mean a model's name, with or without a quantisation: never a path.</summary>
    internal static bool LooksLikeReference(string text) =>
        !text.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && TryReference(text, out _, out _);

    /// <summary>Splits <c>llava-1.5-7b</c> or <c>llava-1.5-7b:Q5_K_M</c>.</summary>
    internal static bool TryReference(string text, out string name, out string? quantization)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        name = colon < 0 ? text : text[..colon];
        quantization = colon < 0 ? null : text[(colon + 1)..].ToUpperInvariant();
        return IsModel(name) && (quantization is null || IsQuantization(quantization));
    }

    static bool IsHarmless(string name) =>
        !name.Contains("..", StringComparison.Ordinal) && !name.EndsWith('.') && !s_devices.Contains(name.Split('.')[0]);

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]\z")]
    private static partial Regex Model();

    [GeneratedRegex(@"\A[A-Z0-9_]{1,16}\z")]
    private static partial Regex Quantization();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,180}\.gguf\z")]
    private static partial Regex File();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}\z")]
    private static partial Regex Segment();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\z")]
    private static partial Regex Repository();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z")]
    private static partial Regex Revision();

    [GeneratedRegex(@"\A[0-9a-f]{40}\z")]
    private static partial Regex Commit();

    [GeneratedRegex(@"\A[0-9a-f]{64}\z")]
    private static partial Regex Sha256();
}
