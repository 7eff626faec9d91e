using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Media;

namespace SK.FasterVlm.Server;

/// <summary>
/// Who may ask the server, and what a request may cost. The defaults are those published in docs/server.md; a value out of range is
/// refused when the application starts, never clamped.
/// </summary>
public sealed class FasterVlmServerOptions
{
    /// <summary>
    /// Keys a client may send as <c>Authorization: Bearer KEY</c>; none (default) serves without a key, to this machine only. With
    /// keys, every endpoint but the health checks and the page wants one.
    /// </summary>
    public IList<string> ApiKeys { get; set; } = [];

    /// <summary>
    /// Serves other machines without a key (default false). Only for an application that authenticates its callers itself.
    /// </summary>
    public bool AllowRemoteWithoutApiKey { get; set; }

    /// <summary>
    /// Names, beside <c>localhost</c> and IP addresses, that the <c>Host</c> header may have: a web page whose name was made to point
    /// at this machine (DNS rebinding) has its own name there. <c>*.example.com</c> takes every subdomain.
    /// </summary>
    public IList<string> AllowedHosts { get; set; } = [];

    /// <summary>
    /// Origins (<c>https://app.example.com</c>) beside the server's own whose pages may send requests. The server sends no CORS headers;
    /// those are the application's to add.
    /// </summary>
    public IList<string> AllowedOrigins { get; set; } = [];

    /// <summary>
    /// Whether a web page to try the model out is served at <c>/</c> (default true). An endpoint of the application at the same address
    /// goes before it.
    /// </summary>
    public bool ServePage { get; set; } = true;

    /// <summary>Further names the model answers to, for clients whose model name cannot be changed.</summary>
    public IList<string> ModelAliases { get; set; } = [];

    /// <summary>Largest request body in bytes, 1,024 to 1,000,000,000 (default 20 MB).</summary>
    public long MaxBodyBytes { get; set; } = 20_000_000;

    /// <summary>
    /// Bytes all requests in memory may have together, fetched images included, at least <see cref="MaxBodyBytes"/> (default 400 MB); what
    /// goes beyond is answered 429. Requests of more than 1 MiB leave a quarter of it to smaller ones.
    /// </summary>
    public long MaxBufferedBytes { get; set; } = 400_000_000;

    /// <summary>
    /// Time a body has to come, above zero to one hour (default 30 seconds), and a second more for every 100,000 bytes of it that have come;
    /// then the request is answered 408.
    /// </summary>
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Bodies that may be coming at once, 1 to 100,000 (default 1,024); the next is answered 429. They are not counted as
    /// requests before they are there, so that slow clients keep no others out.
    /// </summary>
    public int MaxIncomingRequests { get; set; } = 1024;

    /// <summary>
    /// Requests in work or waiting at once, 1 to 100,000 (default 512); the next is answered 429. The model has a queue of its own, which
    /// is usually full before.
    /// </summary>
    public int MaxConcurrentRequests { get; set; } = 512;

    /// <summary>Deepest nesting of a body, 8 to 64 (default 32).</summary>
    public int MaxJsonDepth { get; set; } = 32;

    /// <summary>Messages (or input items) of a request, 1 to 10,000 (default 256).</summary>
    public int MaxMessages { get; set; } = 256;

    /// <summary>Parts of one message, 1 to 10,000 (default 64).</summary>
    public int MaxParts { get; set; } = 64;

    /// <summary>Characters of all texts of a request together, 1 to 100,000,000 (default 1,000,000).</summary>
    public int MaxTextLength { get; set; } = 1_000_000;

    /// <summary>Tools of a request, 0 to 1,024 (default 128).</summary>
    public int MaxTools { get; set; } = 128;

    /// <summary>Largest <c>n</c>, 1 to 64 (default 8).</summary>
    public int MaxChoices { get; set; } = 8;

