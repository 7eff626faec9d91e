using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Models;

/// <summary>Compares the files of a fetched model with what was fetched. Changes nothing.</summary>
static class ModelVerification
{
    internal static async Task<IReadOnlyList<FileVerification>> RunAsync(
        CachedModel model, IProgress<ModelDownloadProgress>? progress, CancellationToken cancellationToken)
    {
        (string Path, CachedFile Facts)[] files = [.. model.Files.Select(f => (model.PathOf(f), f))];
        List<FileVerification> found = [];
        for (int i = 0; i < files.Length; i++)
        {
            (string path, CachedFile facts) = files[i];
            void Report(ModelDownloadStage stage, long done) =>
                progress?.Report(new ModelDownloadProgress(stage, facts.File, i, files.Length, done, facts.Bytes));
            try
            {
                string? problem = await ProblemAsync(path, facts, done => Report(ModelDownloadStage.Verifying, done), cancellationToken).ConfigureAwait(false);
                found.Add(new FileVerification(facts.File, problem));
                if (problem is null) Report(ModelDownloadStage.Done, facts.Bytes);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw DiskErrors.Of(e, path);
            }
        }
        return found;
    }

    static async Task<string?> ProblemAsync(string path, CachedFile facts, Action<long> read, CancellationToken cancellationToken)
    {
        FileInfo file = new(path);
        if (!file.Exists) return "is missing";
        if (file.Length != facts.Bytes) return $"has {file.Length} bytes instead of {facts.Bytes}";
        string hash = await FileHash.Sha256Async(path, read, cancellationToken).ConfigureAwait(false);
        if (hash != facts.Sha256) return $"is damaged: SHA-256 {hash[..12]}... instead of {facts.Sha256[..12]}...";
        try
        {
            GgufSplit.TryName(facts.File, out _, out int number, out int count);
            using GgufFile gguf = GgufFile.OpenPart(path, number, count);
            return null;
        }
        catch (ModelFormatException e)
        {
            return $"is not a usable model file: {e.Message}";
        }
    }
}
