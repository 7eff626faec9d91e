using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Vision;
using SkiaSharp;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>A small seeded random model pair on disk, and pictures to show it.</summary>
public sealed class TinyPair : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("fastervlm-pair-").FullName;

    public TinyPair() => (ModelPath, ProjectorPath) = SyntheticModel.Write(_directory, ModelGeometry.Tiny);

    public string ModelPath { get; }

    public string ProjectorPath { get; }

    public Task<FasterVlmModel> LoadAsync(Action<FasterVlmOptions>? configure = null)
    {
        FasterVlmOptions options = new()
        {
            ModelPath = ModelPath,
            ProjectorPath = ProjectorPath,
            Threads = 1,
            TowerPrecision = TowerPrecision.F32,
            MaxOutputTokens = 8,
        };
        configure?.Invoke(options);
        return FasterVlmModel.LoadAsync(options, cancellationToken: TestContext.Current.CancellationToken);
    }

    /// <summary>A PNG of coloured stripes; every seed gives another picture.</summary>
    public static byte[] Picture(int seed = 1, int width = 90, int height = 70)
    {
        using SKBitmap bitmap = new(width, height);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                bitmap.SetPixel(x, y, new SKColor((byte)(x * 3 * seed), (byte)(y * 5 + (seed * 40)), (byte)((x + y) * seed)));
        return bitmap.Encode(SKEncodedImageFormat.Png, 100).ToArray();
    }

    /// <summary>What a model says of a picture.</summary>
    public static async Task<string> AnswerAsync(FasterVlmModel model)
    {
        using FasterVlmChatClient client = model.CreateChatClient();
        ChatMessage question = new(ChatRole.User, [new DataContent(Picture(), "image/png"), new TextContent("What is this?")]);
        return (await client.GetResponseAsync(question, cancellationToken: TestContext.Current.CancellationToken)).Text;
    }

    public void Dispose() => Directory.Delete(_directory, true);
}
