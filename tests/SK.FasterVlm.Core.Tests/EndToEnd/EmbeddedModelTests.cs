using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>
/// The embedded model against what the trainer's own implementation (PyTorch, 32-bit) made of the same pictures: token ids of the
/// prompt, logits after it, and the answer.
/// </summary>
public sealed class EmbeddedModelTests
{
    static readonly string? s_golden = FindGolden();

    static CancellationToken Test => TestContext.Current.CancellationToken;

    static string? FindGolden()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln")))
                return Path.Combine(folder.FullName, "models", "tiny-llava", "golden") is var golden && File.Exists(Path.Combine(golden, "golden.json")) ? golden : null;
        return null;
    }

    [Fact]
    public async Task Prompt_logits_and_answers_are_those_of_the_trainer()
    {
        Assert.SkipWhen(s_golden is null, "this checkout has no golden data");
        using JsonDocument golden = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(s_golden, "golden.json"), Test));
        float[] data = MemoryMarshal.Cast<byte, float>(await File.ReadAllBytesAsync(Path.Combine(s_golden, "golden.bin"), Test)).ToArray();
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(
            // Without prefix cache the context is empty between requests, and free for a look at the logits.
            new() { TowerPrecision = TowerPrecision.F32, Threads = 1, PrefixCache = false }, cancellationToken: Test);
        using FasterVlmChatClient client = model.CreateChatClient();
        foreach (JsonElement picture in golden.RootElement.GetProperty("pictures").EnumerateArray())
        {
            byte[] image = await File.ReadAllBytesAsync(Path.Combine(s_golden, "images", picture.GetProperty("image").GetString()!), Test);
            string question = picture.GetProperty("question").GetString()!;
            IReadOnlyList<PromptPart> parts = model.Generator.Tokenizer.Tokenize(model.Template.Build(null, [ChatTurn.User(question, 0)]));
            Assert.Equal(Ids(picture.GetProperty("ids_before_image")), parts[0].Tokens);
            Assert.Equal(Ids(picture.GetProperty("ids_after_image")), parts[2].Tokens);

            float[] expected = data.AsSpan(picture.GetProperty("logits").GetProperty("offset").GetInt32(), model.Language.Info.VocabularySize).ToArray();
            float worst = (await LogitsAsync(model, image, parts)).Zip(expected, static (a, b) => Math.Abs(a - b)).Max();
            TestContext.Current.TestOutputHelper?.WriteLine($"{picture.GetProperty("image")}: logits {worst:E1}");
            // Reached with AVX-512: 3.7e-3; the KV cache holds 16-bit floats.
            Assert.True(worst < 0.01f, $"{picture.GetProperty("image")}: logits differ by {worst}");

            ChatMessage message = new(ChatRole.User, [new DataContent(image, "image/png"), new TextContent(question)]);
            Assert.Equal(picture.GetProperty("answer").GetString(), (await client.GetResponseAsync([message], cancellationToken: Test)).Text);
        }

        static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(static i => i.GetInt32())];
    }

    static async Task<float[]> LogitsAsync(FasterVlmModel model, byte[] bytes, IReadOnlyList<PromptPart> parts)
    {
        using EncodedImage image = await model.Vision.EncodeAsync(bytes, Test);
        VisualTokens tokens = await model.Vision.SelectAsync(image, model.Selector, VisualTokenBudget.All, cancellationToken: Test);
        model.Language.Evaluate(0, [.. parts.Select(p => p.IsImage ? PromptRows.FromEmbeddings(tokens.Embeddings, tokens.Count) : PromptRows.FromTokens(p.Tokens))], Test);
        float[] logits = model.Language.GetLogits(0).ToArray();
        model.Language.TrimSequence(0, 0);
        return logits;
    }

    [Fact]
    public async Task A_tenth_of_the_visual_tokens_is_enough_for_an_answer()
    {
        Assert.SkipWhen(s_golden is null, "this checkout has no golden data");
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(new() { VisualTokens = VisualTokenBudget.Keep(0.1), Threads = 1 }, cancellationToken: Test);
        using FasterVlmChatClient client = model.CreateChatClient();
        byte[] image = await File.ReadAllBytesAsync(Directory.EnumerateFiles(Path.Combine(s_golden, "images")).Order().First(), Test);
        ChatResponse response = await client.GetResponseAsync(
            [new ChatMessage(ChatRole.User, [new DataContent(image, "image/png"), new TextContent("What is in the picture?")])], cancellationToken: Test);
        Assert.Equal(15, response.Usage!.AdditionalCounts!["visual_tokens_kept"]);
        Assert.StartsWith("The picture shows", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }
}
