using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>An answer as it came in.</summary>
/// <param name="Started">When the request was sent, in <see cref="Stopwatch"/> ticks.</param>
/// <param name="Pieces">When each piece of text came.</param>
/// <param name="Tokens">Tokens the server counted; the pieces where it counts none.</param>
internal sealed record LoadAnswer(long Started, IReadOnlyList<long> Pieces, int Tokens)
{
    /// <summary>Milliseconds to the first piece of text.</summary>
    public double FirstMs => Stopwatch.GetElapsedTime(Started, Pieces[0]).TotalMilliseconds;

    /// <summary>Milliseconds between two pieces each; empty for a single piece.</summary>
    public double[] Gaps => [.. Pieces.Zip(Pieces.Skip(1), static (a, b) => Stopwatch.GetElapsedTime(a, b).TotalMilliseconds)];
}

/// <summary>A client of any server that speaks OpenAI's chat completions.</summary>
internal sealed class LoadClient : IDisposable
{
    readonly HttpClient _http;

    LoadClient(HttpClient http, string address, string model) => (_http, Address, Model) = (http, address, model);

    /// <summary>The server's base address.</summary>
    public string Address { get; }

    /// <summary>The first model the server lists.</summary>
    public string Model { get; }

    /// <summary>Looks a server up.</summary>
    /// <param name="address">Base address with <c>/v1</c>, as OpenAI clients take it. <c>OPENAI_API_KEY</c> is sent along when it is set.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="CliException">Nobody answers there, or it lists no model.</exception>
    public static async Task<LoadClient> ConnectAsync(string address, CancellationToken cancellationToken)
    {
        // A connection per request: some servers, llama.cpp's among them, end one after a number of requests without saying so before.
        HttpClient http = new(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero })
        {
            BaseAddress = new Uri(address.TrimEnd('/') + "/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (Environment.GetEnvironmentVariable("OPENAI_API_KEY") is { Length: > 0 } key)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        try
        {
            JsonNode? models = await http.GetFromJsonAsync<JsonNode>("models", cancellationToken);
            if (models?["data"] is JsonArray { Count: > 0 } list && (string?)list[0]?["id"] is { } model) return new LoadClient(http, address, model);
            throw new CliException($"{address} lists no model; give the base address of an OpenAI-compatible server, ending in /v1.");
        }
        catch (Exception e)
        {
            http.Dispose();
            if (e is HttpRequestException or JsonException or InvalidOperationException)
                throw new CliException($"{address} does not answer as an OpenAI-compatible server: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Asks greedily and reads the answer as a stream.</summary>
    /// <param name="image">A JPEG; null asks without.</param>
    /// <param name="question">The text behind the image.</param>
    /// <param name="outputTokens">Tokens at most.</param>
    /// <param name="bannedTokens">Token ids the answer must not hold.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="CliException">The server refused or went away, or its answer was empty.</exception>
    public async Task<LoadAnswer> AskAsync(
        byte[]? image, string question, int outputTokens, IReadOnlyList<int> bannedTokens, CancellationToken cancellationToken)
    {
        try
        {
            return await SendAsync(image, question, outputTokens, bannedTokens, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new CliException($"{Address} broke the connection off: {e.GetBaseException().Message}", e);
        }
    }

    async Task<LoadAnswer> SendAsync(byte[]? image, string question, int outputTokens, IReadOnlyList<int> bannedTokens, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "chat/completions")
        {
            Content = JsonContent.Create(Body(image, question, outputTokens, bannedTokens)),
        };
        long started = Stopwatch.GetTimestamp();
        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new CliException($"{Address} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        List<long> pieces = [];
        int? counted = null;
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
        {
            if (item.Data is "[DONE]") break;
            JsonNode? chunk = JsonNode.Parse(item.Data);
            if (chunk?["error"] is { } error) throw new CliException($"{Address} broke off: {error.ToJsonString()}");
            if (chunk?["choices"] is JsonArray { Count: > 0 } choices && (string?)choices[0]?["delta"]?["content"] is { Length: > 0 })
                pieces.Add(Stopwatch.GetTimestamp());
            counted = (int?)chunk?["usage"]?["completion_tokens"] ?? counted;
        }
        return pieces.Count > 0
            ? new LoadAnswer(started, pieces, counted ?? pieces.Count)
            : throw new CliException($"{Address} gave an answer without text.");
    }

    JsonObject Body(byte[]? image, string question, int outputTokens, IReadOnlyList<int> bannedTokens)
    {
        JsonArray content = [new JsonObject { ["type"] = "text", ["text"] = question }];
        if (image is not null)
        {
            JsonObject url = new() { ["url"] = $"data:image/jpeg;base64,{Convert.ToBase64String(image)}" };
            content.Insert(0, new JsonObject { ["type"] = "image_url", ["image_url"] = url });
        }
        JsonObject body = new()
        {
            ["model"] = Model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content }),
            ["max_tokens"] = outputTokens,
            ["temperature"] = 0,
            ["stream"] = true,
            ["stream_options"] = new JsonObject { ["include_usage"] = true },
        };
        if (bannedTokens.Count > 0) body["logit_bias"] = new JsonObject(bannedTokens.Select(static id => KeyValuePair.Create($"{id}", (JsonNode?)(-100))));
        return body;
    }

    public void Dispose() => _http.Dispose();
}
