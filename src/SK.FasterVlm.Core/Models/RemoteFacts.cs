using System.Globalization;

namespace SK.FasterVlm.Models;

/// <summary>
/// What the origin that was asked says about a file, before it redirects to wherever the bytes lie.
/// The header names are those of the hub's own client (huggingface_hub, constants.py).
/// </summary>
/// <param name="Commit">Commit the revision stands for (X-Repo-Commit).</param>
/// <param name="Bytes">Size of the file (X-Linked-Size).</param>
/// <param name="Sha256">Hash of the content (X-Linked-ETag; of the hub also ETag), when it is a SHA-256.</param>
/// <param name="ErrorCode">X-Error-Code of a refusal: GatedRepo, RepoNotFound, EntryNotFound, RevisionNotFound.</param>
readonly record struct RemoteFacts(string? Commit, long? Bytes, string? Sha256, string? ErrorCode)
{
    internal static RemoteFacts Of(HttpResponseMessage response, bool isHub)
    {
        string? commit = Header(response, "X-Repo-Commit");
        string? tag = Header(response, "X-Linked-ETag") ?? (isHub ? Header(response, "ETag") : null);
        return new RemoteFacts(
            commit is not null && ModelNames.IsCommit(commit) ? commit : null,
            long.TryParse(Header(response, "X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : null,
            Unquoted(tag) is { } hash && ModelNames.IsSha256(hash) ? hash : null,
            Header(response, "X-Error-Code"));
    }

    /// <summary>These facts, completed by later ones.</summary>
    internal RemoteFacts Or(RemoteFacts later) =>
        new(Commit ?? later.Commit, Bytes ?? later.Bytes, Sha256 ?? later.Sha256, later.ErrorCode ?? ErrorCode);

    /// <summary>The first value of a header, or null.</summary>
    internal static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) || response.Content.Headers.TryGetValues(name, out values)
            ? values.FirstOrDefault() : null;

    /// <summary>An ETag that says the bytes are the same, so that a range may continue them; null when it is weak or missing.</summary>
    internal static string? StrongTag(HttpResponseMessage response) =>
        Header(response, "ETag") is { Length: > 2 and < 256 } tag && tag[0] == '"' && tag[^1] == '"' ? tag : null;

    static string? Unquoted(string? tag)
    {
        if (tag is null) return null;
        if (tag.StartsWith("W/", StringComparison.Ordinal)) tag = tag[2..];
        return tag.Trim('"').ToLowerInvariant();
    }
}
