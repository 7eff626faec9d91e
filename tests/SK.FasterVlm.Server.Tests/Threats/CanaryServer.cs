using System.Net;
using System.Text.Json.Nodes;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>
/// The real server under attack. After every attack it must be alive and give the canary prompt the same answer as before it.
/// </summary>
public abstract class CanaryServer(EmbeddedServer embedded) : IAsyncLifetime
{
    string _before = "";

    internal RunningServer Server => embedded.Server;

    protected EmbeddedServer Embedded => embedded;

    protected static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>A data URI of bytes.</summary>
    protected static string DataUri(byte[] bytes, string type = "image/png") => $"data:{type};base64,{Convert.ToBase64String(bytes)}";

    /// <summary>A request about one image.</summary>
    protected static object About(string url, string text = "What is in the picture?") => new
    {
        model = "tiny-llava",
        max_tokens = 4,
        messages = new object[]
        {
            new
            {
                role = "user",
                content = new object[] { new { type = "image_url", image_url = new { url } }, new { type = "text", text } },
            },
        },
    };

    /// <summary>A request of one text.</summary>
    protected static JsonObject Say(string text) => new()
    {
        ["model"] = "tiny-llava",
        ["max_tokens"] = 4,
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
    };

    public async ValueTask InitializeAsync() => _before = await CanaryAsync();

    public async ValueTask DisposeAsync()
    {
        using HttpResponseMessage live = await Server.Http.GetAsync("/health/live", CancellationToken.None);
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(_before, await CanaryAsync());
        GC.SuppressFinalize(this);
    }

    async Task<string> CanaryAsync()
    {
        JsonObject request = JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(About(DataUri(EmbeddedServer.Picture(4), "image/jpeg"))))!.AsObject();
        request["max_tokens"] = 12;
        request["temperature"] = 0;
        Reply reply = await Server.ChatAsync(request.ToJsonString());
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        return reply.Content;
    }
}
