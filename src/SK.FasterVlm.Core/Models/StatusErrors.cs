using System.Net;

namespace SK.FasterVlm.Models;

/// <summary>The sentence for every status a server can refuse with.</summary>
static class StatusErrors
{
    internal static ModelDownloadException Of(HttpStatusCode status, string? code, TimeSpan? wait, ModelFileSource source, StoreSettings settings)
    {
        string what = source.Display;
        bool hub = source.Repository is not null;
        string host = hub ? settings.Endpoint.Host : source.Address!.Host;
        return (int)status switch
        {
            401 or 403 when code == "GatedRepo" => new(ModelDownloadFailure.AccessDenied,
                $"{source.Repository} is gated: accept its terms on {host}, then set HF_TOKEN to a token of that account."),
            // The hub answers 401 for repositories that do not exist, so as not to tell which private ones do.
            401 or 403 when hub => new(ModelDownloadFailure.AccessDenied,
                $"{host} refuses {what} ({(int)status}): the repository is private, gated or does not exist; "
                + (settings.Token is null ? "set HF_TOKEN if it needs one." : "the token that was sent does not open it.")),
            401 or 403 => new(ModelDownloadFailure.AccessDenied, $"{host} refuses {what} ({(int)status}); an address that needs no login is needed."),
            404 or 410 when code == "RevisionNotFound" => new(ModelDownloadFailure.NotFound, $"{source.Repository} has no revision '{source.Revision}' on {host}."),
            404 or 410 when code == "RepoNotFound" => new(ModelDownloadFailure.NotFound, $"There is no repository {source.Repository} on {host}."),
            404 or 410 => new(ModelDownloadFailure.NotFound, $"There is no {what} on {host} ({(int)status}); it may have been renamed or removed."),
            408 or 429 or >= 500 when wait > HubClient.LongestWait => new(ModelDownloadFailure.Network,
                $"{host} answers {(int)status} and asks to wait for {Math.Ceiling(wait.Value.TotalMinutes):N0} minutes; run the same command again then, it goes on where it stopped."),
            408 or 429 or >= 500 when settings.Options.MaxRetries == 0 => new(ModelDownloadFailure.Network,
                $"{host} answers {(int)status}; run the same command again later, it goes on where it stopped."),
            408 or 429 or >= 500 => new(ModelDownloadFailure.Network,
                $"{host} still answers {(int)status} after {settings.Options.MaxRetries} further tries; run the same command again later, it goes on where it stopped."),
            _ => new(ModelDownloadFailure.BadAnswer, $"{host} answers {(int)status} for {what}, which makes no sense here."),
        };
    }
}

/// <summary>The sentence for a disk that fails; the path is in it.</summary>
static class DiskErrors
{
    internal static ModelDownloadException Of(Exception error, string path)
    {
        bool full = error is IOException && (OperatingSystem.IsWindows()
            ? (error.HResult & 0xFFFF) is 39 or 112 // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
            : error.HResult is 28 or 122 or 69 or 27); // ENOSPC, EDQUOT (Linux, macOS), EFBIG
        return new ModelDownloadException(
            ModelDownloadFailure.Disk,
            full ? $"The disk is full, or the quota used up, at '{path}'; make room and run the same command again, it goes on where it stopped."
                : $"'{path}' cannot be written or read: {error.Message}",
            error);
    }
}
