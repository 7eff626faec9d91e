using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Server.Tests.Fakes;

[assembly: AssemblyFixture(typeof(EmbeddedServer))]

namespace SK.FasterVlm.Server.Tests.Fakes;

/// <summary>One server over the shipped model for all tests that need a real one, and the model itself to compare with.</summary>
public sealed class EmbeddedServer : IAsyncLifetime
{
    FasterVlmModel? _model;

    internal RunningServer Server { get; private set; } = null!;

    public Uri Address => Server.Address;

    public FasterVlmModel Model => _model!;

    /// <summary>The pictures that come with the model.</summary>
    public static byte[] Picture(int number)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "models", "tiny-llava", "demo", $"demo-{number}.jpg");
            if (File.Exists(path)) return File.ReadAllBytes(path);
        }
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    /// <summary>What the model says without a server in between.</summary>
    public async Task<ChatResponse> AskDirectlyAsync(string text, int maxTokens, params byte[][] images)
    {
        using FasterVlmChatClient client = Model.CreateChatClient();
        ChatMessage question = new(ChatRole.User, [.. images.Select(static i => new DataContent(i, "image/jpeg")), new TextContent(text)]);
        return await client.GetResponseAsync([question], new ChatOptions { MaxOutputTokens = maxTokens, Temperature = 0 }, RunningServer.Test);
    }

    public async ValueTask InitializeAsync()
    {
        _model = await FasterVlmModel.LoadAsync(new FasterVlmOptions { Threads = 1 });
        Server = await RunningServer.StartAsync(_model.CreateChatClient());
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Model.DisposeAsync();
    }
}
