namespace SK.FasterVlm.Models;

/// <summary>
/// Where a file comes from: a file of a repository on the hub, or an address. Every part was checked against its grammar.
/// </summary>
public sealed record ModelFileSource
{
    ModelFileSource(string? repository, string revision, string path, Uri? address)
    {
        (Repository, Revision, Path, Address) = (repository, revision, path, address);
        FileName = path[(path.LastIndexOf('/') + 1)..];
    }

    /// <summary>owner/name on the hub; null when <see cref="Address"/> says it.</summary>
    public string? Repository { get; }

    /// <summary>Branch, tag or commit; <c>main</c> unless said otherwise.</summary>
    public string Revision { get; init; }

    /// <summary>Path within the repository, or the last part of the address.</summary>
    public string Path { get; }

    /// <summary>Name under which the file is kept.</summary>
    public string FileName { get; }

    /// <summary>The address, when it is not a file of the hub.</summary>
    public Uri? Address { get; }

    /// <summary>Exact size in bytes, if known; a file of another size is refused.</summary>
    public long? Bytes { get; init; }

    /// <summary>Size to show before the server has named one.</summary>
    public long? ApproximateBytes { get; init; }

    /// <summary>SHA-256 in lower-case hexadecimal, if known; a file with another one is refused.</summary>
    public string? Sha256 { get; init; }

    /// <summary>The same for people, without the query of an address, which may be signed.</summary>
    internal string Display => Repository is null ? Show(Address!) : $"{Repository}/{Path}";

    /// <summary>The files of a model: itself, and of a split one (<c>NAME-00001-of-00003.gguf</c>) the others, which lie beside it.</summary>
    /// <exception cref="ModelDownloadException">Not the first part, or the others cannot be named.</exception>
    internal IReadOnlyList<ModelFileSource> Parts()
    {
        if (!Gguf.GgufSplit.TryName(FileName, out string prefix, out int number, out int count) || count == 1) return [this];
        string? problem = count is 0 or > Gguf.GgufSplit.MaxParts ? $"says it is one of {count} parts; 1 to {Gguf.GgufSplit.MaxParts} are fetched"
            : number != 0 ? $"is part {number + 1} of {count} of a split model; name the first, {prefix}{Gguf.GgufSplit.Suffix(0, count)}"
            : Address is { Query.Length: > 0 } ? $"is one of {count} parts, and an address with a query names this one only; fetch them all yourself and give the first with --model"
            : null;
        if (problem is not null) throw new ModelDownloadException(ModelDownloadFailure.UnknownModel, $"{FileName} {problem}.");
        return [this, .. Enumerable.Range(1, count - 1).Select(i => Sibling(prefix + Gguf.GgufSplit.Suffix(i, count)))];
    }

    /// <summary>A file of a repository on the hub.</summary>
    /// <param name="repository">owner/name.</param>
    /// <param name="path">Path of the file, ending in .gguf.</param>
    /// <param name="revision">Branch, tag or commit.</param>
    /// <exception cref="ModelDownloadException">A part is not of its grammar.</exception>
    public static ModelFileSource Hub(string repository, string path, string revision = "main")
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(revision);
        Require(ModelNames.IsRepository(repository), repository, "a repository (owner/name)");
        Require(ModelNames.IsRepositoryFile(path), path, "a .gguf file of a repository");
        Require(ModelNames.IsRevision(revision), revision, "a revision (branch, tag or commit)");
        return new ModelFileSource(repository, revision, path, null);
    }

    /// <summary>Reads <c>owner/name/file.gguf</c>, <c>owner/name@revision/file.gguf</c> or an https address.</summary>
    /// <param name="text">What somebody typed.</param>
    /// <exception cref="ModelDownloadException">It is none of these.</exception>
    public static ModelFileSource Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Contains("://", StringComparison.Ordinal)) return FromAddress(text);
        string[] parts = text.Split('/', 3);
        Require(parts.Length == 3, text, "a source: write owner/name/file.gguf or an https address");
        string[] name = parts[1].Split('@', 2);
        return Hub($"{parts[0]}/{name[0]}", parts[2], name.Length == 2 ? name[1] : "main");
    }

    /// <summary>The address of this file, at a pinned commit if there is one.</summary>
    internal Uri AddressOn(Uri endpoint, string? commit) =>
        Address ?? new Uri($"{endpoint.AbsoluteUri.TrimEnd('/')}/{Repository}/resolve/{commit ?? Revision}/{Path}");

    /// <summary>An address without user, query and fragment.</summary>
    internal static string Show(Uri address) =>
        address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

    ModelFileSource Sibling(string file) =>
        new(Repository, Revision, Path[..^FileName.Length] + file, Address is null ? null : new Uri(Address, Uri.EscapeDataString(file)));

    static ModelFileSource FromAddress(string text)
    {
        Require(Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "https" or "http", "that", "an https address");
        Require(address!.UserInfo.Length == 0, Show(address), "an address without user and password");
        string file = Uri.UnescapeDataString(address.Segments[^1]);
        Require(ModelNames.IsFile(file), Show(address), "an address that ends in the name of a .gguf file");
        return new ModelFileSource(null, "main", file, address);
    }

    static void Require(bool ok, string text, string what)
    {
        if (!ok) throw new ModelDownloadException(ModelDownloadFailure.UnknownModel, $"'{Gguf.Printable.Escape(text)}' is not {what}.");
    }
}
