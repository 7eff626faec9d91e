using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Models;

/// <summary>What came of fetching a file.</summary>
sealed record FetchedFile(long Bytes, string Sha256, string? Commit);

/// <summary>
/// Fetches one file: continue what is there, request the rest, write it, and when it is whole force it to the disk, compare size and
/// SHA-256, check that it is a model file, and only then give it its name. Runs under the model's lock.
/// </summary>
sealed class FileDownload(
    HubClient hub, StoreSettings settings, ModelFileSource source, string? commit, PartFile part, Action<ModelDownloadStage, long, long?, string?> report)
{
    const int BufferBytes = 1 << 17;
    const long ProgressBytes = 1 << 20; // what a round of tries must have brought for another to follow
    const long SpareBytes = 1 << 24;
    string? _commit = commit;

    /// <summary>A failure of the transfer that the next try may not meet.</summary>
    sealed class InterruptedTransferException(string message, Exception? inner = null) : Exception(message, inner);

    /// <summary>Fetches the file and gives it its name.</summary>
    /// <param name="accept">False leaves the whole, checked file in its part, because another has the name as yet.</param>
    /// <param name="cancellationToken">Ends the transfer; the bytes stay.</param>
    /// <exception cref="ModelDownloadException">It could not be had; the message says why and what to do.</exception>
    /// <exception cref="IOException">The disk failed; <see cref="DiskErrors"/> makes a message of it.</exception>
    internal async Task<FetchedFile> RunAsync(bool accept, CancellationToken cancellationToken)
    {
        hub.Retrying = why => report(ModelDownloadStage.Retrying, part.Length, part.Facts?.Bytes, why);
        // Bytes that belong to another source, revision or known hash are not continued.
        if (part.Facts?.Fit(source, _commit) is false) part.Discard();
        bool continued = part.Length > 0;
        while (true)
        {
            await FetchAsync(cancellationToken).ConfigureAwait(false);
            if (await AcceptAsync(accept, continued, cancellationToken).ConfigureAwait(false) is { } fetched) return fetched;
            continued = false; // bytes of an earlier run were wrong; once more, all of them
        }
    }

    async Task FetchAsync(CancellationToken cancellationToken)
    {
        ResiliencePipeline retries = Retries();
        while (true)
        {
            long before = part.Length;
            try
            {
                await retries.ExecuteAsync(TransferAsync, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (InterruptedTransferException e)
            {
                if (settings.Options.MaxRetries > 0 && part.Length - before >= ProgressBytes) continue;
                throw new ModelDownloadException(
                    ModelDownloadFailure.Network,
                    $"Fetching {source.FileName} failed{Times()} ({e.Message}); run the same command again, it goes on where it stopped.", e);
            }
        }
    }

    /// <summary>One request and its body.</summary>
    async ValueTask TransferAsync(CancellationToken cancellationToken)
    {
        long? known = source.Bytes ?? part.Facts?.Bytes;
        if (known is { } whole)
        {
            if (part.Length > whole) part.Discard();
            if (part.Length == whole && part.Facts is not null) return;
        }
        // Without a hash or a strong ETag nobody could tell whether the rest belongs to these bytes.
        if (part.Length > 0 && part.Facts is not { Tag: not null } and not { Sha256: not null } && source.Sha256 is null) part.Discard();

        long from = part.Length;
        string? pinned = _commit ?? part.Facts?.Commit;
        using HubAnswer answer = await hub.GetAsync(
            source.AddressOn(settings.Endpoint, pinned), source.Repository is not null, from, part.Facts?.Tag, cancellationToken).ConfigureAwait(false);
        if (answer.Response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && from > 0) throw Restart("the server has no such range");
        // History was rewritten, or the file is younger than the commit of the other one. What was asked for is the revision; where the
        // hash is known it still decides.
        if (source.Repository is not null && pinned is not null && pinned != source.Revision
            && answer.Response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
        {
            part.Discard();
            _commit = null;
            report(ModelDownloadStage.Retrying, 0, null, $"commit {pinned[..Math.Min(12, pinned.Length)]} does not have it (any more); asking for '{source.Revision}'");
            await TransferAsync(cancellationToken).ConfigureAwait(false);
            return;
        }
        RefuseErrors(answer);
        long? total = Begin(answer, from);
        await CopyAsync(answer.Response.Content, total, cancellationToken).ConfigureAwait(false);
        if (total is { } expected && part.Length < expected)
            throw new InterruptedTransferException($"the connection ended after {part.Length} of {expected} bytes");
    }

    /// <summary>Decides by the answer's head whether its body continues the bytes on disk, begins anew, or is refused.</summary>
    /// <returns>Size of the whole file, if anybody said it.</returns>
    long? Begin(HubAnswer answer, long from)
    {
        HttpResponseMessage response = answer.Response;
        RemoteFacts facts = answer.Facts;
        if (response.Content.Headers.ContentEncoding.Any(static e => e != "identity"))
            throw Refused($"The server sends {source.FileName} compressed though it was asked not to.");
        if (source.Sha256 is { } wanted && facts.Sha256 is { } announced && wanted != announced)
        {
            part.Discard();
            throw new ModelDownloadException(
                ModelDownloadFailure.WrongHash, $"{source.Display} has SHA-256 {announced[..12]}... on the server but {wanted[..12]}... was expected; the file was replaced, so nothing was fetched.");
        }

        long? length = response.Content.Headers.ContentLength;
        long? total;
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
            if (from == 0 || range?.From != from) throw Restart("the server sent another range than the one asked for");
            if (part.Facts?.Sha256 is { } had && facts.Sha256 is { } has && had != has) throw Restart("the file has changed on the server");
            // Without a hash nothing later would tell: a server that does not know If-Range sends the rest of whatever it has now.
            if ((source.Sha256 ?? part.Facts?.Sha256 ?? facts.Sha256) is null && RemoteFacts.StrongTag(response) != part.Facts?.Tag)
                throw Restart("the rest it sends is of another version of the file, or does not say of which");
            total = range.Length ?? (length is { } rest ? from + rest : null);
            if (part.Facts?.Bytes is { } before && total is { } now && before != now) throw Restart("the file has changed its size on the server");
        }
        else
        {
            if (from > 0)
            {
                part.Discard();
                report(ModelDownloadStage.Retrying, 0, null, "the server sends the whole file again: it ignores ranges, or the file has changed");
            }
            total = length;
        }

        long? linked = source.Bytes ?? facts.Bytes;
        if (linked is not null && total is not null && linked != total)
            throw Refused($"{source.Display} should have {linked} bytes but the server announces {total}.");
        total ??= linked;
        RequireSpace(total - part.Length);
        part.Note(new PartFacts(
            source.Display, source.Revision, facts.Commit ?? part.Facts?.Commit ?? _commit, total, facts.Sha256 ?? part.Facts?.Sha256 ?? source.Sha256,
            RemoteFacts.StrongTag(response) ?? part.Facts?.Tag));
        settings.Step?.Invoke("noted");
        return total;
    }

    async Task CopyAsync(HttpContent content, long? total, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stalled = new(Timeout.InfiniteTimeSpan, settings.Time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stalled.Token);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            Stream body = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            await using (body.ConfigureAwait(false))
            {
                report(ModelDownloadStage.Downloading, part.Length, total, null);
                for (int count; (count = await ReadAsync(body, buffer, stalled, either.Token, cancellationToken).ConfigureAwait(false)) > 0;)
                {
                    if (part.Length == 0) RequireModelFile(buffer.AsMemory(0, count));
                    if (total is { } most && part.Length + count > most)
                    {
                        part.Discard();
                        throw Refused($"The server sends more than the {most} bytes it announced for {source.FileName}.");
                    }
                    await part.AppendAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
                    settings.Step?.Invoke("written");
                    report(ModelDownloadStage.Downloading, part.Length, total, null);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    async ValueTask<int> ReadAsync(
        Stream body, Memory<byte> buffer, CancellationTokenSource stalled, CancellationToken either, CancellationToken cancellationToken)
    {
        try
        {
            stalled.CancelAfter(settings.Options.StallTimeout);
            int count = await body.ReadAsync(buffer[..BufferBytes], either).ConfigureAwait(false);
            stalled.CancelAfter(Timeout.InfiniteTimeSpan);
            return count;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InterruptedTransferException($"no byte arrived for {settings.Options.StallTimeout.TotalSeconds:0} s", e);
        }
        catch (IOException e) // of the network; the disk is not touched here
        {
            throw new InterruptedTransferException("the connection broke off", e);
        }
    }

    /// <summary>Compares the whole file with what was announced, and gives it its name.</summary>
    /// <returns>Null when bytes of an earlier run turned out to be wrong and were thrown away.</returns>
    async Task<FetchedFile?> AcceptAsync(bool accept, bool continued, CancellationToken cancellationToken)
    {
        PartFacts facts = part.Facts!;
        long bytes = part.Length;
        part.FlushToDisk();
        settings.Step?.Invoke("flushed");
        string hash = await FileHash.Sha256Async(
            part.Path, done => report(ModelDownloadStage.Verifying, done, bytes, null), cancellationToken).ConfigureAwait(false);
        string? expected = source.Sha256 ?? facts.Sha256;
        if (expected is not null && hash != expected)
        {
            part.Discard();
            if (continued)
            {
                report(ModelDownloadStage.Retrying, 0, null, "the bytes of the earlier download were wrong; fetching the file anew");
                return null;
            }
            throw new ModelDownloadException(
                ModelDownloadFailure.WrongHash,
                $"{source.FileName} arrived with SHA-256 {hash[..12]}... but {expected[..12]}... was announced; it was thrown away. Try again; if it stays so, do not trust this source.");
        }
        RequireModelFile();
        settings.Step?.Invoke("verified");
        if (accept) part.Accept();
        settings.Step?.Invoke("accepted");
        return new FetchedFile(bytes, hash, facts.Commit);
    }

    void RequireModelFile()
    {
        try
        {
            GgufSplit.TryName(source.FileName, out _, out int number, out int count);
            using GgufFile file = GgufFile.OpenPart(part.Path, number, count);
        }
        catch (ModelFormatException e)
        {
            part.Discard();
            throw new ModelDownloadException(ModelDownloadFailure.NotAModel, $"{source.Display} is not a usable model file: {e.Message.Replace(".gguf.part", ".gguf", StringComparison.Ordinal)}", e);
        }
    }

    /// <summary>An error page in place of a model is refused by its first bytes, not after gigabytes.</summary>
    void RequireModelFile(ReadOnlyMemory<byte> start)
    {
        if (start.Length < 4) return; // the whole file is checked in the end anyway
        try
        {
            FileKind.RequireGguf(new ByteSource(start));
        }
        catch (ModelFormatException e)
        {
            part.Discard();
            throw new ModelDownloadException(ModelDownloadFailure.NotAModel, $"{source.Display}: {e.Message}", e);
        }
    }

    void RequireSpace(long? missing)
    {
        if (missing is not { } needed || settings.FreeSpace(Path.GetDirectoryName(part.Path)!) is not { } free || free - SpareBytes >= needed) return;
        throw new ModelDownloadException(
            ModelDownloadFailure.Disk,
            $"{source.FileName} needs {needed / 1e6:N0} MB more but only {free / 1e6:N0} MB are free in '{Path.GetDirectoryName(part.Path)}'; make room or choose another cache folder.");
    }

    void RefuseErrors(HubAnswer answer)
    {
        if (answer.Response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent) return;
        throw StatusErrors.Of(answer.Response.StatusCode, answer.Facts.ErrorCode, HubClient.AskedWait(answer.Response, settings.Time), source, settings);
    }

    InterruptedTransferException Restart(string why)
    {
        part.Discard();
        return new InterruptedTransferException(why);
    }

    string Times() => settings.Options.MaxRetries == 0 ? "" : $" {settings.Options.MaxRetries + 1} times";

    static ModelDownloadException Refused(string message) => new(ModelDownloadFailure.BadAnswer, message);

    ResiliencePipeline Retries()
    {
        if (settings.Options.MaxRetries == 0) return ResiliencePipeline.Empty;
        return new ResiliencePipelineBuilder { TimeProvider = settings.Time }.AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = settings.Options.MaxRetries,
            Delay = settings.Options.RetryDelay,
            MaxDelay = TimeSpan.FromSeconds(30),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = static retry => ValueTask.FromResult(retry.Outcome.Exception is InterruptedTransferException),
            OnRetry = retry =>
            {
                report(ModelDownloadStage.Retrying, part.Length, part.Facts?.Bytes, retry.Outcome.Exception?.Message);
                return ValueTask.CompletedTask;
            },
        }).Build();
    }
}
