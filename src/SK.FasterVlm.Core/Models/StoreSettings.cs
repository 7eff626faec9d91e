using System.Security;

namespace SK.FasterVlm.Models;

/// <summary>The options completed from the environment, and what tests replace.</summary>
sealed record StoreSettings(ModelStoreOptions Options, string CacheDirectory, Uri Endpoint, string? Token, bool AllowDownload, string? CatalogPath)
{
    /// <summary>Clock of time-outs and waits.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Free bytes of the disk that holds a folder; null when the platform cannot say.</summary>
    internal Func<string, long?> FreeSpace { get; init; } = FreeSpaceOf;

    /// <summary>Opens a partial file; tests put a disk that fails here.</summary>
    internal Func<string, FileStream> OpenPart { get; init; } = static path =>
        new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);

    /// <summary>Called with what connects to servers; tests trust a certificate of their own here.</summary>
    internal Action<SocketsHttpHandler>? Sockets { get; init; }

    /// <summary>Called between the steps of a download; tests end the "process" here.</summary>
    internal Action<string>? Step { get; init; }

    /// <summary>Completes options.</summary>
    /// <exception cref="ModelDownloadException">The hub's address or the token cannot be used.</exception>
    internal static StoreSettings Create(ModelStoreOptions options, Func<string, string?>? environment = null)
    {
        options.Validate();
        Func<string, string?> variable = environment ?? Environment.GetEnvironmentVariable;
        string? Read(string name) => variable(name) is { Length: > 0 } value ? value : null;
        return new StoreSettings(
            options, Path.GetFullPath(options.CacheDirectory ?? Read("FASTERVLM_CACHE") ?? PlatformCache(Read)),
            EndpointOf(options.Endpoint ?? Read("HF_ENDPOINT") ?? "https://huggingface.co"), TokenOf(options.Token, Read),
            options.AllowDownload && !IsTrue(Read("HF_HUB_OFFLINE")), options.CatalogPath ?? Read("FASTERVLM_CATALOG"));
    }

    static string PlatformCache(Func<string, string?> read)
    {
        string folder = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : read("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache) ? cache
            : Path.Combine(Home(), OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        return Path.Combine(folder, "fastervlm", "models");
    }

    static Uri EndpointOf(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? endpoint) && endpoint.Scheme is "https" or "http" && endpoint.UserInfo.Length == 0
            && endpoint.Query.Length == 0
            ? endpoint
            : throw new ModelDownloadException(
                ModelDownloadFailure.Insecure, $"The hub's address '{Gguf.Printable.Escape(text)}' is not an https address; correct HF_ENDPOINT.");

    // https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    static string? TokenOf(string? given, Func<string, string?> read)
    {
        string? token = given;
        if (token is null && !IsTrue(read("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
            token = read("HF_TOKEN") ?? read("HUGGING_FACE_HUB_TOKEN") ?? TokenFile(read);
        token = token?.Trim();
        if (string.IsNullOrEmpty(token)) return null;
        // What is not plain text could end the header and begin another.
        return token.All(static c => c is > ' ' and < '\x7f') ? token
            : throw new ModelDownloadException(ModelDownloadFailure.AccessDenied, "The token for the hub holds characters no token has; set HF_TOKEN anew.");
    }

    static string? TokenFile(Func<string, string?> read)
    {
        string path = read("HF_TOKEN_PATH") ?? Path.Combine(
            read("HF_HOME") ?? Path.Combine(read("XDG_CACHE_HOME") ?? Path.Combine(Home(), ".cache"), "huggingface"), "token");
        try
        {
            return File.Exists(path) && new FileInfo(path).Length < 4096 ? File.ReadAllText(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SecurityException)
        {
            return null; // a token one cannot read is none; the hub says when it needs one
        }
    }

    static long? FreeSpaceOf(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    static string Home() => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? home : Path.GetTempPath();

    static bool IsTrue(string? value) => value?.ToUpperInvariant() is "1" or "TRUE" or "YES" or "ON";
}
