using SK.FasterVlm.Imaging;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Server.Tests.Fakes;

/// <summary>The shipped model looking at the whole picture and four tiles of it, behind a server.</summary>
public sealed class TiledServer : IAsyncLifetime
{
    FasterVlmModel? _model;

    internal RunningServer Server { get; private set; } = null!;

    /// <summary>How a picture of 640 x 480 pixels is cut.</summary>
    public static ViewPlan Plan(int viewSize) => ViewPlan.For(640, 480, viewSize, [], ImageViews.Grid(2, 2));

    public async ValueTask InitializeAsync()
    {
        _model = await FasterVlmModel.LoadAsync(new FasterVlmOptions { Threads = 1, Views = new ViewSettings { Views = ImageViews.Grid(2, 2) } });
        Server = await RunningServer.StartAsync(_model.CreateChatClient());
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _model!.DisposeAsync();
    }
}
