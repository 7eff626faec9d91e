using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Page;

/// <summary>The shipped model behind a real server, and one of its pictures.</summary>
public sealed class PageServer : IAsyncLifetime
{
    FasterVlmModel? _model;

    internal RunningServer Server { get; private set; } = null!;

    /// <summary>A picture of 640 x 480 pixels: padded above and below.</summary>
    public static byte[] Picture { get; } = Demo(3);

    public async ValueTask InitializeAsync()
    {
        _model = await FasterVlmModel.LoadAsync(new FasterVlmOptions { Threads = 1 });
        Server = await RunningServer.StartAsync(_model.CreateChatClient());
        // A process's first answer pays for compiling; the picture of two budgets is not to show that as saved. Another picture, so
        // that the cache stays empty for the tests' own.
        using FasterVlmChatClient client = _model.CreateChatClient();
        foreach (int number in (int[])[1, 2, 4])
        {
            ChatMessage question = new(ChatRole.User, [new DataContent(Demo(number), "image/jpeg"), new TextContent("What is in the picture?")]);
            await client.GetResponseAsync([question], new ChatOptions { Temperature = 0 });
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _model!.DisposeAsync();
    }

    static byte[] Demo(int number)
    {
        string path = Path.Combine("models", "tiny-llava", "demo", $"demo-{number}.jpg");
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, path))) return File.ReadAllBytes(Path.Combine(folder.FullName, path));
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }
}