    /// <summary>Time a request may take, waiting included, above zero to one day (default 10 minutes).</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Silence of a stream after which a comment is sent, so that proxies do not close the connection while the answer is prepared; 1
    /// second to 10 minutes (default 15 seconds), or <see cref="Timeout.InfiniteTimeSpan"/> for never.
    /// </summary>
    public TimeSpan StreamKeepAlive { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Time that open answers have to end once the server is told to stop, zero to one hour (default 10 seconds); then they are cut off. Only
    /// for <c>fastervlm serve</c> and <see cref="FasterVlmServerApplication"/>: an application of its own has <c>HostOptions.ShutdownTimeout</c>.
    /// </summary>
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>What <c>Retry-After</c> says when the server itself is full (default 1 second).</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Hosts images may be fetched from over http(s): <c>images.example.com</c>, <c>*.example.com</c>, <c>host:8443</c> for another
    /// port. None (default) switches fetching off.
    /// </summary>
    public IList<string> ImageHosts { get; set; } = [];

    /// <summary>
    /// Networks (<c>10.1.0.0/16</c>) that images may be fetched from although they are not public. None by default: a name that
    /// resolves to this machine, a private network or a cloud's metadata service is refused.
    /// </summary>
    public IList<string> ImageNetworks { get; set; } = [];

    /// <summary>Time to fetch one image, redirects included, above zero to 5 minutes (default 10 seconds).</summary>
    public TimeSpan ImageFetchTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Redirects followed for one image, 0 to 10 (default 3); each is judged like a new address.</summary>
    public int MaxImageRedirects { get; set; } = 3;

    /// <summary>What <c>detail: low</c> keeps of an image (default 10 % of the visual tokens).</summary>
    public VisualTokenBudget LowDetail { get; set; } = ImageDetail.Low.Budget()!;

    /// <summary>What <c>detail: high</c> keeps (default all).</summary>
    public VisualTokenBudget HighDetail { get; set; } = ImageDetail.High.Budget()!;

    /// <summary>What <c>detail: auto</c>, or none, keeps; null (default) is the model's own budget.</summary>
    public VisualTokenBudget? AutoDetail { get; set; }

    /// <summary>
    /// What a model is told, before anybody chooses otherwise, that is to serve many: a queue of 64, as published, since whoever stands
    /// further back would rather be told to come back than wait for minutes; and a KV cache of up to 512 MiB, in which as many
    /// conversations of full length have room as run at once.
    /// </summary>
    /// <param name="model">The model's options.</param>
    public static void Prepare(FasterVlmOptions model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (model.MaxQueuedRequests, model.KvCacheBytes) = (64, 512L << 20);
    }

    /// <summary>What a detail keeps; null leaves it to the model.</summary>
    internal VisualTokenBudget? BudgetOf(ImageDetail detail) => detail switch
    {
        ImageDetail.Low => LowDetail,
        ImageDetail.High => HighDetail,
        _ => AutoDetail,
    };

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">A value is out of range or cannot be read; the message names it.</exception>
    public void Validate()
    {
        Range(MaxBodyBytes is >= 1024 and <= 1_000_000_000, nameof(MaxBodyBytes), "1024 to 1000000000");
        Range(MaxBufferedBytes >= MaxBodyBytes, nameof(MaxBufferedBytes), $"MaxBodyBytes ({MaxBodyBytes}) or more");
        Range(MaxConcurrentRequests is >= 1 and <= 100_000, nameof(MaxConcurrentRequests), "1 to 100000");
        Range(BodyTimeout > TimeSpan.Zero && BodyTimeout <= TimeSpan.FromHours(1), nameof(BodyTimeout), "above zero and at most an hour");
        Range(MaxIncomingRequests is >= 1 and <= 100_000, nameof(MaxIncomingRequests), "1 to 100000");
        Range(DrainTime >= TimeSpan.Zero && DrainTime <= TimeSpan.FromHours(1), nameof(DrainTime), "zero to an hour");
        Range(MaxJsonDepth is >= 8 and <= 64, nameof(MaxJsonDepth), "8 to 64");
        Range(MaxMessages is >= 1 and <= 10_000, nameof(MaxMessages), "1 to 10000");
        Range(MaxParts is >= 1 and <= 10_000, nameof(MaxParts), "1 to 10000");
        Range(MaxTextLength is >= 1 and <= 100_000_000, nameof(MaxTextLength), "1 to 100000000");
        Range(MaxTools is >= 0 and <= 1024, nameof(MaxTools), "0 to 1024");
        Range(MaxChoices is >= 1 and <= 64, nameof(MaxChoices), "1 to 64");
        Range(RequestTimeout > TimeSpan.Zero && RequestTimeout <= TimeSpan.FromDays(1), nameof(RequestTimeout), "above zero and at most a day");
        Range(StreamKeepAlive == Timeout.InfiniteTimeSpan || (StreamKeepAlive >= TimeSpan.FromSeconds(1) && StreamKeepAlive <= TimeSpan.FromMinutes(10)),
            nameof(StreamKeepAlive), "1 second to 10 minutes, or infinite");
        Range(RetryAfter > TimeSpan.Zero && RetryAfter <= TimeSpan.FromHours(1), nameof(RetryAfter), "above zero and at most an hour");
        Range(ImageFetchTimeout > TimeSpan.Zero && ImageFetchTimeout <= TimeSpan.FromMinutes(5), nameof(ImageFetchTimeout), "above zero and at most 5 minutes");
        Range(MaxImageRedirects is >= 0 and <= 10, nameof(MaxImageRedirects), "0 to 10");
        Range(ApiKeys.All(static k => k.Length >= 8 && !k.Any(static c => c is < '!' or > '~')), nameof(ApiKeys),
            "texts of at least 8 visible ASCII characters");
        foreach (string network in ImageNetworks) AddressPolicy.ParseNetwork(network);
        foreach (string host in ImageHosts) HostPattern.Parse(host);
        foreach (string host in AllowedHosts) HostPattern.Parse(host);

        static void Range(bool ok, string name, string range)
        {
            if (!ok) throw new ArgumentException($"{name} must be {range}.");
        }
    }
}
