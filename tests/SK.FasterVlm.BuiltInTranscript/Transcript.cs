using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.BuiltInTranscript;

/// <summary>What a model made of a picture: the patches it kept and its greedy answer.</summary>
public sealed record Transcript(int[] Kept, string Answer)
{
    /// <summary>Options that both sides of a comparison use.</summary>
    public static FasterVlmOptions Options(string budget, string precision) =>
        new() { Threads = 1, VisualTokens = VisualTokenBudget.Parse(budget), TowerPrecision = Enum.Parse<TowerPrecision>(precision) };

    /// <summary>Shows pictures to a model.</summary>
    public static async Task<Transcript[]> TakeAsync(FasterVlmModel model, IReadOnlyList<string> pictures, CancellationToken cancellationToken)
    {
        List<Transcript> result = [];
        using FasterVlmChatClient client = model.CreateChatClient();
        foreach (string picture in pictures)
        {
            byte[] bytes = await File.ReadAllBytesAsync(picture, cancellationToken);
            using EncodedImage image = await model.Vision.EncodeAsync(bytes, cancellationToken: cancellationToken);
            VisualTokens tokens = await model.Vision.SelectAsync(image, model.Selector, model.Options.VisualTokens, cancellationToken: cancellationToken);
            ChatMessage message = new(ChatRole.User, [new DataContent(bytes, "image/png"), new TextContent("What is in the picture?")]);
            ChatResponse answer = await client.GetResponseAsync([message], cancellationToken: cancellationToken);
            result.Add(new Transcript(tokens.Kept[0], answer.Text));
        }
        return [.. result];
    }
}
