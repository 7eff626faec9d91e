using System.Text.Json;

namespace SK.FasterVlm.Models;

/// <summary>What is known about the bytes of a partial file; kept beside it, so that another process can go on.</summary>
/// <param name="Source">The source, without the query of an address: a signature that was renewed means the same bytes.</param>
/// <param name="Revision">Revision that was asked for.</param>
/// <param name="Commit">Commit the bytes belong to.</param>
/// <param name="Bytes">Size of the whole file.</param>
/// <param name="Sha256">Hash of the whole file, as the source announced it.</param>
/// <param name="Tag">Strong ETag of the answer the bytes came with.</param>
sealed record PartFacts(string Source, string Revision, string? Commit, long? Bytes, string? Sha256, string? Tag)
{
    /// <summary>Whether the bytes belong to the source, the commit and the hash that are wanted, as far as these are known.</summary>
    internal bool Fit(ModelFileSource source, string? commit) =>
        Source == source.Display && Revision == source.Revision && (commit is null || Commit is null || Commit == commit)
        && (source.Sha256 is null || Sha256 is null || Sha256 == source.Sha256);
}

/// <summary>
/// A file that is being fetched: <c>NAME.part</c> and what is known about it in <c>NAME.part.json</c>. The facts are on disk before
/// the first byte, so bytes without facts are never continued; the file is there before its facts, so facts without a part are those
/// of a file that has its name already. Used under the model's lock only.
/// </summary>
sealed class PartFile : IDisposable
{
    static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);
    readonly StoreSettings _settings;
    FileStream? _stream;

    internal PartFile(string target, StoreSettings settings)
    {
        _settings = settings;
        Target = target;
        Path = target + ".part";
        Facts = Read(FactsPath);
        if (Facts is null) Discard();
    }

    /// <summary>Where the whole file will be.</summary>
    internal string Target { get; }

    internal string Path { get; }

    /// <summary>Null as long as there are no bytes worth continuing.</summary>
    internal PartFacts? Facts { get; private set; }

    /// <summary>Bytes on disk.</summary>
    internal long Length => _stream?.Length ?? (File.Exists(Path) ? new FileInfo(Path).Length : 0);

    string FactsPath => Path + ".json";

    /// <summary>
    /// Takes back a file that was renamed but never entered into a manifest: it is checked again. If it is not the one that is wanted,
    /// it stays where it is and only its facts are forgotten.
    /// </summary>
    internal void TakeBack(ModelFileSource wanted, string? commit)
    {
        if (Facts is null || File.Exists(Path) || !File.Exists(Target)) return;
        if (Facts.Fit(wanted, commit)) File.Move(Target, Path);
        else Discard();
    }

    /// <summary>Notes what the bytes to come belong to. What was there of another file must have been discarded.</summary>
    internal void Note(PartFacts facts)
    {
        if (facts == Facts) return;
        Open();
        ModelManifest.WriteAtomically(FactsPath, JsonSerializer.SerializeToUtf8Bytes(facts, s_json));
        Facts = facts;
    }

    /// <summary>Appends bytes.</summary>
    internal async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await Open().WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Throws the bytes away, and with them what is known about them.</summary>
    internal void Discard()
    {
        Close();
        File.Delete(FactsPath);
        File.Delete(Path);
        Facts = null;
    }

    /// <summary>Sees to it that the bytes survive a loss of power, and closes the file.</summary>
    internal void FlushToDisk()
    {
        Open().Flush(flushToDisk: true);
        Close();
    }

    /// <summary>Gives the whole, checked file its name. The facts stay until <see cref="Forget"/>.</summary>
    internal void Accept()
    {
        Close();
        File.Move(Path, Target, overwrite: true);
    }

    /// <summary>Removes the facts, once a manifest has them, and with them what was begun of another file of that name.</summary>
    internal static void Forget(string target)
    {
        File.Delete(target + ".part.json");
        File.Delete(target + ".part");
    }

    public void Dispose() => Close();

    FileStream Open()
    {
        if (_stream is not null) return _stream;
        _stream = _settings.OpenPart(Path);
        _stream.Seek(0, SeekOrigin.End);
        return _stream;
    }

    void Close()
    {
        _stream?.Dispose();
        _stream = null;
    }

    static PartFacts? Read(string path)
    {
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > 65_536) return null;
            PartFacts? facts = JsonSerializer.Deserialize<PartFacts>(File.ReadAllBytes(path), s_json);
            bool sound = facts is { Source: not null, Revision: not null }
                && (facts.Commit is null || ModelNames.IsCommit(facts.Commit)) && (facts.Sha256 is null || ModelNames.IsSha256(facts.Sha256));
            return sound ? facts : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
