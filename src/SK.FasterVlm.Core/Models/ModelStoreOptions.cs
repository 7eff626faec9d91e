namespace SK.FasterVlm.Models;

/// <summary>Where models are kept and how they are fetched. What is null is taken from the environment, then from the platform.</summary>
public sealed class ModelStoreOptions
{
    /// <summary>
    /// Folder of the fetched models. Default: <c>FASTERVLM_CACHE</c>, else <c>fastervlm/models</c> in the user's cache
    /// (<c>$XDG_CACHE_HOME</c> or <c>~/.cache</c>, on macOS <c>~/Library/Caches</c>, on Windows <c>%LOCALAPPDATA%</c>).
    /// </summary>
    public string? CacheDirectory { get; set; }

    /// <summary>A catalog to use instead of the built-in one (JSON). Default: <c>FASTERVLM_CATALOG</c>, else the built-in one.</summary>
    public string? CatalogPath { get; set; }

    /// <summary>The hub. Default: <c>HF_ENDPOINT</c>, else https://huggingface.co.</summary>
    public string? Endpoint { get; set; }

    /// <summary>
    /// Token for the hub, sent to the hub's own host only. Default: <c>HF_TOKEN</c>, <c>HUGGING_FACE_HUB_TOKEN</c>, then the file
    /// <c>HF_TOKEN_PATH</c> or <c>$HF_HOME/token</c>, as the hub's own tools do; none with <c>HF_HUB_DISABLE_IMPLICIT_TOKEN</c>.
    /// </summary>
    public string? Token { get; set; }

    /// <summary>Whether to fetch what is missing (default true; <c>HF_HUB_OFFLINE=1</c> also forbids it).</summary>
    public bool AllowDownload { get; set; } = true;

    /// <summary>Whether http:// is allowed for other hosts than this machine (default false). A redirect from https to http never is.</summary>
    public bool AllowInsecureHttp { get; set; }

    /// <summary>Further tries after a failure that may pass, 0 to 20 (default 5). Tries that brought a megabyte are followed by as many again.</summary>
    public int MaxRetries { get; set; } = 5;

    /// <summary>Wait before the first further try, 0 to 60 s (default 1 s); doubled each time up to 30 s, with jitter.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a server may take to answer, 1 s to 10 min (default 30 s).</summary>
    public TimeSpan ResponseTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a running transfer may stand still, 1 s to 1 h (default 60 s).</summary>
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Checks every value against its range.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        Range(MaxRetries is >= 0 and <= 20, nameof(MaxRetries), MaxRetries, "0 to 20");
        Range(RetryDelay >= TimeSpan.Zero && RetryDelay <= TimeSpan.FromSeconds(60), nameof(RetryDelay), RetryDelay, "0 to 60 s");
        Range(ResponseTimeout >= TimeSpan.FromSeconds(1) && ResponseTimeout <= TimeSpan.FromMinutes(10), nameof(ResponseTimeout), ResponseTimeout, "1 s to 10 min");
        Range(StallTimeout >= TimeSpan.FromSeconds(1) && StallTimeout <= TimeSpan.FromHours(1), nameof(StallTimeout), StallTimeout, "1 s to 1 h");
        if (CacheDirectory is { } folder && string.IsNullOrWhiteSpace(folder)) throw new ArgumentException("CacheDirectory is empty.");

        static void Range(bool ok, string name, object value, string range)
        {
            if (!ok) throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
        }
    }
}
